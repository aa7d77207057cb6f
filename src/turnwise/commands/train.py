"""`turnwise train RECIPE`: train an agent by a recipe."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from ..errors import Stopped, UsageError
from ..shown import runnable

__all__ = ["train"]

_GO_ON = "turnwise train --resume --out {run}"

Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a value of the recipe; repeatable."),
]

Ray = Annotated[
    str,
    typer.Option(
        metavar="HOST:PORT", help="Let a cluster of Ray hold the run's processes: the address of its head."
    ),
]


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE",
            help="A name of `turnwise recipes`, or a file; left out with --resume: that of the run in --out.",
        ),
    ] = None,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE-SEED by default.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")
    ] = False,
    previous: Annotated[
        bool, typer.Option("--previous", help="Go on from the checkpoint before the last, if that is broken.")
    ] = False,
    stored: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Learn from stored episodes: a run, an evaluation, chats with rewards; repeatable.",
        ),
    ] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="A running server.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The seed of the run.")] = None,
    ray: Ray = "",
) -> None:
    """Train an agent: rollouts, credit for each turn, updates, evaluation on held-out tasks.

    Examples:
      turnwise train demo
      turnwise train household_gigpo --set train.num_updates=50 --out runs/first
      turnwise train household_gigpo --set env.id=my_env.py:MyEnv
      turnwise train filtered_cloning --from runs/expert --set policy.checkpoint=demo
      turnwise train --resume --out runs/first
      turnwise train household_gigpo --ray 127.0.0.1:6379
    """
    from ..api.training import default_folder, load_recipe
    from ..api.training import train as run
    from ..trainers.parallel.place import placed
    from ..trainers.runs.folder import recipe_of
    from ..trainers.runs.standing import standing

    if recipe is None:
        if out is None or not (resume or previous):
            raise UsageError(
                "which recipe? name one (`turnwise recipes` lists them), or go on with a run by "
                "--resume --out RUN"
            )
        recipe = str(recipe_of(out))
    loaded = load_recipe(recipe, overrides or (), seed=seed, server=server, trajectories=stored or ())
    folder = out or default_folder(recipe, loaded)
    try:
        run(loaded, folder, resume=resume, previous=previous, ray=ray)
    except (KeyboardInterrupt, Stopped) as ended:
        typer.echo(f"{str(ended) or 'interrupted'}; {standing(folder)}", err=True)
        if folder.exists():
            typer.echo(runnable(_GO_ON.format(run=quote(str(folder)))), err=True)
        raise typer.Exit(130) from None
    if not placed().follows:
        typer.echo(f"results: {folder}")
