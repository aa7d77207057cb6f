"""What a router is given at start: the settings of `turnwise router`, each declared once."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ...errors import UsageError
from ...settings import Setting
from ..protocol.limits import Rate
from ..run.listening_config import ListeningProcess


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
class DoorConfig(ListeningProcess):
    """Where a router listens, who may come, and how many requests each may make.

    Servers need none of the keys that clients have here.
    """

    rate: Rate = field(default_factory=Rate)
