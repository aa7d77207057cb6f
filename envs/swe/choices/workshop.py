"""What episodes of one process share: a prepared box for each bug to fork from, and results by content."""

from __future__ import annotations

import asyncio
import copy
import functools
import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ...sandbox import Backend, Sandbox, SandboxError
from ..bugs.grading import judge_files
from ..bugs.set import BugTask
from ..state import kept
from ..task import Outcome, Patch
from .candidates import Candidate, candidates
from .memory import Memory

NUM_WRONG = 5
"""Wrong edits made for each bug; an episode shows some of them."""

TEST_SECONDS = 20.0
"""Of a run of the visible tests, which take a second; some edits loop for ever."""

_MOST_BOXES = 128  # prepared boxes that wait


class Results(NamedTuple):
    """What the visible tests said."""

    passed: frozenset[str]
    failed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Bug:
    """A task with the edits to choose from, the right one first, and a box in which it is prepared."""

    task: BugTask
    files: Mapping[str, str]  # those that edits change, as they are at the start
    edits: tuple[Candidate, ...]
    box: Sandbox
    start: str  # the snapshot of it
    passing: frozenset[str]  # visible tests that pass at the start


class Workshop:
    """Prepared boxes and remembered results; it lives on one event loop.

    Args:
        backend: what starts boxes.
        memory: what is known of tests and grades.
    """

    def __init__(self, backend: Backend, memory: Memory | None = None) -> None:
        self.backend, self.memory = backend, memory or Memory()
        self._bugs: OrderedDict[str, Bug] = OrderedDict()
        self._opening: dict[str, asyncio.Lock] = {}

    async def begin(self, task: BugTask) -> tuple[Bug, Sandbox]:
        """Return a task with its edits, and a box of its own to work in.

        Raises:
            SandboxError: if the machine does not give a box, or the task's files are broken.
        """
        bug = await self._opened(task)
        try:
            return bug, (await bug.box.fork(1))[0]
        except SandboxError:
            await self._forget(task.id)  # the prepared box is gone; another is made once
        bug = await self._opened(task)
        return bug, (await bug.box.fork(1))[0]

    async def test(self, bug: Bug, edit: Candidate | None, box: Sandbox) -> Results:
        """Run the visible tests in a box whose files are known: the start and one edit, or none."""

        async def run() -> Results:
            tested = await bug.task.test(box)
            return Results(tested.passed, tested.failed)

        return await self.memory.get(("tests of", bug.task.id, edit.key if edit else "-"), run)

    async def grade(self, bug: Bug, edit: Candidate | None, box: Sandbox) -> Outcome:
        """Judge what has changed in a box.

        Raises:
            SandboxError: if the grader failed, or the box holds other files than were written.
        """
        patch = kept(await box.changes(bug.start))
        if patch != _patch(edit):
            expected = f"{sorted(_patch(edit))} as they were written"
            raise SandboxError(f"the box of {bug.task.id} changed {sorted(patch)}; expected {expected}")

        async def run() -> Outcome:
            verdict = await bug.task.grade(self.backend, patch)
            if verdict.outcome is None:
                raise SandboxError(f"{bug.task.id} could not be graded: {verdict.cause}")
            return verdict.outcome

        return await self.memory.get(("grade of", bug.task.id, edit.key if edit else "-"), run)

    async def _opened(self, task: BugTask) -> Bug:
        async with self._opening.setdefault(task.id, asyncio.Lock()):
            if task.id in self._bugs:
                self._bugs.move_to_end(task.id)
                return self._bugs[task.id]
            files, edits = edits_of(task)
            task = copy.copy(task)
            task.agent_timeout_s = TEST_SECONDS
            box = await self.backend.start(task.spec)
            try:
                await task.prepare(box)
                start = await box.snapshot()
                unpaid = Bug(task, files, edits, box, start, frozenset())
                async with (await box.fork(1))[0] as beside:
                    passing = (await self.test(unpaid, None, beside)).passed
            except BaseException:
                await box.aclose()
                raise
            self._bugs[task.id] = bug = Bug(task, files, edits, box, start, passing)
        if len(self._bugs) > _MOST_BOXES:
            await self._forget(next(iter(self._bugs)))
        return bug

    async def _forget(self, id: str) -> None:
        bug = self._bugs.pop(id, None)
        if bug is not None:
            await bug.box.aclose()


@functools.lru_cache(maxsize=1024)
def edits_of(task: BugTask) -> tuple[Mapping[str, str], tuple[Candidate, ...]]:
    """Return the files that edits of a task change, and the edits, the right one first."""
    gold = {path: content.decode() for path, content in task.gold().items() if content is not None}
    files = {path: task.tree[path].decode() for path in gold}
    return files, tuple(candidates(files, gold, NUM_WRONG, seed=0))


def task_digest(task: BugTask) -> str:
    """Return a name for what decides a task: its start, the right edit, and what judges it."""
    hashed = hashlib.sha256(task.id.encode())
    for tree in (task.tree, task.gold(), judge_files(task.package)):
        for path, content in sorted(tree.items()):
            hashed.update(f"{path} {len(content or b'')}".encode() + b"\0" + (content or b""))
    hashed.update(json.dumps(sorted(task.package.expected.items())).encode())
    return hashed.hexdigest()


def _patch(edit: Candidate | None) -> Patch:
    return {path: text.encode() for path, text in edit.files.items()} if edit else {}
