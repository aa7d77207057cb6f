"""The service, the keys and the application that follow from a server's settings."""

from __future__ import annotations

import os
from typing import Any

from ...envs.registry import registered
from ...errors import UsageError
from ..http.control_plane import Application
from ..http.keys import Caller, Keys
from ..isolation.hosts import isolation_of
from ..isolation.pools import Processes, build_catalogue
from ..sessions.counts import Ledger
from ..sessions.service import Service
from .config import ServerConfig


def build_service(config: ServerConfig, id_prefix: str = "", ledger: Ledger | None = None) -> Service:
    """Build the session service that a configuration asks for.

    Args:
        config: what is served.
        id_prefix: begins the id of every session made there.
        ledger: where sessions are counted, for a worker among several.

    Raises:
        UsageError: if it contradicts itself.
    """
    ids = config.envs or registered()
    loose = [id for id in ids if isolation_of(config.isolation, id) not in ("process", "container")]
    if config.deadline_s and loose:
        raise UsageError(
            f"a deadline of {config.deadline_s:g} s can only be kept by killing, and {min(loose)!r} runs "
            f"{isolation_of(config.isolation, min(loose))}: add --isolation process, or container"
        )
    processes = Processes(config.processes, config.deadline_s, config.memory_bytes, config.container_image)
    catalogue = build_catalogue(config.envs, config.data_roots, config.isolation, processes, config.arguments)
    journal = None
    if config.journal is not None:
        from ..sessions.journal.sqlite import SqliteJournal

        journal = SqliteJournal(
            config.journal,
            synchronous=config.journal_sync,
            max_answers=config.limits.max_requests,
            wait_s=config.drain_s,  # workers whose parent was killed are still finishing what runs
        )
    return Service(catalogue, limits=config.limits, journal=journal, id_prefix=id_prefix, ledger=ledger)


def build_application(
    config: ServerConfig, service: Service, keys: Keys | None, **cluster: Any
) -> Application:
    """Build what answers requests; `cluster` is what a worker among several adds."""
    return Application(service, keys, visitors=config.visitors, drain_s=config.drain_s, **cluster)


def load_keys(config: ServerConfig) -> Keys | None:
    """Load the keys that a configuration names.

    Raises:
        UsageError: if they cannot be read, or both places are named.
    """
    if config.key_file and config.key_env:
        raise UsageError("keys from a file and from an environment variable: give one of them")
    if config.key_file:
        return Keys.load(config.key_file)
    if config.key_env:
        secret = os.environ.get(config.key_env, "").strip()
        if not secret:
            raise UsageError(f"the environment variable {config.key_env} that should hold the key is empty")
        return Keys({secret: Caller("default")})
    return None
