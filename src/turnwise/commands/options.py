"""What several commands share: option types and output."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..shown import runnable

EnvKwargs = Annotated[
    list[str] | None,
    typer.Option(
        "--kwarg",
        "-k",
        metavar="NAME=VALUE",
        help="Argument of the environment (`turnwise envs ENV` lists them); VALUE is JSON or text.",
    ),
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def parse_kwargs(pairs: list[str] | None, flag: str = "--kwarg") -> dict[str, Any]:
    """Read NAME=VALUE pairs; a VALUE that is JSON is decoded, any other is text.

    Args:
        pairs: what was given.
        flag: of which flag.

    Raises:
        UsageError: if a pair has no name.
    """
    kwargs: dict[str, Any] = {}
    for pair in pairs or []:
        name, sign, value = pair.partition("=")
        if not (sign and name.isidentifier()):
            raise UsageError(f"{flag} {pair!r}: expected NAME=VALUE, e.g. max_turns=20")
        try:
            kwargs[name] = json.loads(value)
        except json.JSONDecodeError:
            kwargs[name] = value
    return kwargs


def missing(package: str, extra: str = "") -> str:
    """Say that a package is not installed and how to install it; with the extra of ours that has it."""
    wanted = f"'turnwise[{extra}]'" if extra else package
    return runnable(f"{package} is not installed: pip install {wanted}")


def emit_json(document: Any) -> None:
    """Print a document on standard output."""
    typer.echo(json.dumps(document, indent=2, sort_keys=True, default=str))


def show_list(table: Mapping[str, str], key: str, columns: tuple[str, str], as_json: bool) -> None:
    """Print names with a line about each.

    Args:
        table: name -> the line.
        key: what JSON calls the name.
        columns: the headings for people.
        as_json: print JSON.
    """
    if as_json:
        emit_json([{key: name, "description": text} for name, text in table.items()])
        return
    from rich.console import Console
    from rich.table import Table

    view = Table(box=None, pad_edge=False)
    view.add_column(columns[0], no_wrap=True)
    view.add_column(columns[1])
    for name, text in table.items():
        view.add_row(name, text)
    Console().print(view)
