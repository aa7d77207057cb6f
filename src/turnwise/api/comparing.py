"""`turnwise.compare`: runs and evaluations beside each other, several seeds as one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..agents.comparison.results import Metric
from ..errors import UsageError
from ..trainers.comparison import Compared
from ..trainers.comparison import compare as compare_places
from .training import Run

Place = str | Path | Run


def compare(
    places: Sequence[Place] | Mapping[str, Sequence[Place]],
    *,
    by: str | Sequence[str] = (),
    metric: Metric | None = None,
) -> Compared:
    """Put runs and evaluations beside each other: what they reached, differences, costs, recipes.

        found = turnwise.compare(["runs/gigpo-1", "runs/gigpo-2", "runs/grpo-1", "runs/grpo-2"])
        print(found.to_pandas(), [gap.verdict for gap in found.gaps])

    Args:
        places: runs, folders of evaluations, records of hosted runs, or folders that hold such; with the
            labels of groups a mapping. Without, runs of one recipe with different seeds are one group.
        by: a key of recipes, or several, whose values make the groups.
        metric: "success", "score" or "return"; by default success, or the return where nobody says who won.

    Returns:
        one row a group: `rows()`, `to_pandas()`; `gaps`, `recipes`, `curves`; `text(form)`, `draw(path)`.

    Raises:
        UnknownName: for another metric, or a key that no recipe has.
        UsageError: if there is nothing at a place, or nothing to compare.
    """
    if isinstance(places, str | Path | Run):
        raise UsageError(f"places {str(places)!r}: expected a list, or a mapping from labels to lists")
    labelled = places if isinstance(places, Mapping) else {"": places}
    given = {
        label: [place.folder if isinstance(place, Run) else Path(place) for place in group]
        for label, group in labelled.items()
    }
    return compare_places(given, by=(by,) if isinstance(by, str) else tuple(by), metric=metric)
