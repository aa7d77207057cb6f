"""Records as tasks: starts without a future, grading of right, other and broken patches, proofs."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from turnwise.envs.sandbox import ImageError, SandboxError
from turnwise.envs.swe.instances import load_instances
from turnwise.envs.swe.instances.grade import Suite
from turnwise.envs.swe.instances.leaks import find_leaks, needles
from turnwise.envs.swe.instances.task import suite_of
from turnwise.envs.swe.patches import to_diff
from turnwise.envs.swe.prove import attempt, gold_patch, prove
from turnwise.errors import UsageError

SKIP = ["/usr"]


def changed(calc, text: str) -> dict[str, bytes | None]:
    return {"calc/money.py": text.encode()}


def test_gold_resolves_and_nothing_does_not(calc, backend, run):
    proofs = run(prove([calc.task()], backend, times=2))
    assert str(proofs).splitlines() == ["own__calc-1: gold 2/2, empty 0/2", "proved: 1 of 1"]
    assert [verdict.outcome for verdict in proofs.rows[0].empty] == ["empty_patch"] * 2


def test_other_right_patches_are_accepted_whatever_else_they_change(calc, backend, run):
    other = calc.texts.wrong.replace("amount - discount", "amount * (100 - discount) / 100")
    more = {
        "setup.cfg": b"[metadata]\nname = calc\n[tool:pytest]\naddopts = -q\n",
        "tests/test_more.py": b"def test_fails(): assert 0\n",
        "tests/test_money.py": b"broken(",
        "conftest.py": b"broken(",
        "calc/deep/er.py": b"\xff\x00",
        "README": None,
    }
    verdict = run(calc.task().grade(backend, {**changed(calc, other), **more}))
    assert (verdict.outcome, verdict.reward, set(verdict.tests.values())) == ("resolved", 1.0, {True})


def test_half_of_it_is_not_enough_and_the_verdict_names_the_test(calc, backend, run):
    half = calc.texts.right.replace("sum(prices) / len(prices)", "0")
    verdict = run(calc.task().grade(backend, changed(calc, half)))
    assert verdict.outcome == "tests_failed" and sum(verdict.tests.values()) == 3
    assert verdict.cause == "tests/test_money.py::TestMoney::test_mean failed; 1 of 4 tests"


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ({"../x": b""}, "leads out of the tree"),
        ({"/etc/passwd": b""}, "leads out of the tree"),
        ({"calc": b"a file where a folder stands"}, "IsADirectoryError"),
        ({"big": bytes(100 << 20)}, "104857600 bytes"),
    ],
)
def test_what_cannot_be_applied_has_its_class_and_reason(patch, said, calc, backend, run):
    verdict = run(calc.task().grade(backend, patch))
    assert (verdict.outcome, verdict.reward) == ("unapplicable", 0.0) and said in verdict.cause


def test_the_graders_own_failures_are_unscored(calc, backend, run):
    async def broken(spec):
        raise SandboxError("no space left")

    patch = changed(calc, calc.texts.right)
    foreign = calc.raw["test_patch"].replace("money.total([1, 2])", "money.sum([1])")
    for task in (
        calc.task(test_patch=foreign),
        calc.task(Suite(prelude="PATH=/nowhere")),
        calc.task(fail_to_pass=("TestDB",), pass_to_pass=(), test_files=("TestDB",)),
        calc.task(base_commit="0" * 40, clones=None),
    ):
        verdict = run(task.grade(backend, patch))
        assert (verdict.outcome, verdict.reward) == (None, None) and verdict.cause
    stopped = type("Stopped", (), {"start": staticmethod(broken)})()
    assert run(calc.task().grade(stopped, patch)).cause == "SandboxError: no space left"


def test_unittest_and_a_suite_of_its_own_command(calc, backend, run):
    names = ["tests.test_money.TestDiscount.test_discount", "tests.test_money.TestMoney.test_mean"]
    part = {"fail_to_pass": (names[0],), "pass_to_pass": (names[1],), "test_files": ("tests/test_money.py",)}
    own = "python3 -m unittest -v {modules}"
    shown = [f"test_discount ({names[0]})", f"test_mean ({names[1]})"]
    by_log = {**part, "fail_to_pass": (shown[0],), "pass_to_pass": (shown[1],)}
    for task in (
        calc.task(Suite("unittest"), **part),
        calc.task(Suite("command", command=own, parser="unittest"), **by_log),
    ):
        assert run(task.grade(backend, changed(calc, calc.texts.right))).outcome == "resolved"
        wrong = run(task.grade(backend, {"README": b""}))
        assert (wrong.outcome, sum(wrong.tests.values())) == ("tests_failed", 1)
    lying = calc.task(Suite("command", command=f"{own}; exit 0", parser="unittest"), **by_log)
    assert "exit code 0, but" in run(lying.grade(backend, {"README": b""})).cause


def test_the_start_holds_no_future(calc, backend, run):
    task = calc.task()

    async def start():
        patch = await gold_patch(task, backend)
        async with await backend.start(task.spec) as box:
            await task.prepare(box)
            log = await box.run(
                "git log --all --format=%s; git reflog; git fsck --lost-found; git tag; git stash list"
            )
            tested = await task.test(box)
            status = await box.run("git status --short calc/money.py README")
            return patch, log.output, status.output, tested, await find_leaks(box, patch, SKIP)

    patch, log, status, tested, found = run(start())
    assert patch == changed(calc, calc.texts.right)
    assert (log, status, found) == ("Add sums\nBegin\n", "", [])
    assert len(tested.passed) == 2 and not tested.failed


def test_an_image_that_holds_the_future_is_cleaned_and_before_that_everything_is_found(calc, backend, run):
    task = calc.task(clones=None)
    packed = subprocess.run(["tar", "c", "."], cwd=calc.folder, capture_output=True, check=True).stdout
    plant = """tar x && git checkout -qf $BASE && python3 -m compileall -q -b calc/money.py
        mkdir -p build/lib dist site-packages/calc && git show v2:calc/money.py > build/lib/money.py
        git archive --format=zip v2 > dist/calc.whl && git show v2:calc/money.py > site-packages/calc/money.py
        git show v2:calc/money.py > /tmp/money.py
        cd /tmp && python3 -m compileall -q -b money.py && rm money.py"""

    async def search():
        async with await backend.start(task.spec) as box:
            ran = await box.run(plant, 60.0, packed, env={"BASE": calc.base})
            assert ran.exit_code == 0, ran.output
            before = await find_leaks(box, changed(calc, calc.texts.right), SKIP)
            await task.prepare(box)
            return before, await find_leaks(box, changed(calc, calc.texts.right), SKIP)

    before, after = run(search())
    for place in (
        ".git: object",
        "build/lib/money.py",
        "dist/calc.whl!calc",
        "site-packages/calc",
        "/tmp/money.pyc",
    ):
        assert any(place in line for line in before), (place, before)
    left = {line.partition(":")[0] for line in after}
    assert left == {"/workspace/site-packages/calc/money.py", "/tmp/money.pyc"}  # named, not silently removed


def test_a_planted_bug_has_no_parent_and_hides_its_tests(calc, backend, run):
    planted = calc.texts.wrong.replace("amount - discount", "amount + discount")
    bug = to_diff({"calc/money.py": planted.encode()}, {"calc/money.py": calc.texts.wrong.encode()})
    task = calc.task(style="swe-smith", bug=bug, gold="", test_patch="", base_commit=calc.base,
                     fail_to_pass=("tests/test_money.py::test_total",), pass_to_pass=())  # fmt: skip

    async def start():
        async with await backend.start(task.spec) as box:
            await task.prepare(box)
            ran = await box.run("git log --all --oneline | wc -l; ls tests; cat calc/money.py")
            return ran.output, await find_leaks(box, changed(calc, calc.texts.wrong), SKIP)

    output, found = run(start())
    assert output.startswith("1\n") and "test_money" not in output and "amount + discount" in output
    assert found == []
    assert run(gold_patch(task, backend)) == changed(calc, calc.texts.wrong)
    assert run(attempt(task, backend, lambda part: part.gold())).outcome == "resolved"


def test_an_image_without_the_commit_is_the_tasks_fault_and_names_the_record(calc, backend, run):
    async def start():
        async with await backend.start(calc.task().spec) as box:
            await calc.task(clones=None).prepare(box)

    with pytest.raises(ImageError, match="own__calc-1: the base commit cannot be checked out in /workspace"):
        run(start())


@pytest.mark.parametrize(
    ("wrong", "clones", "said"),
    [
        ({}, "empty", "empty' holds no clone of own/calc; expected a folder own__calc or calc in it"),
        ({}, "gone", "gone' is not there, and so holds no clone of own/calc"),
        ({}, "plain", "not a git repository"),
        ({}, None, "image='host' holds no repository; give clones=FOLDER with a git clone of own/calc"),
        ({"base_commit": "a" * 40}, "", "own__calc-1: field 'base_commit': .*own__calc has no commit 'aaaa"),
        ({"base_commit": "b b\nc"}, "", "own__calc has no commit 'b b"),
    ],
)
def test_what_clones_do_not_hold_is_named_before_anything_is_played(calc, wrong, clones, said, tmp_path):
    (tmp_path / "set.jsonl").write_text(json.dumps(calc.raw | wrong))
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain/own__calc").mkdir(parents=True)
    given = None if clones is None else tmp_path / clones if clones else calc.folder.parent
    with pytest.raises(UsageError, match=said):
        load_instances(tmp_path / "set.jsonl", image="host", clones=given)


def test_how_a_suite_is_run_is_read_from_the_record(calc):
    record = calc.task().record
    words = "cd x && python -m pytest -rA -W ignore::DeprecationWarning --tb=no tests/a.py"
    assert suite_of(replace(record, test_command=words)).options == (
        "-rA", "-W", "ignore::DeprecationWarning", "--tb=no",
    )  # fmt: skip
    assert suite_of(replace(record, test_command="go test ./...", parser="pytest")).kind == "command"
    assert suite_of(replace(record, repo="django/django")).parser == "unittest"


def test_the_same_line_elsewhere_is_no_leak(calc, backend, run):
    async def search():
        async with await backend.start(calc.task().spec) as box:
            await box.write("calc/money.py", calc.texts.wrong.encode())
            other = "def cut(amount, discount):\n    reduction = amount * discount / 100\n"
            other += "    return amount - reduction\n"
            await box.write("calc/other.py", other.encode())
            none = await find_leaks(box, changed(calc, calc.texts.right), SKIP)
            diff = calc.raw["patch"]
            await box.write("notes.txt", f"Do this:\n{diff}".encode())
            return none, await find_leaks(box, changed(calc, calc.texts.right), SKIP)

    assert run(search()) == ([], ["/workspace/notes.txt: 2 of 2 new lines"])


def test_needles_are_what_is_new():
    new = {"a/money.py": b"old line here\nreduction = amount\n", "gone.py": None}
    found = needles(new, {"a/money.py": b"old line here\namount = 1\n"})
    assert (found["lines"], found["words"], found["stems"]) == (
        ["reduction = amount"],
        ["reduction"],
        ["money", "gone"],
    )
