"""[launch] of a recipe: how many processes, and what each is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from ...settings import Setting


@dataclass(frozen=True, slots=True)
class Share:
    """What a process is given of a machine, under Ray."""

    cpus: Annotated[float, Setting("Cores.", least=0.01)] = 1.0
    gpus: Annotated[float, Setting("GPUs, or a part of one.", least=0)] = 0.0
    gib: Annotated[float, Setting("Memory in GiB.", least=0)] = 1.0


@dataclass(frozen=True, slots=True)
class LaunchSection:
    """[launch]: the processes of a run; docs/scale.md."""

    learners: Annotated[
        int,
        Setting("Processes over which the learner is divided; under torchrun as many as it starts.", least=1),
    ] = 1
    timeout_s: Annotated[
        float, Setting("How long one of them may let the others wait before the run ends.", least=1)
    ] = 600.0
    servers: Annotated[
        int, Setting("Servers of environments under Ray; several stand behind a router.", least=1, most=256)
    ] = 1
    engines: Annotated[
        int, Setting("Engines under Ray, where policy.kind is vllm and names no URLs.", least=1, most=256)
    ] = 1
    restarts: Annotated[
        int,
        Setting("How often each process is started again under Ray between two updates.", least=0),
    ] = 3
    per_learner: Annotated[Share, Setting("What each learner gets.")] = field(default_factory=Share)
    per_server: Annotated[Share, Setting("What each server gets, and the router.")] = field(
        default_factory=Share
    )
    per_engine: Annotated[Share, Setting("What each engine gets.")] = field(default_factory=Share)
