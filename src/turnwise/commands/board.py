"""`turnwise board`: a leaderboard as one file, of records and of evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..files import write_whole
from ..shown import visible

__all__ = ["board"]

_MOST_TOLD = 20


def board(
    first: Annotated[
        Path, typer.Argument(metavar="RECORD...", help="Records of hosted runs, and folders of evaluations.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="What is written: .html or .json.")],
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The public keys of who has signed the records.")
    ] = None,
    head: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A head of the log: see that no withdrawal was left out."),
    ] = None,
    title: Annotated[str, typer.Option(help="What it is called.")] = "Leaderboard",
    others: Annotated[list[Path] | None, typer.Argument(metavar="MORE", hidden=True)] = None,
    owners: Annotated[bool, typer.Option("--owners", help="Name the keys that played.")] = False,
) -> None:
    """Make a leaderboard without a server: signed records are verified, evaluations are self-reported.

    Ranks go by interval, and the first dozen are compared in pairs. What does not verify is not
    counted, and listed with the reason; then, or if the head tells of more, the exit code is 1.

    Examples:
      turnwise board record-1.json record-2.json --keys keys.json --out board.html
      turnwise board runs/first runs/second --out board.json
    """
    from ..agents.comparison.standings import standings
    from ..servers.benchmarks.signing import keys_in
    from ..servers.benchmarks.verify import read_document
    from ..servers.board.static import document, page

    if out.suffix not in (".html", ".json"):
        raise UsageError(f"--out {out}: expected a name that ends in .html or .json")
    if head is not None and keys is None:
        raise UsageError("--head needs --keys, to check who has signed it")
    known = None if keys is None else keys_in(keys)
    kept = None if head is None else read_document(_content(head), str(head))
    found = standings([first, *(others or [])], known, head=kept, owners=owners)
    written = page if out.suffix == ".html" else document
    write_whole(out, written(title, found.sheets, found.refused, found.problems))
    for problem in found.problems:
        typer.echo(visible(f"log: {problem}"), err=True)
    for name, reason in list(found.refused.items())[:_MOST_TOLD]:
        typer.echo(visible(f"{name}: not counted: {reason}"), err=True)
    num_runs = sum(len(sheet.table) for sheet in found.sheets)
    typer.echo(f"wrote {out}: runs {num_runs}, boards {len(found.sheets)}, not counted {len(found.refused)}")
    raise typer.Exit(1 if found.refused or found.problems else 0)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; expected a file that can be read") from error
