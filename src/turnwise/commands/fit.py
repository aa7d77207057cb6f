"""`turnwise fit RECIPE`: how much memory a recipe needs, before anything is loaded."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from ..errors import UsageError
from .train import Overrides

__all__ = ["fit"]


def fit(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A name of `turnwise recipes`, or a file.")],
    overrides: Overrides = None,
    gpu: Annotated[
        float | None,
        typer.Option(metavar="GIB", help="Memory of the card, more than 0; by default this one's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say how much memory a recipe needs on a card, and which settings to change where it does not fit.

    Every episode is taken to be as long as it may be. Nothing is loaded: the passes of learner and
    engine run on tensors without content.

    Examples:
      turnwise fit gigpo --gpu 80
      turnwise fit grpo_search --gpu 24 --set optim.adam=offload
    """
    from ..trainers.fit.needs import GIB, check_fits, estimate, lines, model_of
    from ..trainers.recipe import load
    from ..trainers.train import card_gib

    if gpu is not None and not gpu > 0:
        raise UsageError(f"--gpu {gpu:g}: expected the GiB of a card, more than 0, e.g. --gpu 24")
    loaded = load(recipe, overrides or [])
    model = model_of(loaded)
    found = estimate(loaded, model)
    room = gpu or card_gib()
    if as_json:
        document = {**asdict(found), "update": found.update, "rollout": found.rollout, "gpu": room}
        typer.echo(json.dumps(document))
    else:
        typer.echo("\n".join(lines(found)))
    if room is not None:
        check_fits(loaded, room, model)
        if not as_json:
            typer.echo(f"fits: {found.most / GIB:.2f} of {room:g} GiB")
