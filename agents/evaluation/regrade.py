"""Stored patches judged again, without a policy: a flip shows a grader that changed, or is not steady."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...envs.sandbox import Backend
from ...envs.swe.patches import from_document
from ...envs.swe.rates import Rates, rates
from ...envs.swe.task import Verdict
from ...envs.swe.task_sets import TaskSet
from ...errors import UsageError
from ..trajectories import iter_trajectories
from .results import EvalRow

_MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """One patch of a run with what was said of it: `success` and `score` as then, None if unknown."""

    task: str
    seed: int
    success: bool | None
    score: float | None
    patch: Mapping[str, Any]
    where: str


@dataclass(frozen=True, slots=True)
class Graded:
    """One stored patch and its new verdict."""

    stored: Stored
    verdict: Verdict

    @property
    def flipped(self) -> bool:
        """Tell whether it is resolved now and was not, or the other way round, or is paid otherwise."""
        if self.verdict.outcome is None:
            return False
        resolved = self.verdict.outcome == "resolved"
        was = self.stored.score
        return resolved != self.stored.success or (
            was is not None and abs(was - (self.verdict.reward or 0.0)) > 1e-9
        )

    @property
    def line(self) -> str:
        """Return it as one line."""
        then = {True: "resolved", False: "not resolved", None: "unknown"}[self.stored.success]
        now = (self.verdict.outcome or "unscored").replace("_", " ")
        why = f": {self.verdict.cause}" if self.verdict.cause else ""
        return f"{self.stored.task} (seed {self.stored.seed}): was {then}, is {now}{why}"


@dataclass(frozen=True, slots=True)
class Regrading:
    """All patches of a run judged again.

    Args:
        graded: one row each; equal patches of a task are judged once.
        without: how many episodes kept no patch: nothing was changed, or too much to keep.
    """

    graded: Sequence[Graded] = field(default_factory=tuple)
    without: int = 0

    @property
    def flips(self) -> Sequence[Graded]:
        """Return the rows that say something else than before."""
        return [row for row in self.graded if row.flipped]

    @property
    def rates(self) -> Rates:
        """Return completion, modification and resolution of the new verdicts."""
        return rates(row.verdict for row in self.graded)

    def document(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            "graded": len(self.graded),
            "without_patch": self.without,
            "unscored": self.rates.unscored,
            "resolution": self.rates.resolution,
            "flips": [
                {
                    "task": row.stored.task,
                    "seed": row.stored.seed,
                    "was": {"success": row.stored.success, "score": row.stored.score},
                    "is": {"outcome": row.verdict.outcome, "reward": row.verdict.reward},
                    "cause": row.verdict.cause,
                    "where": row.stored.where,
                }
                for row in self.flips
            ],
        }


def stored_patches(run: Path) -> Iterator[Stored]:
    """Yield what was kept: rows of an evaluation, trajectories of a run, or one file of trajectories.

    Raises:
        UsageError: if there is nothing of the kind, or it is broken.
    """
    rows = run / "rows.jsonl"
    files = [run] if run.is_file() else sorted((run / "trajectories").glob("*.jsonl.gz"))
    if rows.is_file():
        for number, line in enumerate(rows.read_bytes().splitlines(), start=1):
            where = f"{rows}, line {number}"
            try:
                row = EvalRow.read(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{where}: is not a row: {error!r}") from error
            yield Stored(row.task, row.seed, row.success, row.score, row.patch, where)
    elif not files:
        raise UsageError(f"{run}: holds neither rows.jsonl of an evaluation nor trajectories/*.jsonl.gz")
    for file in files if not rows.is_file() else ():
        for episode in iter_trajectories(file):
            yield Stored(
                episode.task, episode.task_seed, episode.success, episode.score, episode.patch, str(file)
            )


def check(stored: Iterable[Stored], tasks: TaskSet) -> None:
    """See that there is something to be judged again, before anything runs.

    Raises:
        UnknownName: if a patch belongs to a task that is not in the set.
        UsageError: if no episode was kept, or all patches belong to tasks of several steps: each step is
            graded in the state in which the one before left the box, and the last one's patch is kept.
    """
    episodes, whole, stepped = 0, 0, dict[str, None]()
    for one in stored:
        episodes += 1
        if one.patch and tasks.by_id(one.task).steps:
            stepped[one.task] = None
        elif one.patch:
            whole += 1
    if not episodes:
        raise UsageError("no episode was kept yet, so there is nothing to grade; play some first")
    if stepped and not whole:
        names = ", ".join([*stepped][:_MAX_NAMED]) + (", ..." if len(stepped) > _MAX_NAMED else "")
        raise UsageError(
            f"{names}: a task of several steps cannot be graded again: each step is graded where the one "
            "before has left the box, and the patch that was kept is that of the last one; play it again"
        )


async def regrade(stored: Iterable[Stored], tasks: TaskSet, backend: Backend) -> Regrading:
    """Judge stored patches again, one after another.

    Raises:
        UnknownName: if a patch belongs to a task that is not in the set.
        UsageError: if a patch cannot be read.
    """
    graded: list[Graded] = []
    known: dict[str, Verdict] = {}
    without = 0
    for one in stored:
        if not one.patch:
            without += 1
            continue
        name = json.dumps([one.task, one.patch], sort_keys=True)
        if name not in known:
            known[name] = await tasks.by_id(one.task).grade(backend, from_document(one.patch))
        graded.append(Graded(one, known[name]))
    return Regrading(graded, without)
