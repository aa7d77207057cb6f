"""What a server is given at start: the settings of `turnwise serve`, each declared once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from ...errors import UsageError
from ...settings import Setting
from ..isolation.arguments import ArgumentRule, parse_rules
from ..isolation.hosts import Isolation
from ..protocol.limits import Limits
from .listening_config import ListeningProcess

MAX_WORKERS = 64
SERVER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
SERVER_NAME_FORM = "at most 63 small letters, digits and hyphens, neither first nor last a hyphen"
_SYNC = {"normal": "NORMAL", "full": "FULL"}


def _parse_sync(given: str) -> str:
    if given.lower() not in _SYNC:
        raise UsageError(f"--journal-sync {given!r}: expected normal or full")
    return _SYNC[given.lower()]


def _parse_isolation(given: Sequence[str]) -> dict[str, str]:
    """Read [ENV=]HOW pairs; without ENV the value is for all not named."""
    table: dict[str, str] = {}
    for pair in given:
        name, _, how = pair.rpartition("=")
        if how not in get_args(Isolation):
            raise UsageError(f"--isolation {pair!r}: expected inline, thread, process or container")
        table[name or "*"] = how
    return table


@dataclass(frozen=True, slots=True)
class ServerConfig(ListeningProcess):
    """What is served, where, to whom, and within which bounds.

    `envs` empty offers every registered environment. `isolation` says how an environment
    runs, "*" those not named.

    Raises:
        UsageError: if a value is out of range, or telemetry lacks what it needs.
    """

    name: Annotated[
        str, Setting("Name among servers behind a router, which ids of sessions begin with; default: none.")
    ] = ""
    workers: Annotated[int, Setting("Processes that answer requests, each with a share of the sessions.")] = 1
    envs: Annotated[
        tuple[str, ...],
        Setting(
            "Offer this one: an id, module:Class or file.py:Class. Again for more; default: all.", name="env"
        ),
    ] = ()
    data_roots: Annotated[
        tuple[Path, ...],
        Setting("Folder in which arguments of environments may name files.", name="data_root"),
    ] = ()
    arguments: Annotated[
        tuple[ArgumentRule, ...],
        Setting(
            "Fix an argument of environments, or bound it: NAME<=NUMBER, NAME>=NUMBER. Again for more.",
            name="argument",
            form=list[str],
            parse=parse_rules,
            metavar="[ENV:]NAME=VALUE",
        ),
    ] = ()
    benchmarks: Annotated[
        tuple[Path, ...],
        Setting("Host the benchmark of this file. Again for more.", name="benchmark"),
    ] = ()
    operator: Annotated[
        Path | None,
        Setting("Folder of the secret and the signing keys of who hosts: `turnwise operator new FOLDER`."),
    ] = None
    isolation: Annotated[
        Mapping[str, Isolation],
        Setting(
            "Run environments inline, thread, process or container; default inline.",
            form=list[str],
            parse=_parse_isolation,
            metavar="[ENV=]HOW",
        ),
    ] = field(default_factory=dict)
    processes: Annotated[
        int, Setting("Processes, or containers, for environments isolated so, of each worker.")
    ] = 2
    deadline_s: Annotated[
        float,
        Setting(
            "Seconds that a constructor, a reset or a step may take before its process is killed; needs "
            "--isolation process or container. 0: for ever.",
            name="deadline",
        ),
    ] = 0.0
    memory_bytes: Annotated[
        int,
        Setting(
            "Address space of such a process, memory of a container, in MB; 0: no limit, 1024 for a "
            "container.",
            name="memory_mb",
            unit=1 << 20,
        ),
    ] = 0
    container_image: Annotated[str, Setting("Image of --isolation container; holds this same turnwise.")] = (
        "turnwise"
    )
    limits: Limits = field(default_factory=Limits)
    journal: Annotated[
        Path | None, Setting("File in which sessions outlive the server; default: memory only.")
    ] = None
    journal_sync: Annotated[
        Literal["NORMAL", "FULL"],
        Setting(
            "normal survives a killed process, full the loss of power.",
            form=str,
            parse=_parse_sync,
            shown="normal",
        ),
    ] = "NORMAL"
    telemetry: Annotated[
        str | None, Setting("Send traces to this OpenTelemetry collector (OTLP over HTTP).")
    ] = None

    def __post_init__(self) -> None:
        ListeningProcess.__post_init__(self)
        if not 1 <= self.workers <= MAX_WORKERS:
            raise UsageError(f"workers must be from 1 to {MAX_WORKERS}, got {self.workers}")
        if self.name and not SERVER_NAME.fullmatch(self.name):
            raise UsageError(f"--name {self.name!r}: expected {SERVER_NAME_FORM}")
        self._check_hosting()
        if self.telemetry is not None:
            _check_telemetry(self.telemetry)

    def _check_hosting(self) -> None:
        """Refuse to host what could be played without the server's knowing."""
        if not self.benchmarks:
            return
        for given, flag, why in (
            (self.operator, "--operator FOLDER", "seeds come from its secret, and its key signs records"),
            (self.journal, "--journal FILE", "a score is what the journal says"),
            (
                self.key_file,
                "--key-file FILE",
                "attempts are counted by key: lines of NAME SECRET benchmark=NAME",
            ),
        ):
            if given is None:
                raise UsageError(f"--benchmark needs {flag}: {why}")
        if self.workers > 1:
            raise UsageError(
                f"--benchmark with --workers {self.workers}: one worker writes the log; expected --workers 1"
            )

    @property
    def id_prefix(self) -> str:
        """Return what ids of sessions begin with: the name of the server, where it has one, and a dot."""
        return f"{self.name}." if self.name else ""


def _check_telemetry(url: str) -> None:
    """Refuse what is not an address, and telemetry without what it needs."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"telemetry {url!r}: expected http://HOST:PORT of an OpenTelemetry collector")
    try:
        from ..http import tracing as telemetry  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"telemetry needs OpenTelemetry's SDK and exporter ({error}): pip install 'turnwise[telemetry]'"
        ) from error
