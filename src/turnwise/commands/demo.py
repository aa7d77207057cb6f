"""`turnwise demo`: the whole path in minutes, from a warm start to a better agent."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..shown import interval, percent, runnable
from .options import missing

__all__ = ["demo"]

_WHAT = """\
An agent of 0.75 million parameters lives in small rooms that it has never seen: it must find a thing,
maybe heat or clean it, and put it where it belongs, in at most 20 turns. It has been cloned from a
clumsy teacher. Now it learns by reinforcement (GiGPO, credit for each turn), over HTTP, on this machine.

  1. start the environments as a server of their own
  2. measure the agent on unseen rooms
  3. train for {minutes:g} minutes
  4. measure it again, draw the curves, write the report
"""

_GO_ON = "turnwise demo --resume --out {run}"

_NEXT = """
What next:

  play the same rooms yourself
    turnwise play household/demo-v0 -k split=unseen
  measure its best checkpoint, on other rooms
    turnwise eval --env household/demo-v0 --split unseen --agent ckpt:{run}
  see which turns got how much credit, and why
    turnwise credit {run}
  all six task types, with a policy that is cloned first
    turnwise train household_gigpo
  your own environment
    turnwise new environment my_env
    turnwise train tiny --set env.id=my_env.py:MyEnv
"""


def demo(
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/demo-DATE by default.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the run.")] = 0,
    minutes: Annotated[float, typer.Option(min=0.1, max=600, help="Of training, evaluations apart.")] = 5.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted demo in --out.")
    ] = False,
) -> None:
    """Train an agent over HTTP and show its success rate rise on unseen rooms.

    Examples:
      turnwise demo
      turnwise demo --minutes 15 --seed 1 --out runs/longer
    """
    from ..trainers.recipe import load
    from ..trainers.reports.report import summarise, write_report
    from ..trainers.runs.standing import standing
    from ..trainers.train import train

    if resume and out is None:
        begun = sorted(Path("runs").glob("demo-*"))
        which = f"; the last one here is {begun[-1]}" if begun else "; there is none in runs/"
        raise UsageError(f"--resume goes on with a demo that --out names, and none was named{which}")
    run = out or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    typer.echo(_WHAT.format(minutes=minutes))
    recipe = load("demo", [f"train.seed={seed}", f"train.max_seconds={60 * minutes}"])
    try:
        train(recipe, run, resume=resume)
    except KeyboardInterrupt:
        typer.echo(f"\ninterrupted; {standing(run)}", err=True)
        if run.exists():
            typer.echo(runnable(_GO_ON.format(run=quote(str(run)))), err=True)
        raise typer.Exit(130) from None
    page = write_report(run)
    _show(summarise(run))
    curves = run / "curves.png"
    typer.echo(f"\ncurves: {curves if curves.exists() else missing('matplotlib', 'plots')}\nreport: {page}")
    typer.echo(runnable(_NEXT.format(run=quote(str(run)))))


def _show(figures: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("unseen rooms", "solved", "95 % interval", "coverage", box=None, pad_edge=False)
    for name, key in (("before training", "before"), ("after training", "last")):
        if key in figures:
            point = figures[key]
            between = interval(point["ci_low"], point["ci_high"])
            table.add_row(name, percent(point["success_rate"]), between, percent(point["coverage"]))
    Console().print(table)
