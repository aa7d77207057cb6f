"""`turnwise atif`: write the trajectories of a run in ATIF, for viewers and trainers of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..errors import UsageError

__all__ = ["atif"]


def atif(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or a file of trajectories.")],
    out: Annotated[Path, typer.Option(help="Folder for one JSON file an episode.")],
    agent: Annotated[str, typer.Option(help="The name of what acted.")] = "turnwise",
    model: Annotated[str | None, typer.Option(help="The model behind it.")] = None,
) -> None:
    """Write the trajectories of a run in ATIF, for viewers and trainers of others."""
    from ..agents.atif import write_atif
    from ..agents.trajectories import iter_trajectories

    files = [run] if run.is_file() else sorted((run / "trajectories").glob("*.jsonl.gz"))
    if not files:
        raise UsageError(f"{run}: holds no trajectories; expected a run's folder or a file of trajectories")
    stored = (trajectory for file in files for trajectory in iter_trajectories(file))
    written = write_atif(out, stored, agent=agent, version=__version__, model=model)
    typer.echo(f"{len(written)} trajectories in {out}")
