"""`turnwise serve`: offer environments over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import UsageError

if TYPE_CHECKING:
    from ..servers.hosts import Isolation

__all__ = ["serve"]

Envs = Annotated[
    list[str] | None,
    typer.Option(
        "--env", help="Offer this one: an id, module:Class or file.py:Class. Again for more; default: all."
    ),
]
DataRoots = Annotated[
    list[Path] | None,
    typer.Option("--data-root", help="Folder in which arguments of environments may name files."),
]
Isolations = Annotated[
    list[str] | None,
    typer.Option(
        "--isolation", metavar="[ENV=]HOW", help="Run environments inline, thread or process; default inline."
    ),
]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.", envvar="TURNWISE_HOST")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", envvar="TURNWISE_PORT")] = 8000,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the port here once the server answers.")
    ] = None,
    env: Envs = None,
    data_root: DataRoots = None,
    isolation: Isolations = None,
    processes: Annotated[int, typer.Option(help="Processes for environments isolated so.")] = 2,
    deadline: Annotated[
        float, typer.Option(help="Seconds that a step may take; needs --isolation process. 0: for ever.")
    ] = 0.0,
    memory_mb: Annotated[int, typer.Option(help="Address space of such a process in MB; 0: no limit.")] = 0,
    key_file: Annotated[
        Path | None, typer.Option(help="Who may call: lines of NAME SECRET [evaluation].")
    ] = None,
    key_env: Annotated[str | None, typer.Option(help="Environment variable that holds the one key.")] = None,
    max_sessions: Annotated[int, typer.Option(help="Most open sessions.")] = 16_384,
    max_sessions_per_key: Annotated[
        int, typer.Option(help="Most open sessions of one key; 0: no limit.")
    ] = 0,
    ttl: Annotated[float, typer.Option(help="Seconds after which an idle session is closed.")] = 1800.0,
    journal: Annotated[
        Path | None, typer.Option(help="File in which sessions outlive the server; default: memory only.")
    ] = None,
    journal_sync: Annotated[
        str, typer.Option(help="normal survives a killed process, full the loss of power.")
    ] = "normal",
    drain: Annotated[float, typer.Option(help="Seconds for requests in flight when stopping.")] = 30.0,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log JSON lines.")] = False,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", help="Stop when standard input closes, as when its owner dies.")
    ] = False,
) -> None:
    """Offer environments over HTTP until SIGTERM or Ctrl-C."""
    from ..servers.limits import Limits
    from ..servers.serve import ServerConfig
    from ..servers.serve import serve as run

    config = ServerConfig(
        host=host,
        port=port,
        port_file=port_file,
        envs=tuple(env or ()),
        data_roots=tuple(data_root or ()),
        isolation=parse_isolation(isolation or []),
        processes=processes,
        deadline_s=deadline,
        memory_bytes=memory_mb << 20,
        key_file=key_file,
        key_env=key_env,
        limits=Limits(max_sessions=max_sessions, max_sessions_per_key=max_sessions_per_key, ttl_s=ttl),
        journal=journal,
        journal_sync=parse_sync(journal_sync),
        drain_s=drain,
        log_json=log_json,
        until_eof=until_eof,
    )
    raise typer.Exit(run(config))


def parse_sync(given: str) -> Literal["NORMAL", "FULL"]:
    """Read the durability of the journal.

    Raises:
        UsageError: if it is neither normal nor full.
    """
    if given.lower() == "normal":
        return "NORMAL"
    if given.lower() == "full":
        return "FULL"
    raise UsageError(f"--journal-sync {given!r}: expected normal or full")


def parse_isolation(given: list[str]) -> dict[str, Isolation]:
    """Read [ENV=]HOW pairs; without ENV the value is for all not named.

    Raises:
        UsageError: if HOW is none of inline, thread, process.
    """
    table: dict[str, Isolation] = {}
    for pair in given:
        name, _, how = pair.rpartition("=")
        if how not in ("inline", "thread", "process"):
            raise UsageError(f"--isolation {pair!r}: expected inline, thread or process, e.g. thread")
        table[name or "*"] = how  # type: ignore[assignment]  # just checked
    return table
