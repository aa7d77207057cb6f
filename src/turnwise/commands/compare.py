"""`turnwise compare`: runs and evaluations beside each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import UsageError
from .options import JsonFlag

__all__ = ["compare"]


def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="PLACE...",
            help="Runs, evaluations, records of hosted runs, folders that hold such; or a group, LABEL=GLOB.",
        ),
    ],
    others: Annotated[list[str] | None, typer.Argument(metavar="MORE", hidden=True)] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY", help="Group runs by a value of their recipes, as credit.name; repeatable."
        ),
    ] = None,
    metric: Annotated[
        Literal["success", "score", "return"] | None,
        typer.Option(help="What is compared; by default success, or the return where nobody says who won."),
    ] = None,
    form: Annotated[
        Literal["markdown", "latex", "csv", "json"], typer.Option("--format", help="What is printed.")
    ] = "markdown",
    columns: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="Of the table, as after,interval,tokens; all that are known by default."
        ),
    ] = "",
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: .png, .svg or .pdf.")] = None,
    over: Annotated[
        Literal["updates", "tokens", "seconds"], typer.Option(help="What curves are drawn over.")
    ] = "updates",
    as_json: JsonFlag = False,
) -> None:
    """Compare runs and evaluations: what they reached, differences with intervals, costs, recipes.

    Runs of one recipe with different seeds are one group. Two groups are compared on the same tasks where
    they have played some, else on tasks of their own, each by its own test, corrected by Holm over all pairs;
    and over their seeds. What is not known is a dash with its reason. Signatures of records are not
    checked: `turnwise verify` does.

    Examples:
      turnwise compare runs/first runs/second
      turnwise compare runs/sweep --by optim.learning_rate --picture curves.png
      turnwise compare 'mine=runs/mine-*' 'theirs=runs/theirs-*' --format latex --columns after,interval
    """
    from ..trainers.comparison import compare as compared

    words = [word.strip() for word in columns.split(",") if word.strip()]
    found = compared(_given([first, *(others or [])]), by=by or (), metric=metric)
    if picture is not None:
        found.draw(picture, over)
    typer.echo(found.text("json" if as_json else form, words), nl=False)
    if picture is not None:
        typer.echo(f"picture: {picture}", err=True)


def _given(places: list[str]) -> dict[str, list[Path]]:
    """Return the folders by the labels that they are given under; "" is none."""
    given: dict[str, list[Path]] = {}
    for place in places:
        label, sign, pattern = place.partition("=")
        if Path(place).exists() or not sign:
            given.setdefault("", []).append(Path(place))
            continue
        root = Path(pattern).anchor
        found = sorted(Path(root).glob(pattern[len(root) :])) if pattern[len(root) :] else []
        if not label or not found:
            raise UsageError(f"{place!r}: expected LABEL=GLOB, of which something is there")
        given.setdefault(label, []).extend(found)
    return given
