"""The service, the keys and the application that follow from a server's settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...envs.registry import registered
from ...errors import UsageError
from ..benchmarks.frozen import Frozen, freeze
from ..benchmarks.hosting import Hosting
from ..benchmarks.signing import Operator
from ..http.control_plane import Application
from ..http.key_file import KeyFile
from ..http.keys import Caller, Keys
from ..isolation.hosts import isolation_of
from ..isolation.pools import Processes, build_catalogue
from ..sessions.counts import Ledger
from ..sessions.service import Service
from .config import ServerConfig
from .listening_config import Listening, ListeningProcess


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


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server is to host: frozen benchmarks, and who signs, if anybody."""

    benchmarks: tuple[Frozen, ...]
    operator: Operator | None


def load_offer(config: ServerConfig, keys: Keys | None) -> Offer:
    """Load what is to be hosted, before a journal is made.

    Raises:
        UsageError: if a benchmark cannot be hosted as it is, or not so that nobody can game it.
    """
    operator = None if config.operator is None else Operator(config.operator)
    frozen = tuple(freeze(file, operator.master) for file in config.benchmarks if operator is not None)
    hosted = {one.benchmark.name: one for one in frozen}
    if len(hosted) < len(frozen):
        raise UsageError(
            f"--benchmark: two files have the same name; expected different ones: {sorted(hosted)}"
        )
    _check_keys(keys, hosted)
    if isinstance(keys, KeyFile):
        keys.accept = partial(_check_keys, hosted=hosted)
    return Offer(frozen, operator)


def build_hosting(offer: Offer, service: Service, wait_s: float) -> Hosting | None:
    """Build what hosts benchmarks; None where none are, and the journal holds no runs.

    Args:
        offer: what is hosted.
        service: where its sessions live.
        wait_s: how long to wait for another server that hosts with the operator's folder.

    Raises:
        UsageError: if a version has changed, the journal is not the operator's, or another server is there.
    """
    if not offer.benchmarks and not any(True for _ in service.journal.notes()):
        return None
    if offer.operator is None:
        raise UsageError(
            "the journal holds hosted runs: give --operator FOLDER, the folder that they were hosted with"
        )
    offer.operator.hold(wait_s)
    return Hosting(service, offer.benchmarks, offer.operator)


def _check_keys(keys: Keys | None, hosted: Mapping[str, Frozen]) -> None:
    for caller in [] if keys is None else keys.callers:
        for name in caller.benchmarks:
            if name not in hosted:
                raise UsageError(
                    f"the key {caller.name!r} in the key file plays {name!r}, and this server hosts "
                    f"{', '.join(sorted(hosted)) or 'none'}: host that one too (--benchmark again), or give "
                    "a key file of this server's own"
                )


def build_application(
    config: ListeningProcess, service: Service, keys: Keys | None, **cluster: Any
) -> Application:
    """Build what answers requests; `cluster` is what a worker among several adds."""
    return Application(service, keys, visitors=config.visitors, drain_s=config.drain_s, **cluster)


def load_keys(config: Listening, *, follow: bool = True) -> Keys | None:
    """Load the keys that a configuration names.

    Args:
        config: where they are.
        follow: read their file again when it changes.

    Raises:
        UsageError: if they cannot be read, or both places are named.
    """
    if config.key_file and config.key_env:
        raise UsageError("keys from a file and from an environment variable: give one of them")
    if config.key_file:
        return KeyFile(config.key_file) if follow else Keys.load(config.key_file)
    if config.key_env:
        secret = os.environ.get(config.key_env, "").strip()
        if not secret:
            raise UsageError(f"the environment variable {config.key_env} that should hold the key is empty")
        return Keys({secret: Caller("default")})
    return None
