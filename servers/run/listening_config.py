"""Where something listens, who may come, and how its process ends: declared once for all that listen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...errors import UsageError
from ...settings import Setting
from ..http.visitors import Visitors, is_address, is_loopback

_HOST_NAME = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*")

PortFile = Annotated[Path | None, Setting("Write the port here once requests are answered.")]


@dataclass(frozen=True, slots=True)
class Listening:
    """Where something listens, and who may come.

    Raises:
        UsageError: if anybody could come whom nobody has let in, or a name is none.
    """

    host: Annotated[str, Setting("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Setting("Port; 0 takes a free one.", least=0, most=65535)] = 8000
    key_file: Annotated[
        Path | None,
        Setting(
            "Who may call: lines of NAME SECRET; in a server's also [evaluation | metrics | router | "
            "benchmark=NAME,...]. Read again when it changes; by several workers at the start alone."
        ),
    ] = None
    key_env: Annotated[str | None, Setting("Environment variable that holds the one key.")] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "Name by which this may be asked, and whose pages may ask it; *.NAME for all below. "
            "Again for more.",
            name="allowed_host",
        ),
    ] = ()
    open_to_everyone: Annotated[
        bool, Setting("Listen beyond this machine without keys: whoever reaches the port may do everything.")
    ] = False

    def __post_init__(self) -> None:
        if self.is_keyed and self.open_to_everyone:
            raise UsageError("--open-to-everyone and keys contradict each other: give one of them")
        if not self.is_keyed and not self.open_to_everyone and not is_loopback(self.host):
            raise UsageError(
                f"--host {self.host!r} is reached from other machines, and nobody would be asked for a key: "
                "give --key-file (or --key-env), or say --open-to-everyone"
            )
        for name in self.allowed_hosts:
            if not _HOST_NAME.fullmatch(name):
                raise UsageError(
                    f"--allowed-host {name!r}: expected a name without scheme and port, e.g. "
                    "turnwise.example.org or *.example.org"
                )

    @property
    def is_keyed(self) -> bool:
        """Tell whether callers are asked for a key."""
        return self.key_file is not None or self.key_env is not None

    @property
    def visitors(self) -> Visitors:
        """Return whose pages may ask, and by which names: without keys only by those that are known."""
        named = () if is_address(self.host) else (self.host,)
        return Visitors(
            (*self.allowed_hosts, *named),
            strict=bool(self.allowed_hosts) or not (self.is_keyed or self.open_to_everyone),
        )


@dataclass(frozen=True, slots=True)
class ListeningProcess(Listening):
    """A process that listens: how many connections it takes, what it logs, and how it ends.

    `until_eof` is for one that must not outlive the process that started it, even one that was killed.

    Raises:
        UsageError: if a value is out of range, or as for Listening.
    """

    port_file: PortFile = None
    max_connections: Annotated[
        int, Setting("Most connections of a process; 0: seven eighths of the descriptors that it may have.")
    ] = 0
    drain_s: Annotated[float, Setting("Seconds for requests in flight when stopping.", name="drain")] = 30.0
    log_json: Annotated[bool, Setting("Log JSON lines.")] = False
    until_eof: Annotated[bool, Setting("Stop when standard input closes, as when its owner dies.")] = False

    def __post_init__(self) -> None:
        Listening.__post_init__(self)  # a class with slots is made twice, which super() does not see
        if self.max_connections < 0:
            raise UsageError(f"max_connections must be at least 0, got {self.max_connections}")
