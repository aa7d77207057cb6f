"""`turnwise router`: many servers behind one address, and a server of them emptied."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from ..errors import UsageError
from ..servers.router.config import DoorConfig, FleetConfig
from .options import JsonFlag, emit_json
from .options_from import with_settings

_WORDS = "show, drain NAME or undrain NAME"


@with_settings("TURNWISE_ROUTER_")
def router(
    door: DoorConfig,
    fleet: FleetConfig,
    word: Annotated[str | None, typer.Argument(metavar="WORD", help=f"{_WORDS}; without one, route.")] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Of a server.")] = None,
    move: Annotated[
        bool, typer.Option("--move", help="drain: carry the sessions that it holds to other servers.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="drain --move: seconds to come back to busy sessions.")
    ] = 60.0,
    as_json: JsonFlag = False,
) -> None:
    """Put many servers behind one address, until SIGTERM or Ctrl-C.

    Clients talk to it as to one server. It keeps nothing: an id of a session says which server
    holds it (`turnwise serve --name NAME`), so that routers can be started anew, and beside each other.
    With a word it does one thing at the same servers, and ends: show says how they are, drain lets one take
    no new sessions and --move carries those that it holds elsewhere, undrain lets it take new ones again.
    The exit code of drain --move is 1 if sessions are left. Settings are given as those of `turnwise serve`.

    Examples:
      turnwise router --server http://127.0.0.1:8001 --server http://127.0.0.1:8002
      turnwise router drain a --move --server http://127.0.0.1:8001 --server http://127.0.0.1:8002
    """
    match word, name:
        case None, None:
            from ..servers.router.run import route

            raise typer.Exit(route(door, fleet))
        case "show", None:
            _show(fleet, as_json=as_json)
        case "drain", str(server):
            _drain(fleet, server, move=move, wait_s=wait, as_json=as_json)
        case "undrain", str(server):
            from ..servers.router.drain import told

            num = asyncio.run(told(fleet, server, False))
            typer.echo(f"{server} takes new sessions; it holds {num}")
        case _:
            given = " ".join(filter(None, (word, name)))
            raise UsageError(f"{given}: expected {_WORDS}, or nothing")


def _show(fleet: FleetConfig, *, as_json: bool) -> None:
    from ..servers.router.drain import states

    rows = asyncio.run(states(fleet))
    if as_json:
        emit_json({"servers": rows})
        return
    for row in rows:
        what = f"{row['status']}, {row['sessions']} sessions, room for {row['room']}"
        typer.echo(f"{row['name'] or '?'} at {row['address']}: {what}")


def _drain(fleet: FleetConfig, name: str, *, move: bool, wait_s: float, as_json: bool) -> None:
    from ..servers.router.drain import moved_away, told

    if not move:
        num = asyncio.run(told(fleet, name, True))
        if as_json:
            emit_json({"server": name, "sessions": num})
        else:
            typer.echo(f"{name} takes no new sessions; it holds {num}")
        return
    done = asyncio.run(moved_away(fleet, name, wait_s))
    if as_json:
        emit_json({"server": name, "moved": done.moved, "stay": done.stay, "left": done.left})
    else:
        typer.echo(
            f"{name} takes no new sessions; moved {done.moved}, left {len(done.left) + len(done.stay)}"
        )
        for id, why in sorted(done.left.items())[:20]:
            typer.echo(f"  {id}: {why}", err=True)
        for id in done.stay[:20]:
            typer.echo(f"  {id}: of a hosted run, broken, or in an operator's hand", err=True)
    if done.left or done.stay:
        raise typer.Exit(1)
