"""What a container of a box may do, and its making.

The first process is a shell that collects what dies and cannot be killed from inside: the kernel gives the
first process of a name space no signal from there that it does not ask for. Sources: Docker Engine API 1.41,
"Create a container"; pid_namespaces(7).
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from ....errors import UsageError
from ..box import HOST, Spec
from ..errors import SandboxError
from ..network import Allowlist
from . import host, seccomp
from .engine import Engine
from .owners import BOX

SHARED_MEMORY_BYTES = 64 << 20
MAX_OPEN_FILES = 4096
PROBE_SPEC = Spec(image="image:probe")
"""What an image is tried out with."""

WAITER = "sleep 2147483647"
"""What the first process waits for."""

NAMES = "turnwise-"
"""What the names of all containers begin with."""

_WAIT = f"trap : TERM INT HUP; while :; do {WAITER} & wait $!; done"
_QUEUE_BYTES = 819_200
_OUR_LABELS = "turnwise."


async def create(
    engine: Engine,
    image: str,
    spec: Spec,
    *,
    user: str,
    name: str,
    env: Mapping[str, str] | None = None,
) -> str:
    """Make a container that does not run yet, and return its id.

    Args:
        engine: where.
        image: id of the image.
        spec: limits, network, labels.
        user: who commands run as.
        name: of the container.
        env: variables of all commands.

    Raises:
        UsageError: for labels that are ours, or hosts that mean nothing.
        SandboxError: if the engine does not make it.
    """
    if taken := [label for label in spec.labels if label.startswith(_OUR_LABELS)]:
        raise UsageError(f"labels {taken} begin with {_OUR_LABELS!r}, which is kept for the backend's own")
    made = await engine.call(
        "create_container",
        image,
        ["-c", _WAIT],
        entrypoint=["/bin/sh"],
        name=name,
        user="0:0",  # of the first process alone; it has no capabilities
        working_dir="/",
        environment=dict(env or {}),
        labels={**spec.labels, **engine.labels, BOX: name},
        stdin_open=False,
        healthcheck={"test": ["NONE"]},
        use_config_proxy=False,  # it may hold passwords
        host_config=engine.api.create_host_config(**_host_config(engine, spec)),
    )
    return str(made["Id"])


@contextlib.contextmanager
def being_made(engine: Engine, family: str = "scratch") -> Iterator[str]:
    """Yield a name for a container that no box is yet; no sweep takes it for forgotten."""
    name = f"{NAMES}{family}-{uuid.uuid4().hex[:8]}"
    engine.making.add(name)
    try:
        yield name
    finally:
        engine.making.discard(name)


@contextlib.asynccontextmanager
async def at_rest(engine: Engine, image: str) -> AsyncIterator[str]:
    """Yield a container of an image that never runs, for its files."""
    with being_made(engine) as name:
        made = await engine.call(
            "create_container", image, ["true"], name=name, network_disabled=True, labels=engine.labels
        )
        try:
            yield str(made["Id"])
        finally:
            await engine.call("remove_container", made["Id"], force=True, v=True)


def _host_config(engine: Engine, spec: Spec) -> dict[str, Any]:
    from docker.types import LogConfig, Ulimit

    limits = spec.limits
    ceilings = {
        "nofile": MAX_OPEN_FILES,
        "core": 0,
        "fsize": limits.disk_bytes,
        "msgqueue": _QUEUE_BYTES,
        "memlock": 64 << 10,
        "sigpending": 1024,
    }
    return {
        "network_mode": _network(engine, spec),
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "mem_swappiness": None if engine.info.get("CgroupVersion") == "2" else 0,
        "pids_limit": limits.num_processes + 2,  # the first process and what it waits for
        "nano_cpus": int(limits.cpus * 1e9),
        "shm_size": min(SHARED_MEMORY_BYTES, limits.memory_bytes // 2),
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true", f"seccomp={seccomp.profile()}"],
        "privileged": False,
        "ipc_mode": "private",
        "ulimits": [Ulimit(name=name, soft=value, hard=value) for name, value in ceilings.items()],
        "log_config": LogConfig(type="none"),
        "mounts": host.mounts() if spec.image == HOST else [],
        "restart_policy": {"Name": "no"},
    }


def _network(engine: Engine, spec: Spec) -> str:
    if spec.network != "public":
        if not isinstance(spec.network, str):
            Allowlist(spec.network)  # its hosts are reached through a proxy on the box's loopback
        return "none"
    if "bridge" not in engine.networks:
        raise SandboxError(
            "a box with network is asked for, and the Docker engine runs without its bridge: "
            "start it without --bridge=none, or ask for no network"
        )
    return "bridge"
