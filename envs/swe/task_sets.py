"""Sets of tasks by name or by file, and one hash for all that decides what comes of them."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import TurnwiseError, UnknownName, UsageError
from ..fingerprint import without_docstrings
from .task import Task


@dataclass(frozen=True, slots=True)
class TaskSet:
    """Tasks that an environment plays.

    Args:
        name: for messages.
        tasks: in order; the seed chooses one.
        digest: of the tasks and of the code that prepares and grades them.
        passing: id of a task -> the visible tests that pass at its start, once that is known.
    """

    name: str
    tasks: tuple[Task, ...]
    digest: str
    passing: dict[str, frozenset[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, tasks: Sequence[Task]) -> TaskSet:
        """Make a set.

        Raises:
            UsageError: if there are no tasks, or two have the same id.
        """
        if not tasks:
            raise UsageError(f"the set {name!r} holds no tasks")
        ids = [task.id for task in tasks]
        twice = next((id for id in ids if ids.count(id) > 1), None)
        if twice is not None:
            raise UsageError(f"{name} holds two tasks of the id {twice!r}")
        return cls(name, tuple(tasks), _digest(tasks))

    def by_id(self, id: str) -> Task:
        """Return the task of an id.

        Raises:
            UnknownName: if there is none.
        """
        for task in self.tasks:
            if task.id == id:
                return task
        raise UnknownName("task", id, [task.id for task in self.tasks])


def _digest(tasks: Sequence[Task]) -> str:
    digest = hashlib.sha256()
    for folder in sorted({Path(inspect.getfile(type(task))).parent for task in tasks}):
        for file in sorted(folder.rglob("*.py")):
            digest.update(str(file.relative_to(folder)).encode() + b"\0")
            digest.update(without_docstrings(file.read_bytes()))
    for task in tasks:
        about = [task.id, task.instruction, sorted(map(str, task.metadata.items()))]
        digest.update(json.dumps(about).encode())
        with suppress(TurnwiseError):  # a set without solutions
            digest.update(_solution(task))
    return digest.hexdigest()[:16]


def _solution(task: Task) -> bytes:
    gold = task.gold()
    if isinstance(gold, str):
        return gold.encode()
    return b"".join(path.encode() + b"\0" + (content or b"") for path, content in sorted(gold.items()))
