"""`turnwise serve`: offer environments over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from ..errors import UsageError
from .serve_settings import PREFIX, load_settings

if TYPE_CHECKING:
    from ..servers.isolation.hosts import Isolation

__all__ = ["serve"]


def _option(flag: str, text: str, **more: Any) -> Any:
    """Make a flag that an environment variable can give, too."""
    return typer.Option(flag, help=text, envvar=PREFIX + flag[2:].upper().replace("-", "_"), **more)


def _load(ctx: typer.Context, file: Path | None) -> Path | None:
    load_settings(ctx, file, get_type_hints(serve))
    return file


Config = Annotated[Path | None, _option("--config", "TOML file of settings.", callback=_load, is_eager=True)]
Host = Annotated[str, _option("--host", "Address to listen on.")]
Port = Annotated[int, _option("--port", "Port; 0 takes a free one.")]
PortFile = Annotated[Path | None, _option("--port-file", "Write the port here once the server answers.")]
Workers = Annotated[int, _option("--workers", "Processes that answer requests.")]
Envs = Annotated[
    list[str] | None,
    _option("--env", "Offer this one: an id, module:Class or file.py:Class. Again for more; default: all."),
]
DataRoots = Annotated[
    list[Path] | None, _option("--data-root", "Folder in which arguments of environments may name files.")
]
Isolations = Annotated[
    list[str] | None,
    _option(
        "--isolation",
        "Run environments inline, thread, process or container; default inline.",
        metavar="[ENV=]HOW",
    ),
]
Processes = Annotated[
    int, _option("--processes", "Processes, or containers, for environments isolated so, of each worker.")
]
Deadline = Annotated[
    float,
    _option(
        "--deadline", "Seconds that a step may take; needs --isolation process or container. 0: for ever."
    ),
]
MemoryMb = Annotated[
    int,
    _option(
        "--memory-mb",
        "Address space of such a process, memory of a container, in MB; 0: no limit, 1024 for a container.",
    ),
]
ContainerImage = Annotated[
    str, _option("--container-image", "Image of --isolation container; holds this same turnwise.")
]
KeyFile = Annotated[Path | None, _option("--key-file", "Who may call: lines of NAME SECRET [evaluation].")]
KeyEnv = Annotated[str | None, _option("--key-env", "Environment variable that holds the one key.")]
MaxSessions = Annotated[int, _option("--max-sessions", "Most open sessions.")]
MaxSessionsPerKey = Annotated[
    int, _option("--max-sessions-per-key", "Most open sessions of one key; 0: no limit.")
]
MaxRate = Annotated[float, _option("--max-rate", "Most requests of one key a second; 0: no limit.")]
MaxBurst = Annotated[
    int, _option("--max-burst", "How many of them may come at once; 0: as many as in a second.")
]
Ttl = Annotated[float, _option("--ttl", "Seconds after which an idle session is closed.")]
JournalFile = Annotated[
    Path | None, _option("--journal", "File in which sessions outlive the server; default: memory only.")
]
JournalSync = Annotated[
    str, _option("--journal-sync", "normal survives a killed process, full the loss of power.")
]
Drain = Annotated[float, _option("--drain", "Seconds for requests in flight when stopping.")]
LogJson = Annotated[bool, _option("--log-json", "Log JSON lines.")]
Telemetry = Annotated[
    str | None, _option("--telemetry", "Send traces to this OpenTelemetry collector (OTLP over HTTP).")
]
UntilEof = Annotated[bool, _option("--until-eof", "Stop when standard input closes, as when its owner dies.")]


def serve(
    config: Config = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    port_file: PortFile = None,
    workers: Workers = 1,
    env: Envs = None,
    data_root: DataRoots = None,
    isolation: Isolations = None,
    processes: Processes = 2,
    deadline: Deadline = 0.0,
    memory_mb: MemoryMb = 0,
    container_image: ContainerImage = "turnwise",
    key_file: KeyFile = None,
    key_env: KeyEnv = None,
    max_sessions: MaxSessions = 16_384,
    max_sessions_per_key: MaxSessionsPerKey = 0,
    max_rate: MaxRate = 0.0,
    max_burst: MaxBurst = 0,
    ttl: Ttl = 1800.0,
    journal: JournalFile = None,
    journal_sync: JournalSync = "normal",
    drain: Drain = 30.0,
    log_json: LogJson = False,
    telemetry: Telemetry = None,
    until_eof: UntilEof = False,
) -> None:
    """Offer environments over HTTP until SIGTERM or Ctrl-C.

    Every setting can be given as a flag, as an environment variable or in the
    file of --config, where --max-sessions is max_sessions; the flag counts before
    the variable, the variable before the file, the file before the default.
    """
    from ..servers.protocol.limits import Limits
    from ..servers.run.serve import ServerConfig
    from ..servers.run.serve import serve as run

    settings = ServerConfig(
        host=host,
        port=port,
        port_file=port_file,
        workers=workers,
        envs=tuple(env or ()),
        data_roots=tuple(data_root or ()),
        isolation=parse_isolation(isolation or []),
        processes=processes,
        deadline_s=deadline,
        memory_bytes=memory_mb << 20,
        container_image=container_image,
        key_file=key_file,
        key_env=key_env,
        limits=Limits(
            max_sessions=max_sessions,
            max_sessions_per_key=max_sessions_per_key,
            max_rate=max_rate,
            max_burst=max_burst,
            ttl_s=ttl,
        ),
        journal=journal,
        journal_sync=parse_sync(journal_sync),
        drain_s=drain,
        log_json=log_json,
        telemetry=telemetry,
        until_eof=until_eof,
    )
    raise typer.Exit(run(settings))


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
        UsageError: if HOW is none of inline, thread, process, container.
    """
    table: dict[str, Isolation] = {}
    for pair in given:
        name, _, how = pair.rpartition("=")
        if how not in ("inline", "thread", "process", "container"):
            raise UsageError(f"--isolation {pair!r}: expected inline, thread, process or container")
        table[name or "*"] = how  # type: ignore[assignment]  # just checked
    return table
