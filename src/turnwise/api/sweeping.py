"""`turnwise.sweep`: a recipe over seeds and values, every combination as a run of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..trainers.comparison import Compared
from ..trainers.comparison import compare as compare_places
from ..trainers.recipe import Recipe
from ..trainers.sweep import Outcome, plan
from ..trainers.sweep import sweep as train_all
from .training import Run


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of a sweep.

    Args:
        folder: that holds the runs.
        outcomes: one a run, in the order in which they began.
    """

    folder: Path
    outcomes: tuple[Outcome, ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Return the runs that are done."""
        return tuple(Run(each.planned.folder) for each in self.outcomes if each.is_done)

    @property
    def failed(self) -> dict[str, str]:
        """Return why each of the others is not."""
        return {each.planned.name: each.said for each in self.outcomes if not each.is_done}

    def compare(self) -> Compared:
        """Put the runs that are done beside each other.

        Raises:
            UsageError: if there is none.
        """
        return compare_places({"": [run.folder for run in self.runs]})


def sweep(
    recipe: str | Path | Recipe,
    out: str | Path,
    values: Mapping[str, Sequence[Any]] | None = None,
    *,
    seeds: Sequence[int] = (),
    jobs: int = 1,
    progress: bool = False,
) -> Swept:
    """Train a recipe with every combination of values and seeds, each in a folder of its own.

        swept = turnwise.sweep("tiny", "runs/sweep", {"optim.learning_rate": [1e-4, 3e-4]}, seeds=[1, 2, 3])
        print(swept.compare().to_pandas())

    Each run is a process. Runs that are done are not repeated, those that were begun go on.

    Args:
        recipe: a name of `turnwise recipes`, a file, or a Recipe, which is swept over seeds alone.
        out: the folder that holds the runs.
        values: by the keys of the recipe, of each one or more.
        seeds: of each combination; without any that of the recipe.
        jobs: runs at a time.
        progress: show a bar with the time left.

    Raises:
        UnknownName: for an unknown recipe, key or part, with the closest ones; nothing is written.
        UsageError: if a value is wrong, there are too many runs, or a folder is taken; nothing is written.
        KeyboardInterrupt: after Ctrl-C; what went on has saved.
    """
    planned = plan(recipe, Path(out), values or {}, seeds)
    return Swept(planned.out, tuple(train_all(planned, jobs=jobs, shown=progress)))
