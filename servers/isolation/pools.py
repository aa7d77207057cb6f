"""The processes and containers that environments on offer are kept in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ...envs.registry import registered
from .arguments import ArgumentRule
from .catalogue import Catalogue
from .containers.launcher import ContainerLauncher, descriptions_inside
from .descriptions import EnvDescription
from .hosts import Isolation, isolation_of
from .launchers import ProcessLauncher
from .process_pool import ProcessPool


@dataclass(frozen=True, slots=True)
class Processes:
    """Bounds of the processes and containers that keep environments.

    Args:
        num: how many of each kind there may be.
        deadline_s: how long a reset or a step may take, in seconds; 0 is for ever.
        memory_bytes: how much memory each may take; 0 is no limit, and 1 GiB for a container.
        image: what containers are made of.
    """

    num: int
    deadline_s: float
    memory_bytes: int
    image: str


def build_catalogue(
    envs: Sequence[str],
    data_roots: Sequence[Path],
    isolation: Mapping[str, Isolation],
    processes: Processes,
    arguments: Sequence[ArgumentRule] = (),
) -> Catalogue:
    """Build a catalogue with the pools that its environments are kept in.

    Args:
        envs: what is on offer; empty for everything registered.
        data_roots: folders in which arguments may name files.
        isolation: environment -> how it runs; "*" for those not named.
        processes: bounds of those that are needed.
        arguments: what the operator says of arguments.

    Raises:
        UsageError: if they cannot be kept so here.
    """
    ways = set(isolation.values())
    pools: dict[Isolation, ProcessPool] = {}
    descriptions: dict[str, EnvDescription] = {}
    if "process" in ways:
        local = ProcessLauncher(processes.memory_bytes)
        pools["process"] = ProcessPool(local, processes.num, deadline_s=processes.deadline_s)
    with ExitStack() as undo:
        if "container" in ways:
            inside = [id for id in envs or registered() if isolation_of(isolation, id) == "container"]
            launcher = _containers(inside, data_roots, processes)
            containers = ProcessPool(launcher, processes.num, deadline_s=processes.deadline_s)
            undo.callback(containers.close)
            pools["container"] = containers
            descriptions = descriptions_inside(containers, launcher, inside)
        catalogue = Catalogue(
            envs,
            data_roots=data_roots,
            isolation=isolation,
            pools=pools,
            descriptions=descriptions,
            arguments=arguments,
        )
        undo.pop_all()
    return catalogue


def _containers(inside: Sequence[str], data_roots: Sequence[Path], processes: Processes) -> ContainerLauncher:
    """Let containers read what their environments are made of, and nothing else of this machine."""
    files = [file for id in inside if (file := Path(id.rpartition(":")[0])).suffix == ".py"]
    roots = [root.expanduser().resolve() for root in data_roots]  # as arguments name them then
    return ContainerLauncher(
        processes.image,
        memory_bytes=processes.memory_bytes,
        readable=[*files, *roots],
        folder=Path.cwd() if any(not file.is_absolute() for file in files) else None,
    )
