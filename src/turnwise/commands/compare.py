"""`turnwise compare`: agents on the same tasks, pair by pair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..shown import percent, visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..agents.comparison import Pair

__all__ = ["compare", "pair_rows"]

COLUMNS = (
    "first",
    "second",
    "tasks",
    "first",
    "second",
    "difference",
    "95 % interval",
    "+/-/=",
    "p",
    "p (Holm)",
    "",
)


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="A B ...", help="Folders of evaluations, or records of one benchmark."),
    ],
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

    found = compared([read_results(place, metric) for place in results], metric)
    if as_json:
        emit_json(found.document())
        return
    from rich.console import Console
    from rich.table import Table

    view = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        view.add_column(column)
    for pair in found.pairs:
        view.add_row(*map(visible, pair_rows(pair, rates=metric == "success")))
    Console().print(view)


def pair_rows(pair: Pair, *, rates: bool) -> tuple[str, ...]:
    """Return one pair as the columns of a table."""

    def shown(value: float) -> str:
        return percent(value) if rates else f"{value:.4g}"

    return (
        pair.first,
        pair.second,
        f"{pair.tasks}" + (f" ({pair.left_out} left out)" if pair.left_out else ""),
        shown(pair.first_mean),
        shown(pair.second_mean),
        shown(pair.difference),
        f"{shown(pair.low)} to {shown(pair.high)}",
        f"{pair.better}/{pair.worse}/{pair.ties}",
        f"{pair.p_value:.3g}",
        f"{pair.corrected:.3g}",
        pair.verdict,
    )
