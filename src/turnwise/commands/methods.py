"""`turnwise methods`: list the parts that a recipe may name, with their papers, or show one whole."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated

import typer

from ..shown import runnable
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..trainers.catalogue.entries import Entry


def methods(
    method: Annotated[
        str | None, typer.Argument(metavar="[METHOD]", help="The one to show whole, by its name.")
    ] = None,
    kind: Annotated[
        str, typer.Option(help="Only parts of this kind: credit, reward, sampler, plan, loss, ...")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """List the methods that a recipe may name: paper, how exact they are, recipe; or show one whole.

    Examples:
      turnwise methods --kind credit
      turnwise methods hgpo
    """
    from ..trainers.catalogue.entries import entries, find

    found = find(method, kind) if method else entries(kind)
    if as_json:
        emit_json([entry.document() for entry in found])
        return
    if method is None:
        _show_all(found)
        return
    for entry in found:
        _show_one(entry)


def _show_all(found: list[Entry]) -> None:
    from rich.console import Console
    from rich.table import Table

    view = Table(box=None, pad_edge=False)
    for heading in ("kind", "method", "exact", "paper", "recipe"):
        view.add_column(heading, no_wrap=heading in ("kind", "method", "exact"), overflow="fold")
    for entry in found:
        source = entry.source
        paper = ", ".join(filter(None, (source.paper, source.ref)))
        view.add_row(entry.kind, entry.name, source.exact, paper, " ".join(entry.recipes[:3]))
    Console(markup=False, highlight=False).print(view)
    typer.echo(runnable("one of them whole: `turnwise methods NAME`"))


def _show_one(entry: Entry) -> None:
    source = entry.source
    named = f"[{entry.key}]" if "." not in entry.key else entry.key
    typer.echo(f"{entry.name} ({entry.kind}): {entry.summary}")
    lines = {
        "in a recipe": "" if entry.kind == "command" else named,
        "typed": entry.key if entry.kind == "command" else "",
        "paper": ", ".join(filter(None, (source.paper, source.ref))),
        "exact": f"{source.exact}: {source.how}" if source.how else source.exact,
        "note": source.note,
        "needs": "; ".join(entry.needs),
        "recipes": " ".join(entry.recipes),
        "also used by": " ".join(name for name in entry.used_by if name not in entry.recipes),
        "costs": f"{entry.cost.text} ({entry.cost.file})" if entry.cost else "",
    }
    for label, text in lines.items():
        if text:
            typer.echo(f"  {label}: {text}")
    for name, default in entry.params.items():
        shown = "required" if default is inspect.Parameter.empty else f"default {default!r}"
        typer.echo(f"  parameter {name}: {shown}")
