"""`turnwise launch RECIPE`: the processes of a run, and where each would lie, before anything is started."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from ..shown import runnable
from .options import JsonFlag, emit_json
from .train import Overrides, Ray

__all__ = ["launch"]


def launch(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A name of `turnwise recipes`, or a file.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE-SEED by default.")] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="A running server.")] = None,
    ray: Ray = "",
    as_json: JsonFlag = False,
) -> None:
    """Show which processes a run has, on which node each would lie and with what, and start none.

    With --ray the cluster is asked: it reserves what the run needs, tells where, and gets it back.
    `turnwise train RECIPE --ray HOST:PORT` shows the same, and starts them.

    Examples:
      turnwise launch demo
      turnwise launch demo --set launch.learners=2 --ray 127.0.0.1:6379
    """
    from ..api.training import default_folder, load_recipe
    from ..trainers.launch.plan import lines, rows
    from ..trainers.launch.run import plan

    loaded = load_recipe(recipe, overrides or (), server=server)
    roles, nodes = plan(loaded, ray, out or default_folder(recipe, loaded))
    if as_json:
        emit_json(rows(roles, nodes))
        return
    typer.echo("\n".join(lines(roles, nodes)))
    given = "".join(f" --set {quote(each)}" for each in overrides or ())
    more = f"{f' --server {quote(server)}' if server else ''}{f' --ray {ray}' if ray else ''}"
    typer.echo(runnable(f"nothing was started; to start it:\nturnwise train {quote(recipe)}{given}{more}"))
