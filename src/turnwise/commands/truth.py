"""`turnwise truth`: score credit methods, your own included, against true advantages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .options import JsonFlag, emit_json, parse_kwargs

if TYPE_CHECKING:
    from ..trainers.reports.truth import Scored

__all__ = ["truth"]

_HEADS = ("rank correlation", "sign right", "of clear turns", "bias", "variance")


def truth(
    method: Annotated[
        str,
        typer.Argument(metavar="METHOD...", help="A credit method, or FILE.py:FUNCTION of your own."),
    ],
    others: Annotated[list[str] | None, typer.Argument(metavar="MORE", hidden=True)] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the method; VALUE is JSON or text."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write every turn with advantage, truth and error there, as parquet."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Score credit methods against turns of the household whose true advantage is known.

    Their policy was rolled out 128 times from every state that it met. Bias and variance are
    multiples of the mean square of the true advantage, after the best scaling; a rank
    correlation cannot be higher than the ceiling. docs/credit-truth.md has the definitions.

    Examples:
      turnwise truth gigpo grpo
      turnwise truth crbc --set gamma=0.95
      turnwise truth my_credit.py:progress --out turns.parquet
    """
    from ..trainers.reports.truth import find_method, score, write_rows

    params, methods = parse_kwargs(setting, "--set"), [method, *(others or ())]
    if params and len(methods) > 1:
        raise UsageError(f"--set goes with one method; {len(methods)} were given")
    scored = [score(find_method(place), params) for place in methods]
    if out is not None:
        write_rows(scored, out)
    if as_json:
        emit_json(_document(scored))
        return
    _show(scored)
    if out is not None:
        typer.echo(f"written: {out}")


def _document(scored: list[Scored]) -> dict[str, Any]:
    from ..trainers.reports.truth import rank_ceiling

    turns = scored[0].stored
    methods = [one.document() for one in scored]
    return {"about": turns.about, "rank_ceiling": rank_ceiling(turns), "methods": methods}


def _show(scored: list[Scored]) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..shown import visible
    from ..trainers.reports.truth import rank_ceiling

    console, turns = Console(), scored[0].stored
    about = turns.about
    console.print(
        f"{about['environment']}, {len(turns.batch.table)} turns of {about['tasks']} tasks, "
        f"{about['rollouts']} rollouts a state. Rank correlation at most {rank_ceiling(turns):.2f}. "
        "In brackets two standard errors.",
        markup=False,
        highlight=False,
    )
    table = Table("method", *_HEADS, box=None)
    for one in scored:
        cells = (f"{value:.2f} ({(high - low) / 2:.2f})" for value, low, high in one.figures.values())
        table.add_row(visible(one.method), *cells)
    console.print(table)
    places = Table("turns", "true rms", *(visible(one.method) for one in scored), title="error rms", box=None)
    for row, place in enumerate(scored[0].places):
        errors = (f"{one.places[row]['error_rms']:.3f}" for one in scored)
        places.add_row(f"{place['from_turn']} to {place['to_turn']}", f"{place['true_rms']:.3f}", *errors)
    console.print(places)
