"""The set as tasks: one for each bug, by split."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from ....errors import UnknownName
from ...sandbox import Backend, Limits, Sandbox, SandboxError, Spec
from ..task import Patch, Task, Tested, Verdict
from .grading import Unapplicable, judged, patched, run_cases
from .package import SPLITS, Bug, Package, Tree, package_names, read_package, wrong_tree
from .visible import ARGUMENTS, outcomes, without_tests

_SPEC = Spec(
    limits=Limits(memory_bytes=512 << 20, disk_bytes=128 << 20, num_files=10_000, num_processes=64),
)
_OPENING = """\
The working folder holds the Python package `{name}`: {description}
Someone has opened the issue below. Change the package so that it is solved; hidden tests will judge
what the package does, in this case and in others like it. The tests that you find in `tests/` are not
all there is, and changes to them do not count.

# {title}

{issue}
"""


class BugTask(Task):
    """One bug of the set.

    Args:
        package: where it lies.
        bug: which of its bugs.
    """

    timeout_s = 1800.0
    agent_timeout_s = 60.0
    spec = _SPEC

    def __init__(self, package: Package, bug: Bug) -> None:
        self.id = bug.id
        self.package, self.bug = package, bug
        self.split = "seen" if bug.id in package.seen else package.split
        self.instruction = _OPENING.format(
            name=package.name, description=package.description, title=bug.title, issue=bug.issue
        )
        self.metadata: dict[str, Any] = {
            "family": package.name,
            "kind": bug.kind,
            "difficulty": bug.difficulty,
            "split": self.split,
            "fail_to_pass": list(bug.failing) if bug.difficulty == 1 else [],
        }

    @functools.cached_property
    def tree(self) -> Tree:
        """What the agent finds; where the difficulty is 2 or 3, without the visible tests that fail."""
        whole = wrong_tree(self.package, self.bug)
        return whole if self.bug.difficulty == 1 else without_tests(whole, self.bug.failing)

    async def prepare(self, box: Sandbox) -> None:
        """Write the wrong version."""
        await box.write_tree(self.tree)

    async def test(self, box: Sandbox) -> Tested:
        """Run the visible tests as they now are in the box."""
        ran = await box.pytest(ARGUMENTS, self.agent_timeout_s)
        passed, failed = outcomes(ran.output)
        return Tested(ran=ran, passed=passed, failed=failed)

    async def grade(self, backend: Backend, patch: Patch, *, box: Sandbox | None = None) -> Verdict:
        """Judge by the hidden cases, in a new box, on values that are compared outside of it."""
        try:
            tree = patched(self.tree, patch)
        except Unapplicable as error:
            return Verdict(outcome="unapplicable", reward=0.0, cause=str(error))
        if tree == self.tree:
            return Verdict(outcome="empty_patch", reward=0.0, cause="nothing that counts was changed")
        try:
            return judged(await run_cases(backend, self.spec, self.package, tree), self.package)
        except (SandboxError, OSError) as error:
            return Verdict(outcome=None, reward=None, cause=f"{type(error).__name__}: {error}")

    def gold(self) -> Patch:
        """Return the files that the bug's edits touch, as they are in the right version."""
        return {edit.file: self.package.tree[edit.file] for edit in self.bug.edits}


def load_bugs(split: str | None = None) -> Sequence[BugTask]:
    """Return the tasks of a split in a fixed order; of all splits without one.

    Raises:
        UnknownName: for a split that is not one of train, seen, unseen, test.
    """
    if split is not None and split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    return [task for task in _all() if split in (None, task.split)]


def tasks_of(name: str) -> list[BugTask]:
    """Return the tasks of one package.

    Raises:
        UsageError: naming the file and the field that is wrong.
    """
    package = read_package(name)
    return [BugTask(package, bug) for bug in package.bugs]


@functools.cache
def _all() -> tuple[BugTask, ...]:
    return tuple(task for name in package_names() for task in tasks_of(name))
