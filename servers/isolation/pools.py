"""The processes and containers that a configuration asks for."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ...envs.registry import registered
from .catalogue import Offer
from .containers.launcher import ContainerLauncher, facts_inside
from .descriptions import Facts
from .hosts import Isolation, isolation_of
from .launchers import ProcessLauncher
from .process_pool import ProcessPool

if TYPE_CHECKING:
    from ..run.config import ServerConfig

__all__ = ["build_offer"]


def build_offer(config: ServerConfig) -> Offer:
    """Build an offer with the pools that its environments are kept in.

    Raises:
        UsageError: if they cannot be kept so here.
    """
    ways = set(config.isolation.values())
    pools: dict[Isolation, ProcessPool] = {}
    facts: dict[str, Facts] = {}
    if "process" in ways:
        local = ProcessLauncher(config.memory_bytes)
        pools["process"] = ProcessPool(local, config.processes, deadline_s=config.deadline_s)
    with ExitStack() as undo:
        if "container" in ways:
            launcher = _containers(config)
            containers = ProcessPool(launcher, config.processes, deadline_s=config.deadline_s)
            undo.callback(containers.close)
            pools["container"] = containers
            facts = facts_inside(containers, launcher, _inside(config))
        offer = Offer(
            config.envs, data_roots=config.data_roots, isolation=config.isolation, pools=pools, facts=facts
        )
        undo.pop_all()
    return offer


def _inside(config: ServerConfig) -> list[str]:
    ids = config.envs or registered()
    return [env_id for env_id in ids if isolation_of(config.isolation, env_id) == "container"]


def _containers(config: ServerConfig) -> ContainerLauncher:
    """Let containers read what their environments are made of, and nothing else of this machine."""
    files = [file for one in _inside(config) if (file := Path(one.rpartition(":")[0])).suffix == ".py"]
    roots = [root.expanduser().resolve() for root in config.data_roots]  # as arguments name them then
    return ContainerLauncher(
        config.container_image,
        memory_bytes=config.memory_bytes,
        readable=[*files, *roots],
        folder=Path.cwd() if any(not file.is_absolute() for file in files) else None,
    )
