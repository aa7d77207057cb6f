"""`turnwise compare`: agents on the same tasks, pair by pair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..shown import percent, visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..agents.comparison import Pair

__all__ = ["compare", "pair_line"]


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="Folder of an evaluation, or a record of a hosted run.")
    ],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another of the same tasks; then more.")],
    others: Annotated[list[Path] | None, typer.Argument(metavar="C", hidden=True)] = None,
    metric: Annotated[
        Literal["success", "score", "return"], typer.Option(help="What is compared on each task.")
    ] = "success",
    as_json: JsonFlag = False,
) -> None:
    """Compare agents on the same tasks: difference, interval, exact test.

    The interval is that of the paired bootstrap over tasks; p is of the exact sign test (McNemar's for
    successes), corrected by Holm over all pairs. Above 5 % two agents are tied. Signatures of records
    are not checked: `turnwise verify` does.

    Examples:
      turnwise compare runs/first runs/second
      turnwise compare runs/a runs/b runs/c --metric return --json
    """
    from ..agents.comparison import compare as compared
    from ..agents.comparison import read_results

    found = compared([read_results(place, metric) for place in (first, second, *(others or []))], metric)
    if as_json:
        emit_json(found.document())
        return
    for pair in found.pairs:
        typer.echo(visible(pair_line(pair, rates=metric == "success")))


def pair_line(pair: Pair, *, rates: bool) -> str:
    """Return what is known of one pair, as a sentence."""

    def shown(value: float) -> str:
        return percent(value) if rates else f"{value:.4g}"

    left_out = f", {pair.left_out} left out" if pair.left_out else ""
    return (
        f"{pair.first} {shown(pair.first_mean)}, {pair.second} {shown(pair.second_mean)}: difference "
        f"{shown(pair.difference)} (95 % interval {shown(pair.low)} to {shown(pair.high)}); {pair.tasks} "
        f"tasks{left_out}, {pair.better} better, {pair.worse} worse, {pair.ties} tied; p {pair.p_value:.3g}, "
        f"corrected {pair.corrected:.3g}: {pair.verdict}"
    )
