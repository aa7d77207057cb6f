"""The processes and containers that a configuration asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .container_launcher import ContainerLauncher, check_image
from .hosts import Isolation, isolation_of
from .launchers import ProcessLauncher
from .offer import Offer
from .process_hosts import ProcessPool

if TYPE_CHECKING:
    from .server_config import ServerConfig

__all__ = ["build_offer"]


def build_offer(config: ServerConfig) -> Offer:
    """Build an offer with the pools that its environments are kept in.

    Raises:
        UsageError: if they cannot be kept so here.
    """
    ways = set(config.isolation.values())
    pools: dict[Isolation, ProcessPool] = {}
    launcher = _containers(config) if "container" in ways else None
    if "process" in ways:
        local = ProcessLauncher(config.memory_bytes)
        pools["process"] = ProcessPool(local, config.processes, deadline_s=config.deadline_s)
    if launcher is not None:
        pools["container"] = ProcessPool(launcher, config.processes, deadline_s=config.deadline_s)
    offer = Offer(config.envs, data_roots=config.data_roots, isolation=config.isolation, pools=pools)
    if launcher is not None:
        inside = [env_id for env_id in offer.ids() if offer.isolation_of(env_id) == "container"]
        try:
            check_image(pools["container"], launcher, {one: offer.fingerprint_of(one) for one in inside})
        except BaseException:
            offer.close()
            raise
    return offer


def _containers(config: ServerConfig) -> ContainerLauncher:
    """Let containers read what their environments are made of, and nothing else of this machine."""
    inside = [one for one in config.envs if isolation_of(config.isolation, one) == "container"]
    files = [file for one in inside if (file := Path(one.rpartition(":")[0])).suffix == ".py"]
    roots = [root.expanduser().resolve() for root in config.data_roots]  # as arguments name them then
    return ContainerLauncher(
        config.container_image,
        memory_bytes=config.memory_bytes,
        readable=[*files, *roots],
        folder=Path.cwd() if any(not file.is_absolute() for file in files) else None,
    )
