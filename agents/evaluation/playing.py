"""Which tasks of an evaluation are played, which once more, and which count in the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ...ends import MACHINE
from ..control.holding import Holding
from ..rollout.config import TaskItem
from ..types import Trajectory
from .folder import EvaluationFolder
from .results import EvalRow

OnProgress = Callable[[EvalRow], None]


class Playing:
    """The tasks of one evaluation, and the row of each that has ended.

    Args:
        tasks: all of them, by rising seeds.
        folder: keeps what ended; None keeps nothing.
        report: called with each row.
        held: what was asked of it; None where nobody can ask.
        own: whether `held` is the evaluation's own, and not a suite's.

    Attributes:
        played: whether anything was played.
    """

    def __init__(
        self,
        tasks: Sequence[TaskItem],
        folder: EvaluationFolder | None,
        report: OnProgress | None,
        held: Holding | None,
        *,
        own: bool,
    ) -> None:
        self._tasks, self._folder, self._report = tasks, folder, report
        self._held, self._own = held, own and held is not None
        self._again: set[int] = set()
        self.played = False
        known = {} if folder is None else folder.rows
        self._rows = {task.seed: known[task.seed] for task in tasks if task.seed in known}
        for row in self._rows.values():
            self._tell(row)
        if held is not None and own:
            held.given = held.episodes = len(tasks)
            held.gate.admits = self._is_wanted

    async def play(self, start: Callable[..., Awaitable[object]]) -> None:
        """Play what is missing, until nothing is.

        Args:
            start: plays the tasks that it is given, as `rollout` does.

        Raises:
            Stopped: if that was asked for before the end.
        """
        while missing := self._missing():
            self.played = True
            gate = None if self._held is None else self._held.gate
            await start(tasks=missing, on_trajectory=self._keep, gate=gate)
            if self._held is not None:
                wanted = [task for task in self._tasks if self._is_wanted(task)]
                ended = sum(task.seed in self._rows for task in wanted)
                self._held.check(ended, len(wanted), "episodes")
                if self._held.gate.ending:
                    return

    @property
    def counted(self) -> list[EvalRow]:
        """Return the rows that the result is of."""
        return [self._rows[task.seed] for task in self._tasks if self._is_wanted(task)]

    @property
    def changed(self) -> dict[str, Any]:
        """Return what a result has to say of changes under way."""
        return {"changed": self._held.changed} if self._own and self._held and self._held.changed else {}

    def _missing(self) -> list[TaskItem]:
        if self._own and self._held and self._held.take_again():
            self._again = {seed for seed, row in self._rows.items() if row.end in MACHINE}
        return [
            task
            for task in self._tasks
            if self._is_wanted(task) and (task.seed not in self._rows or task.seed in self._again)
        ]

    def _is_wanted(self, task: TaskItem) -> bool:
        if not (self._own and self._held):
            return True
        return task.seed < self._tasks[0].seed + self._held.episodes

    def _keep(self, _: int, trajectory: Trajectory) -> None:
        row = EvalRow.of(trajectory) if self._folder is None else self._folder.add(trajectory)
        self._rows[row.seed] = row
        self._again.discard(row.seed)
        self._tell(row)

    def _tell(self, row: EvalRow) -> None:
        if self._report:
            self._report(row)
