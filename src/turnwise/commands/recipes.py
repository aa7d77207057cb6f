"""`turnwise recipes`: list the recipes that come with turnwise."""

from __future__ import annotations

from .options import JsonFlag, show_list


def recipes(as_json: JsonFlag = False) -> None:
    """List the recipes that `turnwise train NAME` takes, and what each one does.

    A file of your own is a recipe too; one that begins with extends = "NAME" states only what differs.
    """
    from ..trainers.recipe import summaries

    show_list(summaries(), "name", ("recipe", "what it does"), as_json)
