"""The set holds what it says: right versions reproduce what was recorded, wrong ones do not."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import pytest

from turnwise.envs.swe.bugs.cheats import CHEATS, cheat
from turnwise.envs.swe.bugs.comparing import values
from turnwise.envs.swe.bugs.grading import JUDGE, judge_files, patched
from turnwise.envs.swe.bugs.package import KINDS, edited, package_names, read_package
from turnwise.envs.swe.bugs.prove import MIN_ALTERNATIVES, alternatives, judged_here
from turnwise.envs.swe.bugs.set import BugTask, load_bugs, tasks_of
from turnwise.envs.swe.bugs.trusted import run_cases_here
from turnwise.envs.swe.bugs.visible import outcomes, without_tests
from turnwise.errors import UnknownName, UsageError

PACKAGES = package_names()


@pytest.mark.parametrize("name", PACKAGES)
def test_the_right_version_returns_what_was_recorded(name: str) -> None:
    package = read_package(name)
    assert values(run_cases_here(package, package.tree)) == package.expected


@pytest.mark.parametrize("name", PACKAGES)
def test_a_bug_and_an_alternative_of_each_package(name: str) -> None:
    tasks = tasks_of(name)
    several = [task for task in tasks if task.bug.alternatives]
    assert asyncio.run(judged_here(tasks[-1], {})) != "resolved"
    assert all(len(task.bug.alternatives) >= MIN_ALTERNATIVES for task in several)
    for task in several[:1]:
        assert asyncio.run(judged_here(task, alternatives(task)[-1])) == "resolved"


def test_thirty_bugs_have_three_other_right_solutions() -> None:
    """That they are right, each judged in a box, is what `prove` shows."""
    several = 0
    for task in load_bugs():
        patches = [patched(task.tree, patch) for patch in [task.gold(), *alternatives(task)]]
        different = {str(sorted(tree.items())) for tree in [task.tree, *patches]}
        assert len(different) == len(patches) + 1, f"{task.id}: two of its solutions are the same"
        several += len(patches) > MIN_ALTERNATIVES
    assert several >= 30


@pytest.mark.parametrize("name", PACKAGES)
def test_gold_makes_the_tree_right_again(name: str) -> None:
    for task in tasks_of(name):
        right = patched(task.tree, task.gold())
        changed = {path for path, data in task.tree.items() if task.package.tree[path] != data}
        assert {path: right[path] for path in right if not path.startswith("tests/")} == {
            path: data for path, data in task.package.tree.items() if not path.startswith("tests/")
        }
        assert any(not path.startswith("tests/") for path in changed)


@pytest.mark.parametrize("name", PACKAGES)
def test_what_a_cheat_keeps_is_no_gold(name: str) -> None:
    task = tasks_of(name)[0]
    for kind in CHEATS:
        kept = patched(task.tree, cheat(kind, task))
        assert kept != task.package.tree
        assert (kept == task.tree) == (
            kind in ("tests edited", "tests deleted", "conftest and settings that forge")
        )


@pytest.mark.parametrize("kind", ["forged results on every channel", "the cases read, constants answered"])
def test_cheats_that_read_the_cases_look_where_they_are(kind: str) -> None:
    task = load_bugs()[0]
    patch = b"".join(data or b"" for data in cheat(kind, task).values()).decode()
    (pattern,) = set(re.findall(rf'glob\("({JUDGE}[^"]*)"\)', patch))
    found = {path for path in judge_files(task.package) if fnmatch(f"{JUDGE}/{path}", pattern)}
    assert len(found) == len(task.package.cases)


def test_ids_are_unique_and_issues_say_no_more_than_a_person_would() -> None:
    tasks = load_bugs()
    assert len({task.id for task in tasks}) == len(tasks)
    assert len({task.bug.issue for task in tasks}) == len(tasks)
    for task in tasks:
        assert task.bug.title in task.instruction and len(task.bug.issue) > 60
        names = {edit.file.rpartition("/")[2] for edit in task.bug.edits}
        if task.bug.difficulty > 1:
            assert not [name for name in names if name in task.bug.issue], task.id


def test_no_two_bugs_of_a_package_touch_the_same_lines_alike() -> None:
    for name in PACKAGES:
        seen = Counter(edit for task in tasks_of(name) for edit in task.bug.edits)
        assert [edit for edit, count in seen.items() if count > 1] == []


def test_splits_divide_the_set() -> None:
    parts = {split: load_bugs(split) for split in ("train", "seen", "unseen", "test")}
    assert sum(map(len, parts.values())) == len(load_bugs())
    families = {split: {task.metadata["family"] for task in tasks} for split, tasks in parts.items()}
    assert families["seen"] <= families["train"] and len(families["seen"]) >= 3
    seen = {id for name in PACKAGES for id in read_package(name).seen}
    assert {task.id for task in parts["seen"]} == seen
    for split in ("unseen", "test"):
        assert not families[split] & set().union(*(families[other] for other in families if other != split))
    assert {task.bug.kind for task in load_bugs()} <= set(KINDS)
    with pytest.raises(UnknownName, match="split"):
        load_bugs("held out")


@pytest.mark.parametrize(("split", "seen"), [("seen", []), ("test", ["thing-01"])])
def test_bugs_are_held_out_of_packages_for_training_alone(
    split: str, seen: list[str], tmp_path: Path
) -> None:
    (tmp_path / "thing").mkdir()
    text = f'name = "thing"\ndescription = ""\nsplit = "{split}"\nseen = {seen}\n'
    (tmp_path / "thing" / "package.toml").write_text(text)
    with pytest.raises(UsageError, match="`seen` in train alone"):
        read_package("thing", tmp_path)


def test_what_an_agent_finds_holds_no_answer() -> None:
    for task in load_bugs():
        assert not [path for path in task.tree if "hidden" in path or "bugs" in path or path.endswith(".pyc")]
        if task.bug.difficulty > 1:
            for test in task.bug.failing:
                file, _, name = test.partition("::")
                assert f"def {name.rpartition('::')[2]}(" not in task.tree.get(file, b"").decode()


def test_tests_are_cut_out_whole() -> None:
    source = (
        "import x\n\n\n@mark\ndef test_a():\n    assert 1\n\n\n# about b\ndef test_b():\n    assert 2\n"
        "\n\nclass TestC:\n    def test_d(self):\n        pass\n\n    def test_e(self):\n        pass\n"
    )
    tree = {"tests/test_x.py": source.encode()}
    left = without_tests(tree, ["tests/test_x.py::test_a", "tests/test_x.py::TestC::test_d"])[
        "tests/test_x.py"
    ]
    assert b"test_a" not in left and b"@mark" not in left and b"test_d" not in left
    assert b"def test_b" in left and b"def test_e" in left
    names = ["test_a", "test_b", "TestC::test_d", "TestC::test_e"]
    assert without_tests(tree, [f"tests/test_x.py::{name}" for name in names]) == {}


def test_reading_what_pytest_says() -> None:
    output = (
        "..F\nPASSED tests/test_a.py::test_one[x - y]\nFAILED tests/test_a.py::test_one[z] - assert 1 == 2\n"
        "PASSED tests/test_a.py::TestB::test_two\nERROR tests/test_c.py::test_three - Oops\n1 failed\n"
    )
    passed, failed = outcomes(output)
    assert passed == {"tests/test_a.py::TestB::test_two"}
    assert failed == {"tests/test_a.py::test_one", "tests/test_c.py::test_three"}


def test_an_edit_must_fit() -> None:
    task: BugTask = load_bugs()[0]
    with pytest.raises(Exception, match="occurs 0 times"):
        edited(task.package.tree, task.bug.edits + task.bug.edits, "twice")
