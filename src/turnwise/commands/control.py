"""`turnwise control RUN WORD`: a run, an evaluation or a suite that goes on is paused, bounded, stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..shown import visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..agents.control import Entry

__all__ = ["control"]

_SHOW = "show"


def control(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, an evaluation or a suite.")],
    word: Annotated[
        str,
        typer.Argument(metavar="WORD", help="pause, resume, requeue, stop, limit with NAME=VALUE; or show."),
    ] = _SHOW,
    limits: Annotated[list[str] | None, typer.Argument(metavar="NAME=VALUE", hidden=True)] = None,
    wait: Annotated[float, typer.Option(min=0, max=86_400, help="Seconds to wait for the answer.")] = 10.0,
    as_json: JsonFlag = False,
) -> None:
    """Pause, go on, bound or stop what goes on in a folder; without a word, show how it stands and its log.

    A training answers between two updates; pause saves it first, and stop ends it as Ctrl-C does. An
    evaluation or a suite stands still before the next message of every episode; stop lets the episodes under
    way end; requeue plays again what failed by the machine's fault. limit changes updates, seconds and
    success of a training, slots and episodes of an evaluation, slots of a suite. Who asked what and what
    came of it is in RUN/control.jsonl. The exit code is 1 if it was refused, or nothing goes on there.

    Examples:
      turnwise control runs/first
      turnwise control runs/first pause
      turnwise control runs/first limit updates=50 seconds=3600
      turnwise control runs/eval requeue
    """
    from ..agents.control import asking

    if word == _SHOW:
        if limits:
            raise UsageError(f"show: expected nothing after it; got {limits}")
        _show(run, as_json=as_json)
        return
    id = asking.request(run, word, dict(map(_pair, limits or [])))
    found = asking.answer(run, id, wait)
    if as_json:
        emit_json({"id": id, "answer": None if found is None else _document(found)})
    elif found is None:
        typer.echo(f"asked; it has not answered within {wait:g} s, and will: see {run / 'control.jsonl'}")
    else:
        typer.echo(visible(found.said), err=not found.done)
    raise typer.Exit(0 if found is None or found.done else 1)


def _pair(given: str) -> tuple[str, str]:
    name, sign, value = given.partition("=")
    if not sign or not name:
        raise UsageError(f"{given[:60]!r}: expected NAME=VALUE, as updates=50")
    return name, value


def _document(entry: Entry) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(entry)


def _show(run: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    from ..agents.control import asking, entries

    found, log = asking.stands(run), entries(run)
    if as_json:
        emit_json({**asdict(found), "log": [_document(entry) for entry in log]})
        return
    told = f", {found.said}" if found.said and found.running else ""
    process = f" (process {found.pid})" if found.running else ""
    typer.echo(visible(f"{found.kind}: {found.state if found.running else 'does not go on'}{told}{process}"))
    if not found.running:
        typer.echo(asking.how_to_go_on(run, found.kind))
    for entry in log:
        outcome = entry.said if entry.done else f"refused: {entry.said}"
        typer.echo(visible(f"{entry.at}  {entry.who}  {entry.asked}: {outcome}"))
