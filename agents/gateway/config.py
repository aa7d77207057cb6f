"""Where a gateway listens, what it may hold and for how long, and the harness of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from ...servers.run.config import ServerConfig
from ...settings import Setting


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """Bounds of a gateway."""

    max_episodes: Annotated[int, Setting("Most episodes that go on at once.", least=1)] = 1024
    max_calls: Annotated[int, Setting("Most model calls of an episode.", least=1)] = 512
    idle_s: Annotated[
        float,
        Setting("Seconds without a call after which an episode ends as deadline.", name="idle", least=0.1),
    ] = 600.0
    episode_s: Annotated[
        float, Setting("Seconds after which an episode ends as deadline.", name="deadline", least=0.1)
    ] = 3600.0
    max_body_bytes: int = 8 << 20
    max_kept: int = 4096  # episodes that are over, and what was said of them


@dataclass(frozen=True, slots=True)
class HarnessConfig:
    """[harness]: a program of one's own that plays the episodes, one process each."""

    command: Annotated[
        str, Setting("The program and its arguments, read by no shell; empty: episodes are played here.")
    ] = ""
    posted: Annotated[
        bool, Setting("The program posts rewards; env.id is a name alone, and no session stands behind.")
    ] = False
    timeout_s: Annotated[
        float,
        Setting("Seconds of an episode, after which the program and all it began are killed.", least=0.1),
    ] = 600.0
    workers: Annotated[int, Setting("Programs at once.", least=1, most=1024)] = 8
    env: Annotated[Mapping[str, str], Setting("Variables that it is given.")] = field(default_factory=dict)
    pass_env: Annotated[
        tuple[str, ...], Setting("Variables of turnwise's own environment that it is given, too.")
    ] = ()


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """Where a gateway listens, to whom, and within which bounds.

    Raises:
        UsageError: if it would listen beyond this machine without keys.
    """

    host: Annotated[str, Setting("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Setting("Port; 0 takes a free one.", least=0, most=65535)] = 8010
    port_file: Annotated[Path | None, Setting("Write the port here once the gateway answers.")] = None
    key_file: Annotated[Path | None, Setting("Who may open episodes: lines of NAME SECRET.")] = None
    key_env: Annotated[str | None, Setting("Environment variable that holds the one key.")] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        Setting("Name by which the gateway may be asked. Again for more.", name="allowed_host"),
    ] = ()
    open_to_everyone: Annotated[
        bool, Setting("Listen beyond this machine without keys: whoever reaches the port may do everything.")
    ] = False
    limits: GatewayLimits = field(default_factory=GatewayLimits)

    def __post_init__(self) -> None:
        _ = self.door

    @property
    def door(self) -> ServerConfig:
        """Return the same as settings of a server, which has the rules of who may come."""
        return ServerConfig(
            host=self.host,
            port=self.port,
            key_file=self.key_file,
            key_env=self.key_env,
            allowed_hosts=self.allowed_hosts,
            open_to_everyone=self.open_to_everyone,
        )
