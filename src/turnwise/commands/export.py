"""`turnwise export`: a trained language model, or stored episodes, as files that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError

__all__ = ["export"]


def export(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a training run; for episodes also of an evaluation."),
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for the model; it must not be there yet.")] = None,
    adapter: Annotated[
        bool, typer.Option("--adapter", help="A LoRA adapter alone, not merged into its base.")
    ] = False,
    chat: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Episodes as chats, one JSON line a conversation (SFT)."),
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Episodes as rows, one a turn.")
    ] = None,
    won: Annotated[bool, typer.Option("--won", help="Of the episodes those that were won.")] = False,
) -> None:
    """Write the best model of a run in the Hugging Face format, or its episodes for other tools.

    A model gets a card made from the run. Chats are in the form of chat APIs, with tool calls and thoughts as
    they were; `datasets` and trainers of others read them.

    Examples:
      turnwise export runs/gigpo-0 --out my-agent
      turnwise export runs/eval --chat won.jsonl --won
      turnwise export runs/eval --parquet turns.parquet
    """
    if out is chat is parquet is None:
        raise UsageError("what is to be written? give --out FOLDER, --chat FILE or --parquet FILE")
    if (adapter and out is None) or (won and chat is parquet is None):
        raise UsageError("--adapter goes with --out, --won with --chat and --parquet")
    if out is not None:
        _model(run, out, adapter)
    if chat is not None:
        from ..trainers.reports.conversations import export_chats

        typer.echo(f"{chat}: {export_chats(run, chat, won=won)} conversations of {run}")
    if parquet is not None:
        from ..trainers.reports.conversations import export_parquet

        typer.echo(f"{parquet}: {export_parquet(run, parquet, won=won)} turns of {run}")


def _model(run: Path, out: Path, adapter: bool) -> None:
    from ..trainers.reports.export import export as export_run

    source = export_run(run, out, adapter=adapter)
    size = sum(file.stat().st_size for file in out.iterdir())
    typer.echo(f"{out}: {source.parent.name} of {run}, {size / 1e6:.1f} MB; its card is {out / 'README.md'}")
