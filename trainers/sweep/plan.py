"""Which runs a sweep has, and how each stands: all of it is checked before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Literal

from ...agents.control import standing
from ...agents.policies.places import updates
from ...errors import UsageError
from ..recipe import Recipe, load
from ..runs.alike import SEED
from ..runs.checkpoint import read_state
from ..runs.folder import check_same, checkpoints, is_run
from ..runs.state import RunState, finished
from ..validate import validate
from .values import Axes, name_of

MOST_RUNS = 500
Standing = Literal["new", "begun", "done"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One run of a sweep.

    Args:
        name: of its folder.
        folder: where it is.
        recipe: what it does.
        standing: whether it is new, was begun, or is done.
    """

    name: str
    folder: Path
    recipe: Recipe
    standing: Standing


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs of a sweep, all values with the first seed first.

    Args:
        out: the folder that holds them.
        runs: in the order in which they begin.
    """

    out: Path
    runs: tuple[Planned, ...]

    def lines(self) -> Iterator[str]:
        """Yield what there is to do, a line a run."""
        counts = [
            f"{sum(run.standing == word for run in self.runs)} {word}" for word in ("new", "begun", "done")
        ]
        yield f"{len(self.runs)} runs in {self.out}: {', '.join(counts)}"
        for run in self.runs:
            yield f"  {run.standing:<6}{run.name}"


def plan(
    recipe: str | Path | Recipe,
    out: Path,
    axes: Axes,
    seeds: Sequence[int] = (),
) -> Plan:
    """Plan a sweep; nothing is written.

    Args:
        recipe: a name of `turnwise recipes`, a file, or a recipe.
        out: the folder that holds the runs.
        axes: values by the dotted names of their keys; names tell those of which there are several.
        seeds: of each combination; without any that of the recipe.

    Raises:
        UnknownName: for an unknown recipe, section, key or part, with the closest ones.
        UsageError: if a value is wrong, there are too many runs, two are the same, or a folder is taken.
    """
    number = prod(len(values) for values in axes.values()) * max(1, len(seeds))
    if number > MOST_RUNS:
        raise UsageError(f"{number} runs; expected at most {MOST_RUNS} in one sweep")
    if SEED in axes:
        raise UsageError(f"{SEED}: give seeds apart, as --seeds 1,2,3 (seeds=[1, 2, 3])")
    if number == 0 or len(set(seeds)) < len(seeds):
        raise UsageError(
            f"values {dict(axes)}, seeds {list(seeds)}: expected at least one of each, each once"
        )
    combined = [_combined(recipe, chosen) for chosen in _choices(axes)]
    for made in combined:
        validate(made)
    several = {key for key, values in axes.items() if len(values) > 1}
    runs = []
    for seed in seeds or (combined[0].train.seed,):
        for chosen, made in zip(_choices(axes), combined, strict=True):
            name = name_of({key: value for key, value in chosen.items() if key in several}, seed)
            seeded = replace(made, train=replace(made.train, seed=seed))
            runs.append(Planned(name, out / name, seeded, _standing(out / name, seeded)))
    _check_different(runs)
    return Plan(out, tuple(runs))


def _choices(axes: Axes) -> Iterator[dict[str, Any]]:
    for values in product(*axes.values()):
        yield dict(zip(axes, values, strict=True))


def _combined(recipe: str | Path | Recipe, changed: Mapping[str, Any]) -> Recipe:
    if not isinstance(recipe, Recipe):
        return load(str(recipe), changed)
    if changed:
        raise UsageError(
            "values go with the name or the file of a recipe; a Recipe is swept over seeds alone"
        )
    return recipe


def _check_different(runs: Sequence[Planned]) -> None:
    seen: dict[str, Planned] = {}
    for run in runs:
        twin = seen.setdefault(repr(run.recipe), run)
        if twin is not run:
            raise UsageError(f"{twin.name} and {run.name} are the same run; give each value once")


def _standing(folder: Path, recipe: Recipe) -> Standing:
    """Return how a run stands.

    Raises:
        UsageError: if its folder holds something else, or a run of another recipe, or one that goes on.
    """
    if not is_run(folder):
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not a run; choose another folder with --out")
        return "new"
    held = standing(folder)
    if held is not None and held.running:
        raise UsageError(f"{folder}: process {held.pid} trains there; wait for its end, or stop it")
    check_same(folder, recipe)
    saved = updates(checkpoints(folder))
    if not saved:
        return "begun"
    return "done" if finished(recipe, RunState(**read_state(saved[-1]))) else "begun"
