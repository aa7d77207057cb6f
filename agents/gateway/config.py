"""Where a gateway listens, what it may hold and for how long, and the harness of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from ...servers.run.listening_config import Listening, PortFile
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
    """Where a gateway listens, to whom, and within which bounds."""

    door: Listening = field(default_factory=lambda: Listening(port=8010))
    port_file: PortFile = None
    limits: GatewayLimits = field(default_factory=GatewayLimits)
