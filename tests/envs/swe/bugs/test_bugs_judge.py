"""The judge of the set: what is one value, and that no output but the right values resolves."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from folder_boxes import FolderBackend

from turnwise.envs.sandbox import Ran, Sandbox, Spec
from turnwise.envs.swe.bugs import judging
from turnwise.envs.swe.bugs.comparing import compare, values
from turnwise.envs.swe.bugs.grading import Unapplicable, is_ignored, judged, patched, run_cases, verdict
from turnwise.envs.swe.bugs.judging import MAX_TEXT, WAITED, Cases, Unplain, encode, tried, unordered
from turnwise.envs.swe.bugs.package import Package
from turnwise.envs.swe.bugs.trusted import run_cases_here


class Number(int):
    """A number that equals everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


def test_values_that_are_equal_in_python_differ() -> None:
    texts = [encode(value) for value in (1, 1.0, True, "1", b"1", [1], (1,), {1}, {1: 1}, None, 0.0, -0.0)]
    assert len(set(texts)) == len(texts)
    assert encode(math.nan) == encode(float("nan"))
    assert encode({"a": 1, "b": 2}) != encode({"b": 2, "a": 1})
    assert encode(unordered({"b": 2, "a": 1})) == encode({"a": 1, "b": 2})
    assert encode({3, 1, 2}) == encode({2, 3, 1})


def test_what_is_no_plain_value() -> None:
    ring: list[object] = []
    ring.append(ring)
    for value in (Number(1), object(), ring, [{"a": object()}], print):
        with pytest.raises(Unplain):
            encode(value)


def test_an_exception_is_its_name() -> None:
    assert tried(int, "x") == ("raised", "ValueError")
    assert tried(exit) == ("raised", "SystemExit")
    assert tried(int, "7") == 7


CASES = """
from judging import tried
import thing

def case_good():
    return thing.double(2)

def case_hangs():
    while thing.hang:
        pass

def case_leaves():
    import os
    os._exit(0)

def case_exits():
    raise SystemExit(0)

def case_is_not_plain():
    return object()

def case_is_long():
    return "x" * 70000

def case_writes_elsewhere():
    print('{"case": "case_hangs", "value": "None"}', flush=True)
    thing.double = None
    return 1

def case_is_alone():
    return thing.double(3)

def helper():
    return 1
"""
EXPECTED = {"case_good": "4", "case_writes_elsewhere": "1", "case_is_alone": "6"}


def package_of(cases: str, expected: dict[str, str], **tree: str) -> Package:
    files = {f"{name}.py": source.encode() for name, source in tree.items()}
    return Package("thing", "", "train", (), files, {"all": cases}, expected, ())


def test_each_case_runs_alone() -> None:
    package = package_of(CASES, EXPECTED, thing="hang = True\ndef double(x):\n    return 2 * x\n")
    output = run_cases_here(package, package.tree)
    lines = {line["case"]: line for line in map(json.loads, output.splitlines()) if "case" in line}
    assert {name: line.get("value") for name, line in lines.items() if "value" in line} == EXPECTED
    assert lines["case_exits"]["failed"] == "SystemExit"
    assert lines["case_is_not_plain"]["failed"] == "Unplain"
    assert "long" in lines["case_is_long"]["failed"] and "no value" in lines["case_leaves"]["failed"]
    assert "long" in lines["case_hangs"]["failed"] and len(lines) == 8
    assert compare(output, EXPECTED).resolved
    assert not compare(output, {**EXPECTED, "case_good": "4.0"}).resolved
    with pytest.raises(ValueError, match="case_exits"):
        values(output)


def test_files_of_cases_share_what_stands_in_one_of_them() -> None:
    files = {
        "shared": "import thing\ndef doubled(x):\n    return thing.double(x)\n",
        "one": "from cases.shared import doubled\ndef case_one():\n    return doubled(1)\n",
        "two": "from cases.shared import doubled\ndef case_two():\n    return doubled(2)\n",
    }
    expected = {"case_one": "2", "case_two": "4"}
    package = package_of("", expected, thing="def double(x):\n    return 2 * x\n")
    package = dataclasses.replace(package, cases=files)
    assert values(run_cases_here(package, package.tree)) == expected
    with pytest.raises(ValueError, match="case_one: a name of two cases"):
        Cases({**files, "three": files["one"]})


def test_a_module_that_ends_the_process_fails_every_case() -> None:
    package = package_of(
        "import thing\ndef case_a():\n    return 1\n", {"case_a": "1"}, thing="import os\nos._exit(0)"
    )
    compared = compare(run_cases_here(package, package.tree), package.expected)
    assert compared.ready and compared.passed == {"case_a": False}


def test_a_syntax_error_fails_every_case() -> None:
    package = package_of("import thing\ndef case_a():\n    return 1\n", {"case_a": "1"}, thing="def broken(:")
    compared = compare(run_cases_here(package, package.tree), package.expected)
    assert compared.reasons == {"case_a": "SyntaxError"}


def test_no_output_resolves_nothing() -> None:
    assert not compare("", {}).resolved and not compare('{"ready": 0}', {}).resolved
    assert not compare("", {"case_a": "1"}).ready
    assert not compare('{"ready": 1}\nall passed\n[' + "[" * 100_000, {"case_a": "1"}).resolved
    both = '{"ready": 1}\n{"case": "case_a", "value": "2"}\n{"case": "case_a", "value": "1"}'
    assert not compare(both, {"case_a": "1"}).resolved


def test_a_judge_that_does_not_start_is_unscored() -> None:
    from turnwise.envs.sandbox import Ran

    package = package_of("", {"case_a": "1"})
    assert judged(Ran(127, "python3: not found", 0, 0.1, "exit"), package).outcome is None
    verdict = judged(Ran(None, '{"ready": 1}', 0, 0.1, "memory"), package)
    assert verdict.outcome == "tests_failed" and verdict.reward == 0.0


@pytest.mark.parametrize(
    "path",
    ["tests/test_a.py", "a/conftest.py", "pytest.ini", "setup.cfg", "tox.ini", "sitecustomize.py", "a/b.pyc"],
)
def test_what_decides_nothing(path: str) -> None:
    tree = {"thing.py": b"x = 1"}
    assert is_ignored(path) and patched(tree, {path: b"forged"}) == tree


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../../b", "", "a//b", "a\0b", "./a", "thing.py/x"]
)
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(Unapplicable):
        patched({"thing.py": b"x = 1"}, {path: b""})


def test_a_patch_writes_and_deletes() -> None:
    tree = {"a.py": b"1", "b.py": b"2"}
    assert patched(tree, {"a.py": None, "c/d.py": b"3"}) == {"b.py": b"2", "c/d.py": b"3"}
    assert tree == {"a.py": b"1", "b.py": b"2"}
    with pytest.raises(Unapplicable, match="limit"):
        patched(tree, {"big": b"x" * (1 << 25)})


def test_the_program_needs_the_standard_library_alone() -> None:
    from turnwise.envs.swe.bugs import comparing, judging

    for module in (judging, comparing):
        assert "from ." not in Path(module.__file__).read_text()
    assert MAX_TEXT == 65536


def test_a_case_that_waits_is_told_from_one_that_is_busy(tmp_path: Path) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "all.py").write_text("import time\ndef case_waits():\n    time.sleep(60)\n")
    (tmp_path / "judging.py").write_bytes(Path(judging.__file__).read_bytes())
    command = [sys.executable, "-I", str(tmp_path / "judging.py"), str(tmp_path), "10", "0.2"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(output.splitlines()[-1]) == {"case": "case_waits", "failed": WAITED}


def test_cases_that_are_right_at_the_last_moment_hang_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(judging._Case):
        """A case whose time is over when its value is there."""

        def is_late(self, last: float) -> bool:
            select.select([self.channel], [], [])
            self.end = 0.0
            return super().is_late(0.0)

    monkeypatch.setattr(judging, "_Case", Late)
    names = [f"case_{number}" for number in range(9)]
    cases = Cases({"all": "".join(f"def {name}():\n    return 1\n" for name in names)})
    lines = sorted(judging.results(cases, 30.0, 5.0), key=lambda line: line["case"])
    assert lines == [{"case": name, "value": "1"} for name in names]


def test_one_that_only_lacks_a_processor_gets_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = Cases({"all": "import time\ndef case_sleeps():\n    time.sleep(60)\n"})
    case = judging._Case("case_sleeps", cases, end=0.0)
    last = time.monotonic() + 60.0
    monkeypatch.setattr(judging, "_is_starved", lambda process: process == case.child)
    assert not case.is_late(last) and 0.0 < case.end - time.monotonic() <= 1.0
    case.end = 0.0
    assert case.is_late(last=1.0)  # the time of all is over
    monkeypatch.undo()
    while judging._is_starved(case.child):  # until it sleeps
        time.sleep(0.01)
    assert case.is_late(last)
    assert case.finish(late=True) == {"case": "case_sleeps", "failed": WAITED}
    assert not judging._is_starved(case.child)  # it is gone


def test_where_the_machine_has_no_time_nothing_is_known_and_what_failed_by_itself_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"case_{number}" for number in range(9)]
    source = "".join(f"def {name}():\n    while True: pass\n" for name in names)
    monkeypatch.setattr(judging, "_is_starved", lambda process: True)
    lines = list(judging.results(Cases({"all": source}), 0.1, 0.05))
    assert [line["case"] for line in lines if line.get("starved")] == names
    output = "\n".join(map(json.dumps, [{"ready": 9}, *lines]))
    unknown = verdict(compare(output, dict.fromkeys(names, "1")), "")
    assert unknown.outcome is None and "no time for 9 hidden cases" in unknown.cause
    output += '\n{"case": "case_x", "failed": "ValueError"}'
    failed = verdict(compare(output, dict.fromkeys([*names, "case_x"], "1")), "")
    assert (failed.outcome, failed.cause) == ("tests_failed", "case_x: ValueError")


class _Machine(FolderBackend):
    """A machine on which a command says what it is told to, one answer after another."""

    def __init__(self, *answers: Ran) -> None:
        super().__init__()
        self.answers, self.asked = list(answers), []

    async def start(self, spec: Spec) -> Sandbox:
        box = await super().start(spec)

        async def run(command: str, timeout_s: float = 60.0, stdin: bytes | None = None, **_: object) -> Ran:
            self.asked.append(command)
            return self.answers.pop(0)

        box.run = run  # type: ignore[method-assign]
        return box


SLOW = Ran(0, f'{{"ready": 1}}\n{{"case": "case_a", "failed": "{WAITED}"}}', 0, 5.0, "exit")
BUSY = Ran(0, '{"ready": 1}\n{"case": "case_a", "failed": "it took too long"}', 0, 5.0, "exit")
STARVED = Ran(0, '{"ready": 1}\n{"case": "case_a", "failed": "no time", "starved": true}', 0, 5.0, "exit")
LIAR = Ran(0, '{"ready": 1}\n{"case": "case_a", "failed": "the machine had no time for it"}', 0, 5.0, "exit")
RIGHT = Ran(0, '{"ready": 1}\n{"case": "case_a", "value": "1"}', 0, 9.0, "exit")
CUT = Ran(None, '{"ready": 1}', 0, 60.0, "timeout")


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((SLOW, RIGHT), "resolved"),
        ((CUT, RIGHT), "resolved"),
        ((SLOW, SLOW), "tests_failed"),
        ((BUSY,), "tests_failed"),
        ((CUT, STARVED), None),
        ((LIAR, LIAR), "tests_failed"),
    ],
)
def test_a_right_patch_on_a_slow_machine_is_right(answers: tuple[Ran, ...], outcome: str | None) -> None:
    package = package_of("def case_a():\n    return 1\n", {"case_a": "1"})
    machine = _Machine(*answers)
    ran = asyncio.run(run_cases(machine, Spec(), package, package.tree))
    assert judged(ran, package).outcome == outcome and machine.answers == []
    assert len(machine.asked) == len(answers)
