"""`turnwise methods`: list the parts that a recipe may name, with their papers, or show one whole."""

from __future__ import annotations

import inspect
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from ..shown import runnable
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..trainers.catalogue.entries import Entry

_REF_CHARS = 18


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
    for kind, group in groupby(found, key=lambda entry: entry.kind):
        typer.echo(kind)
        for entry in group:
            ref = entry.source.ref or entry.source.paper
            shown = ref if len(ref) <= _REF_CHARS else f"{ref[: _REF_CHARS - 3]}..."
            recipes = " ".join(entry.recipes[:2])
            typer.echo(f"  {entry.name:22}{entry.source.exact:13}{shown:{_REF_CHARS + 2}}{recipes}".rstrip())
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
        typer.echo(": ".join(filter(None, (f"  parameter {name}", shown, entry.meanings.get(name, "")))))
