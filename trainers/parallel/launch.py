"""How the ranks of a learner come together: those that torchrun started, or processes that we start here.

Rank 0 is the process that trains. Those that we start hear nothing of Ctrl-C, which rank 0 answers for all,
and end with it however it ends: their standard input closes then. They meet on the loopback alone.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta

import torch
from torch._C._distributed_c10d import Store, TCPStore
from torch.distributed.rendezvous import rendezvous

from ...errors import TrainingError, UsageError
from ...signals import how_ended
from ..launch.config import LaunchSection
from .group import Ranks, wait_for
from .place import Place, interface_of, placed

log = logging.getLogger(__name__)

_HOST = "127.0.0.1"
_START_S = 300.0
_STOP_S = 30.0
_TIMEOUT, _READY = "timeout_s", "ready/{}"


@contextmanager
def ranks(config: LaunchSection) -> Iterator[Ranks]:
    """Give the group of all ranks to rank 0, for as long as the block lasts; they end with it.

    Raises:
        UsageError: if there are fewer cards than ranks.
        TrainingError: if a rank does not start.
    """
    place = placed()
    if place.world > 1:
        if config.learners not in (1, place.world):
            raise UsageError(
                f"launch.learners is {config.learners}, and torchrun has started {place.world} processes: "
                "leave it out"
            )
        with _group(_met(), place, config.timeout_s) as group:
            yield group
        return
    place = Place(0, 0, config.learners)
    _device(place.world - 1)
    with socket.create_server((_HOST, 0)) as listener:
        port = listener.getsockname()[1]
        store = TCPStore(
            _HOST,
            port,
            place.world,
            is_master=True,
            wait_for_workers=False,
            master_listen_fd=listener.detach(),
        )
    os.environ |= interface_of(_HOST)
    with closing(_Processes(place.world, port)) as processes:
        processes.wait_until_ready(store)
        with _group(store, place, config.timeout_s, processes) as group:
            try:
                yield group
            finally:
                processes.stop_s = 0.0 if group.is_lost else _STOP_S


def meet(place: Place) -> Ranks:
    """Return the group to a rank above 0, once rank 0 is there: it may have to make a policy first."""
    store = _met()
    store.set(_READY.format(place.rank), "")
    return Ranks(store, place, _device(place.local_rank), float(wait_for(store, _TIMEOUT)))


@contextmanager
def _group(
    store: Store, place: Place, timeout_s: float, processes: _Processes | None = None
) -> Iterator[Ranks]:
    """Give the group to rank 0.

    Raises:
        TrainingError: if the ranks do not reach each other.
    """
    device = _device(place.local_rank)
    store.set(_TIMEOUT, str(timeout_s))
    ended = processes.ended if processes is not None else dict
    try:
        group = Ranks(store, place, device, timeout_s, ended)
    except RuntimeError as error:
        gone = "; ".join(f"rank {rank} {how}" for rank, how in ended().items())
        raise TrainingError(f"the {place.world} ranks do not reach each other: {gone or error}") from error
    with closing(group):
        yield group


def _met() -> Store:
    """Return the store that torchrun's variables, or ours, lead to."""
    found: tuple[Store, int, int] = next(rendezvous("env://", timeout=timedelta(seconds=_START_S)))
    return found[0]


def _device(local_rank: int) -> torch.device:
    """Return where a rank computes: on a card of its own, or on the CPU where there is none.

    Raises:
        UsageError: if there are cards, but fewer than ranks on this machine.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    cards = torch.cuda.device_count()
    if local_rank >= cards:
        raise UsageError(
            f"{local_rank + 1} learners on a machine with {cards} GPU(s): each needs one of its own; set "
            f"launch.learners={cards}, or let torchrun start as many"
        )
    return torch.device("cuda", local_rank)


class _Processes:
    """The ranks above 0 on this machine, as processes of their own."""

    def __init__(self, world: int, port: int) -> None:
        self.stop_s = _STOP_S  # how long they may take to end
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        for rank in range(1, world):
            self._processes[rank] = subprocess.Popen(
                [sys.executable, "-m", "turnwise.trainers.parallel"],
                stdin=subprocess.PIPE,  # closes with this process, however it ends
                stdout=subprocess.DEVNULL,
                env={
                    **os.environ,
                    **Place(rank, rank, world).variables(_HOST, port),
                    "TORCH_CPP_LOG_LEVEL": "ERROR",
                },
                start_new_session=True,
            )

    def wait_until_ready(self, store: Store) -> None:
        """Wait until all have met.

        Raises:
            TrainingError: naming the rank that ended before, or takes too long.
        """
        deadline = time.monotonic() + _START_S
        missing = list(self._processes)
        while missing := [rank for rank in missing if not store.check([_READY.format(rank)])]:
            for rank, how in self.ended().items():
                raise TrainingError(f"rank {rank} {how} before the run began; its own words stand above")
            if time.monotonic() > deadline:
                raise TrainingError(f"rank {missing[0]} did not start within {_START_S:g} s")
            time.sleep(0.05)

    def ended(self) -> Mapping[int, str]:
        """Return how those have ended that have."""
        codes = {rank: process.poll() for rank, process in self._processes.items()}
        return {
            rank: f"(process {self._processes[rank].pid}) {how_ended(code)}"
            for rank, code in codes.items()
            if code is not None
        }

    def close(self) -> None:
        """Wait until all have ended, as they have been told to; kill those that do not."""
        deadline = time.monotonic() + self.stop_s
        for rank, process in self._processes.items():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                if self.stop_s:
                    log.warning("rank %d (process %d) did not end, and is killed", rank, process.pid)
                process.kill()
                process.wait()
            assert process.stdin is not None
            process.stdin.close()
