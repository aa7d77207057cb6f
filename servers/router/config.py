"""What a router is given at start: the settings of `turnwise router`, each declared once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ...errors import UsageError
from ...settings import Setting
from ..protocol.limits import Limits
from ..run.config import ServerConfig


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """Where the servers are, and how they are asked.

    Raises:
        UsageError: if there is no place to look for servers, or a value is out of range.
    """

    servers: Annotated[
        tuple[str, ...],
        Setting(
            "Address of a server that has a --name. Again for more; a name that stands for several "
            "addresses is a server at each.",
            name="server",
        ),
    ] = ()
    servers_file: Annotated[
        Path | None,
        Setting("File of such addresses, one a line; read again when it changes, and on SIGHUP."),
    ] = None
    server_key_env: Annotated[
        str | None,
        Setting("Environment variable that holds the key of the servers that is marked router."),
    ] = None
    trusted_network: Annotated[
        bool,
        Setting("Ask servers on other machines by http: nobody else listens on the network between."),
    ] = False
    silent_s: Annotated[
        float,
        Setting("Seconds without a word until a server's calls are given up.", name="silent_after"),
    ] = 10.0

    def __post_init__(self) -> None:
        if not self.servers and self.servers_file is None:
            raise UsageError("a router needs servers: give --server URL, again for more, or --servers-file")
        if not self.silent_s > 0:
            raise UsageError(f"silent_after must be above 0, got {self.silent_s:g}")

    @property
    def secret(self) -> str:
        """Return the servers' own secret; "" where they have none.

        Raises:
            UsageError: if the variable that should hold it is empty.
        """
        if self.server_key_env is None:
            return ""
        secret = os.environ.get(self.server_key_env, "").strip()
        if not secret:
            raise UsageError(
                f"the environment variable {self.server_key_env} that should hold the servers' key is empty"
            )
        return secret


@dataclass(frozen=True, slots=True)
class DoorConfig:
    """Where a router listens, who may come, and within which bounds."""

    host: Annotated[str, Setting("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Setting("Port; 0 takes a free one.", least=0, most=65535)] = 8000
    port_file: Annotated[Path | None, Setting("Write the port here once the router answers.")] = None
    key_file: Annotated[
        Path | None, Setting("Who may call, as a server's key file; servers need none of these keys.")
    ] = None
    key_env: Annotated[str | None, Setting("Environment variable that holds the one key.")] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "Name by which the router may be asked, and whose pages may ask it; *.NAME for all below. "
            "Again for more.",
            name="allowed_host",
        ),
    ] = ()
    open_to_everyone: Annotated[
        bool, Setting("Listen beyond this machine without keys: whoever reaches the port may do everything.")
    ] = False
    max_connections: Annotated[
        int, Setting("Most connections; 0: seven eighths of the descriptors that it may have.")
    ] = 0
    max_rate: Annotated[float, Setting("Most requests of one key a second; 0: no limit.")] = 0.0
    max_burst: Annotated[
        int, Setting("How many of them may come at the same time; 0: as many as in a second.")
    ] = 0
    drain_s: Annotated[float, Setting("Seconds for requests in flight when stopping.", name="drain")] = 30.0
    log_json: Annotated[bool, Setting("Log JSON lines.")] = False
    until_eof: Annotated[bool, Setting("Stop when standard input closes, as when its owner dies.")] = False

    def as_server(self) -> ServerConfig:
        """Return the settings of what listens, checked as a server's are.

        Raises:
            UsageError: as for a server.
        """
        return ServerConfig(
            host=self.host,
            port=self.port,
            port_file=self.port_file,
            key_file=self.key_file,
            key_env=self.key_env,
            allowed_hosts=self.allowed_hosts,
            open_to_everyone=self.open_to_everyone,
            max_connections=self.max_connections,
            limits=Limits(max_rate=self.max_rate, max_burst=self.max_burst),
            drain_s=self.drain_s,
            log_json=self.log_json,
            until_eof=self.until_eof,
        )
