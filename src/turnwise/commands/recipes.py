"""`turnwise recipes`: list the recipes that come with turnwise."""

from __future__ import annotations

from .options import JsonFlag, emit_json


def recipes(as_json: JsonFlag = False) -> None:
    """List the recipes that `turnwise train NAME` takes, and what each one does.

    A file of your own is a recipe too; one that begins with extends = "NAME" states only what differs.
    """
    from ..trainers.recipe import summaries

    table = summaries()
    if as_json:
        emit_json([{"name": name, "description": text} for name, text in table.items()])
        return
    from rich.console import Console
    from rich.table import Table

    view = Table(box=None, pad_edge=False)
    view.add_column("recipe", no_wrap=True)
    view.add_column("what it does")
    for name, text in table.items():
        view.add_row(name, text)
    Console().print(view)
