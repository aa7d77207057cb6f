"""Two bugs of a package of one file, in boxes on plain folders: quick, and safe for our own code only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from folder_boxes import FolderBackend

from turnwise.envs.sandbox import Backend, Ran, Sandbox
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe.bugs.package import Bug, Edit, Package
from turnwise.envs.swe.bugs.set import BugTask
from turnwise.envs.swe.choices import environment
from turnwise.envs.swe.choices.environment import ChoicesEnv
from turnwise.envs.swe.choices.memory import Memory
from turnwise.envs.swe.choices.workshop import Workshop
from turnwise.envs.swe.task import Patch, Tested, Verdict

SOURCE = """\
def clamp(value, low, high):
    if value < low:
        return low
    return min(value, high)


def span(first, last, step=1):
    count = (last - first) // step
    return [first + step * number for number in range(count + 1)]
"""
TESTS = ("low", "high", "span")
_RIGHT: Mapping[str, Any] = {"low": 2, "high": 5, "span": [1, 2, 3]}


class SmallTask(BugTask):
    """A bug whose tests run in this process, on the one file of the box."""

    runs = 0
    grades = 0

    async def test(self, box: Sandbox) -> Tested:
        type(self).runs += 1
        right = _checked((await box.read("small/small.py")).decode())
        passed = frozenset(f"tests/test_small.py::test_{name}" for name in TESTS if right[name])
        failed = frozenset(f"tests/test_small.py::test_{name}" for name in TESTS if not right[name])
        return Tested(ran=Ran(0, "", 0, 0.0, "exit"), passed=passed, failed=failed)

    async def grade(self, backend: Backend, patch: Patch, *, box: Sandbox | None = None) -> Verdict:
        type(self).grades += 1
        if not patch:
            return Verdict(outcome="empty_patch", reward=0.0)
        source = (patch["small/small.py"] or b"").decode()
        right = all(_checked(source).values())
        return Verdict(outcome="resolved" if right else "tests_failed", reward=float(right))


def _checked(source: str) -> dict[str, bool]:
    names: dict[str, Any] = {}
    try:
        exec(source, names)
        found = {"low": names["clamp"](1, 2, 5), "high": names["clamp"](9, 2, 5), "span": names["span"](1, 3)}
    except Exception as error:  # noqa: BLE001 - whatever a mutation does
        found = dict.fromkeys(TESTS, error)
    return {name: found[name] == _RIGHT[name] for name in TESTS}


def small_tasks() -> list[SmallTask]:
    """Return the two bugs; under each a test fails."""
    edits = [
        Edit("small/small.py", "value < low", "value > low"),
        Edit("small/small.py", "count + 1", "count"),
    ]
    bugs = tuple(
        Bug(f"small-{n:02d}", "operator", 1, f"Wrong {n}", "It says  1.\nI want 2.", (edit,), (), ())
        for n, edit in enumerate(edits, start=1)
    )
    tree = {"small/small.py": SOURCE.encode(), "README.md": b"# Small\n"}
    package = Package("small", "Small things.", "train", (), tree, b"", {}, bugs)
    return [SmallTask(package, bug) for bug in bugs]


@contextmanager
def small_choices(**kwargs: Any) -> Iterator[tuple[ChoicesEnv, Workshop, FolderBackend]]:
    """Make the environment on these bugs."""
    backend = FolderBackend()
    shop = Workshop(backend, Memory(check_every=0))
    SmallTask.runs = SmallTask.grades = 0
    with (
        mock.patch.object(environment, "bugs_of", lambda *_: tuple(small_tasks())),
        mock.patch.dict(environment._workshops, {"auto": shop}),
    ):
        env = ChoicesEnv(**kwargs)
        try:
            yield env, shop, backend
        finally:
            env.close()
            call(backend.aclose())  # the workshop keeps a box for each task
