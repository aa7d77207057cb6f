"""`turnwise export RUN --out FOLDER`: a trained language model as a folder that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training run.")],
    out: Annotated[Path, typer.Option(help="Folder for the model; it must not be there yet.")],
    adapter: Annotated[
        bool, typer.Option("--adapter", help="A LoRA adapter alone, not merged into its base.")
    ] = False,
) -> None:
    """Write the best model of a run in the Hugging Face format, with a card made from the run.

    Examples:
      turnwise export runs/gigpo-0 --out my-agent
    """
    from ..trainers.reports.export import export as export_run

    source = export_run(run, out, adapter=adapter)
    size = sum(file.stat().st_size for file in out.iterdir())
    typer.echo(f"{out}: {source.parent.name} of {run}, {size / 1e6:.1f} MB; its card is {out / 'README.md'}")
