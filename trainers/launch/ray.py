"""A cluster of Ray that holds the processes of a run. Nothing else imports ray.

Ray carries processes and addresses: a keeper is an actor in the bundle that was reserved for it. It is not
restarted by Ray, which knows neither the port that it had nor what depends on it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import TrainingError, UsageError
from ...servers.http.visitors import is_loopback
from .keeper import START_S, Command, Ended, Keeper, Look, Spot
from .roles import Role
from .supervise import Lost, gone

_CALL_S, _PLACE_S = 60.0, 180.0  # a busy node takes its time to start an actor
_RESERVE_S = 30.0
_GIB = 1 << 30
_ASKED = ("CPU", "GPU", "memory")
_LESS = "ask for less (launch.per_learner, launch.per_server, launch.per_engine), or add nodes"


@contextlib.contextmanager
def joined(address: str, run: str) -> Iterator[RayCluster]:
    """Join a cluster for as long as the block lasts; what it holds of the run ends with it.

    Args:
        address: HOST:PORT of the cluster's head.
        run: the folder of the run.

    Raises:
        UsageError: if the address is none, or ray is not installed.
        TrainingError: if nobody answers there, or not as Ray does.
    """
    ray = _connected(address)
    cluster = RayCluster(ray, run)
    try:
        yield cluster
    finally:
        cluster.close()
        ray.shutdown()


class RayCluster:
    """A cluster, seen by one run.

    Args:
        ray: the package, which has joined it.
        run: the folder of the run.
    """

    def __init__(self, ray: Any, run: str) -> None:
        self._ray, self._run = ray, run
        self._group: Any = None
        self._bundles: dict[str, int] = {}

    def reserve(self, roles: Sequence[Role]) -> dict[str, str]:
        """Reserve what the processes of a run are to be given; return the node of each.

        Raises:
            UsageError: if the cluster does not have it.
            TrainingError: if others have it now.
        """
        self._check(roles)
        from ray.util.placement_group import placement_group

        bundles = [_bundle(role) for role in roles]
        self._group = placement_group(bundles, strategy="PACK")
        if not self._group.wait(_RESERVE_S):
            free = _words(self._ray.available_resources())
            raise TrainingError(
                f"{len(roles)} processes ask for {_words(_sum(bundles))}, and have not been given it within "
                f"{_RESERVE_S:g} s; {free} are free: wait until others end, {_LESS}"
            )
        self._bundles = {role.name: number for number, role in enumerate(roles)}
        hosts, places = self._hosts(), zip(roles, self._places(), strict=True)
        return {role.name: f"{hosts[node]} ({node[:6]})" for role, node in places}

    def place(self, role: Role) -> tuple[str, RayHeld]:
        """Start a keeper at the place of a process.

        Raises:
            Lost: if it does not start.
        """
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        asked = _bundle(role)
        actor = (
            self._ray.remote(Keeper)
            .options(
                num_cpus=asked["CPU"],
                num_gpus=asked.get("GPU", 0),
                memory=asked.get("memory", 0),
                max_concurrency=4,
                scheduling_strategy=PlacementGroupSchedulingStrategy(
                    self._group, placement_group_bundle_index=self._bundles[role.name]
                ),
            )
            .remote(self._run, role.name)
        )
        held = RayHeld(self._ray, actor)
        try:
            held.wait_until_there()
            held.host = self._hosts()[self._places()[self._bundles[role.name]]]
        except Lost:
            held.release()
            raise
        return held.host, held

    def close(self) -> None:
        """Give back what was reserved; whatever still runs there ends."""
        from ray.util.placement_group import remove_placement_group

        if self._group is not None:
            remove_placement_group(self._group)

    def _check(self, roles: Sequence[Role]) -> None:
        """Refuse what the cluster can never give."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        bundles = [_bundle(role) for role in roles]
        for role, bundle in zip(roles, bundles, strict=True):
            if not any(_fits(bundle, node) for node in nodes):
                most = "; ".join(_words(node) for node in nodes)
                raise UsageError(
                    f"{role.name} asks for {_words(bundle)}, and no node of the cluster has it: its "
                    f"{len(nodes)} nodes have {most}. Set launch.per_{_section(role)}, or add a node"
                )
        asked, there = _sum(bundles), _sum(nodes)
        if not _fits(asked, there):
            raise UsageError(
                f"{len(roles)} processes ask for {_words(asked)}, and the cluster has {_words(there)}: "
                + _LESS
            )

    def _hosts(self) -> dict[str, str]:
        return {node["NodeID"]: node["NodeManagerAddress"] for node in self._ray.nodes()}

    def _places(self) -> list[str]:
        """Return the node of each bundle; Ray gives a bundle another where its node is lost."""
        from ray.util.placement_group import placement_group_table

        until = time.monotonic() + _CALL_S
        while True:
            found = placement_group_table(self._group)["bundles_to_node_id"]
            nodes = [found[number] for number in sorted(found)]
            if all(nodes):
                return nodes
            if time.monotonic() > until:
                raise Lost("has lost its node, and no other node has what it asks for")
            time.sleep(0.2)


class RayHeld:
    """A keeper that is an actor.

    Args:
        ray: the package.
        actor: the keeper.
    """

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self.host = ""
        self._waiting: Any = None

    def wait_until_there(self) -> None:
        """Wait until the actor runs."""
        self._called(self._actor.__ray_ready__.remote(), _PLACE_S)

    def settle(self, port: int) -> Spot:
        """Say where its process will run."""
        found: Spot = self._called(self._actor.settle.remote(self.host, port))
        return found

    def start(self, command: Command) -> Ended | None:
        """Start the process; wait until one that serves does."""
        ended: Ended | None = self._called(self._actor.start.remote(command), START_S + 2 * _CALL_S)
        if ended is None:
            self._waiting = self._actor.wait.remote()
        return ended

    def ended(self) -> Ended | None:
        """Return how the process ended, if it or its keeper has."""
        if self._waiting is None:
            return None
        done, _ = self._ray.wait([self._waiting], timeout=0)
        if not done:
            return None
        try:
            found: Ended = self._called(self._waiting)
        except Lost as lost:
            return gone(lost)
        return found

    def look(self, position: int) -> Look:
        """Return what it has written since."""
        found: Look = self._called(self._actor.look.remote(position))
        return found

    def is_taken(self, port: int) -> bool:
        """Tell whether somebody listens at a port there."""
        return bool(self._called(self._actor.is_taken.remote(self.host, port)))

    def stop(self) -> None:
        """Ask the process to end, and wait until it has."""
        with contextlib.suppress(Lost):
            self._called(self._actor.stop.remote(), 2 * _CALL_S)

    def release(self) -> None:
        """End the keeper, and the process with it."""
        self._ray.kill(self._actor)

    def close(self) -> None:
        """End both, and remove what they have left there."""
        with contextlib.suppress(Lost):
            self._called(self._actor.close.remote(), 2 * _CALL_S)
        self.release()

    def _called(self, future: Any, timeout_s: float = _CALL_S) -> Any:
        from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError

        try:
            return self._ray.get(future, timeout=timeout_s)
        except RayTaskError as error:
            raise error.cause if isinstance(error.cause, TrainingError) else error from None
        except RayActorError:
            raise Lost("has lost its actor, which was killed, or whose node was") from None
        except GetTimeoutError:
            raise Lost(f"has an actor that does not answer within {timeout_s:g} s") from None


def _connected(address: str) -> Any:
    """Return the package once it has joined a cluster."""
    host, _, digits = address.rpartition(":")
    if not host or not digits.isdigit() or "/" in address:
        raise UsageError(
            f"--ray {address!r}: expected HOST:PORT of a cluster's head, as `ray start --head` says"
        )
    port = int(digits)
    host = host.strip("[]")
    if not _knock(host, port):
        raise TrainingError(
            f"--ray {address}: nobody answers there. Is the cluster running? `ray start --head` starts one, "
            "and says its address"
        )
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")  # of half a minute each; Ray's own 20 are minutes
    if is_loopback(host) and not _knock(_outer_address(), port):
        # unless told so, Ray takes it for the outer address of this machine, where nobody listens
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    try:
        import ray
    except ImportError as error:
        raise UsageError(f"--ray needs ray ({error}): pip install 'turnwise[ray]'") from error
    former = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0][:300]
        raise TrainingError(f"--ray {address}: what answers there is no cluster to join: {first}") from error
    signal.signal(signal.SIGTERM, former)
    return ray


def _knock(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=5.0):
            return True
    except OSError:
        return False


def _outer_address() -> str:
    """Return the address by which this machine goes to others, as Ray finds it; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("8.8.8.8", 80))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _bundle(role: Role) -> dict[str, float]:
    share = role.share
    asked = {"CPU": share.cpus, "GPU": share.gpus, "memory": float(int(share.gib * _GIB))}
    return {name: value for name, value in asked.items() if value}


def _sum(tables: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(table.get(name, 0.0) for table in tables) for name in _ASKED}


def _fits(asked: Mapping[str, float], there: Mapping[str, float]) -> bool:
    return all(value <= there.get(name, 0.0) for name, value in asked.items())


def _words(table: Mapping[str, float]) -> str:
    cpus, gpus, memory = (table.get(name, 0.0) for name in _ASKED)
    return f"{cpus:g} CPUs, {gpus:g} GPUs and {memory / _GIB:.1f} GiB"


def _section(role: Role) -> str:
    return "server" if role.kind == "router" else role.kind
