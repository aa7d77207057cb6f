"""How engines of vLLM are reached, started and asked: [policy.engine] of a recipe, -a of an agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import httpx

from ....errors import UsageError
from ....settings import Setting

LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=1.0)
"""Of connections to an engine, whose server closes those at rest for 5 s, maybe as a request comes."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Where vLLM runs, and how long it may take.

    Raises:
        UsageError: if a URL is not one.
    """

    urls: Annotated[
        tuple[str, ...], Setting("Servers of vLLM that run already; empty: one is started and supervised.")
    ] = ()
    python: Annotated[
        str, Setting("The interpreter that has vLLM; empty: .vllm/bin/python (make vllm), else this one.")
    ] = ""
    arguments: Annotated[
        tuple[str, ...], Setting("More for the server that is started, e.g. --tensor-parallel-size, 2.")
    ] = ()
    cache_gib: Annotated[int, Setting("Of its keys and values, on a CPU.", least=1)] = 1
    gpu_memory: Annotated[
        float, Setting("Its share of a GPU, weights included; the learner needs the rest.", least=0, most=1)
    ] = 0.4
    start_s: Annotated[float, Setting("It may take to start.", least=1)] = 600.0
    timeout_s: Annotated[float, Setting("An answer may take; then the engine counts as hung.", least=1)] = (
        600.0
    )
    restarts: Annotated[
        int, Setting("How often a started engine is started again between two updates.", least=0)
    ] = 2
    load: Annotated[
        Literal["turnwise", "reload_weights"],
        Setting("What a server calls to load weights: our extension, or vLLM's own, for servers without it."),
    ] = "turnwise"
    folder: Annotated[
        str, Setting("Where weights lie on their way; empty: shared memory where it has room.")
    ] = ""

    def __post_init__(self) -> None:
        for url in self.urls:
            if not url.startswith(("http://", "https://")):
                raise UsageError(f"engine {url!r}: expected a URL, e.g. http://127.0.0.1:8000")
