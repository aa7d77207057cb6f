"""`turnwise warmstart`: clone a policy from demonstrations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .options import EnvKwargs, parse_kwargs
from .train import Overrides

__all__ = ["warmstart"]


def warmstart(
    out: Annotated[Path, typer.Option(help="Folder for the policy; an existing one is replaced.")],
    env: Annotated[str | None, typer.Option(help="The environment; that of the recipe by default.")] = None,
    kwargs: EnvKwargs = None,
    recipe: Annotated[str, typer.Option(help="Recipe whose prompts, sizes and limits apply.")] = "demo",
    overrides: Overrides = None,
    episodes: Annotated[int | None, typer.Option(min=1, help="How many demonstrations.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Processor time for cloning; 0 is no limit.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="Steps of cloning.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of tasks, weights and order.")] = 0,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", help="A policy to go on from, or a run for its best; that of the recipe by default."
        ),
    ] = None,
    trajectories: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Learn from stored trajectories, a file, a folder or a run; repeatable."
        ),
    ] = None,
    compact: Annotated[bool, typer.Option("--compact", help="Save weights in 16 bits.")] = False,
) -> None:
    """Make a policy from demonstrations: a new tiny one, or a language model that is fine-tuned.

    Without a limit of seconds the result repeats bit for bit. After Ctrl-C the same command goes
    on where the cloning was.

    Examples:
      turnwise warmstart --env household/demo-v0 --episodes 300 --out warm
      turnwise warmstart --env my_env.py:MyEnv --seconds 60 --out warm
      turnwise warmstart --from warm --set warmstart.slip=0.3 --out warmer
      turnwise warmstart --recipe gigpo --from MODEL --trajectories runs/teacher --out tuned
    """
    from ..trainers.recipe import load
    from ..trainers.runs.arithmetic import prepare_torch
    from ..trainers.runs.console import RunDisplay
    from ..trainers.warmstart.warmstart import warm_start

    loaded = load(recipe, overrides or [])
    section = loaded.warmstart
    section = replace(
        section,
        episodes=section.episodes if episodes is None else episodes,
        seconds=section.seconds if seconds is None else seconds,
        max_steps=section.max_steps if steps is None else steps,
        compact=compact or section.compact,
    )
    place = loaded.env
    if env is not None:
        place = replace(place, id=env, kwargs={}, train_kwargs={}, eval_kwargs={})
    place = replace(place, train_kwargs={**place.train_kwargs, **parse_kwargs(kwargs)})
    chosen = replace(loaded, env=place, warmstart=section, train=replace(loaded.train, seed=seed))
    prepare_torch(chosen.train)
    with RunDisplay() as display:
        cloned = warm_start(chosen, out, display.working, start=start, stored=trajectories or ())
    size = sum(file.stat().st_size for file in out.iterdir())
    measured = "" if cloned.loss is None else f", {cloned.loss:.3f} nats a token on demonstrations held back"
    typer.echo(f"{out}: {cloned}{measured}, {size / 1e6:.1f} MB")
