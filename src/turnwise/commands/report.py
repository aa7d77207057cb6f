"""`turnwise report RUN`: a page with result, curves and example trajectories."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonFlag, emit_json

__all__ = ["report"]


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training run.")],
    as_json: JsonFlag = False,
) -> None:
    """Write RUN/report.md and RUN/curves.png: result, curves, how the agent plays.

    Examples:
      turnwise report runs/first
      turnwise report runs/first --json
    """
    from ..trainers.reports.report import summarise, write_report

    page = write_report(run)
    if as_json:
        emit_json({**summarise(run), "report": str(page)})
    else:
        typer.echo(f"wrote {page}")
