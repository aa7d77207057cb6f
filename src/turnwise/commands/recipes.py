"""`turnwise recipes`: list the recipes that come with turnwise, or show one whole."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonFlag, emit_json, show_list

if TYPE_CHECKING:
    from ..trainers.catalogue.origins import Value


def recipes(
    recipe: Annotated[
        str | None, typer.Argument(metavar="[RECIPE]", help="The one to show whole: a name, or a file.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the recipes that `turnwise train NAME` takes, or show one with where each value comes from.

    A file of your own is a recipe too; one that begins with extends = "NAME" states only what differs.

    Examples:
      turnwise recipes
      turnwise recipes hgpo
    """
    from ..trainers.recipe import summaries

    if recipe is None:
        show_list(summaries(), "name", ("recipe", "what it does"), as_json)
        return
    from ..trainers.catalogue.origins import chain, origins

    extended, values = chain(recipe)[1:], origins(recipe)
    if as_json:
        emit_json({"recipe": recipe, "extends": extended, "values": [_document(value) for value in values]})
        return
    typer.echo(" extends ".join([recipe, *extended]))
    for section, inner in groupby(values, lambda value: value.section):
        _show_section(section, list(inner))


def _document(value: Value) -> dict[str, object]:
    return {
        "key": f"{value.section}.{value.key}",
        "value": value.value,
        "stated_in": value.stated_in or None,
        "why": value.why,
    }


def _show_section(section: str, values: list[Value]) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..trainers.recipe import as_toml

    if not any(value.stated_in for value in values):
        typer.echo(f"\n[{section}] all defaults")
        return
    typer.echo(f"\n[{section}]")
    view = Table(box=None, pad_edge=False, show_header=False)
    for column in ("key", "value", "where", "why"):
        view.add_column(column, no_wrap=column == "key", overflow="fold")
    for value in filter(lambda value: value.stated_in, values):
        view.add_row(f"  {value.key}", as_toml(value.value), value.stated_in, value.why)
    Console(markup=False, highlight=False).print(view)
    others = [f"{value.key} = {as_toml(value.value)}" for value in values if not value.stated_in]
    if others:
        typer.echo(f"  defaults: {', '.join(others)}")
