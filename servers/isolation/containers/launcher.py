"""Processes that keep environments, each in a Docker container without network.

The server talks to the container over its standard input and output, through
the engine: no port, no shared folder, no user ids that have to agree. The
engine closes the input when the server is gone, and the process ends.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .... import __version__
from ....errors import UsageError
from ..channel import Channel
from ..descriptions import EnvDescription, description_from
from ..faults import DeadlineOver, HostLost, RemoteFault
from ..launchers import Launched
from ..process_pool import ProcessPool
from .engine import connect, engine_errors, image_volumes, labels, reap

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger("turnwise.servers")

_DEFAULT_MEMORY_BYTES = 1 << 30
_MAX_PIDS = 256
_TMPFS = "rw,noexec,nosuid,nodev,size=64m"
_NOBODY = 65534
_STREAMS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
_ERROR_STREAM = 2
_MAX_ERROR_BYTES = 2000


class ContainerLauncher:
    """A launcher of processes in containers.

    Args:
        image: holds the same turnwise as runs here, for `python3`.
        memory_bytes: how much memory each container may take; 0 is 1 GiB.
        readable: files and folders of this machine that can be read inside, at the same place.
        folder: where relative names of files begin.

    Raises:
        UsageError: if there is no engine, no such image, or no package to talk to the engine.
    """

    def __init__(
        self,
        image: str = "turnwise",
        *,
        memory_bytes: int = 0,
        readable: Sequence[Path] = (),
        folder: Path | None = None,
    ) -> None:
        self.setup: dict[str, Any] = {"path": None, "memory_bytes": 0}  # the engine limits it
        self.image = image
        self._errors = bytearray()
        with ExitStack() as undo:
            self._client = connect()
            undo.callback(self._client.close)
            volumes = image_volumes(self._client, image)
            self._flags = _flags(volumes, memory_bytes or _DEFAULT_MEMORY_BYTES)
            self._flags |= {"mounts": _mounts(readable), "working_dir": str(folder or "/")}
            reap(self._client)
            undo.pop_all()

    @property
    def last_errors(self) -> str:
        """Return the end of what the last container wrote to standard error while it started."""
        return self._errors.decode("utf-8", "replace").strip()

    def launch(self) -> Launched:
        """Start one."""
        with engine_errors(), ExitStack() as undo:
            container = self._client.containers.create(self.image, **self._flags)
            undo.callback(container.remove, force=True)
            line = _plain(container.attach_socket(params=_STREAMS))
            undo.callback(line.close)
            container.start()
            undo.pop_all()
        self._errors = errors = bytearray()
        return _Container(self._client, container.id, Channel(line, _Unwrap(errors)))

    def close(self) -> None:
        """Close the connections to the engine."""
        self._client.close()


def _plain(attached: Any) -> socket.socket:
    """Take the socket out of the response that docker-py has read the head of; nothing followed yet."""
    line = socket.socket(fileno=os.dup(attached.fileno()))
    inner = attached._sock
    attached.close()
    inner.close()
    return line


class _Container:
    def __init__(self, client: DockerClient, container_id: str, channel: Channel) -> None:
        self._client, self._id = client, container_id
        self.channel = channel

    def kill(self) -> str:
        """Kill all that runs in the container; the engine removes it then."""
        try:
            with engine_errors():
                self._client.api.kill(self._id)
        except OSError as error:  # as a rule because it has ended
            log.debug("container %s: %s", self._id[:12], error)
        return f"container {self._id[:12]}"


class _Unwrap:
    """What takes the engine's stream of a container apart: output is returned, the end of errors kept.

    Frames are a byte that says which, three zeros, four bytes of length, and that
    many bytes (Docker Engine API, "Attach to a container", stream format).
    """

    def __init__(self, errors: bytearray) -> None:
        self._errors = errors
        self._head = bytearray()
        self._left = 0

    def __call__(self, chunk: bytes) -> bytes:
        output, at = bytearray(), 0
        while at < len(chunk):
            if self._left == 0:
                missing = 8 - len(self._head)
                self._head += chunk[at : at + missing]
                at += missing
                if len(self._head) == 8:
                    self._stream, self._left = self._head[0], int.from_bytes(self._head[4:], "big")
                    self._head.clear()
                continue
            part = chunk[at : at + self._left]
            at, self._left = at + len(part), self._left - len(part)
            if self._stream == _ERROR_STREAM:
                self._errors += part
                del self._errors[:-_MAX_ERROR_BYTES]
            else:
                output += part
        return bytes(output)


def descriptions_inside(
    pool: ProcessPool, launcher: ContainerLauncher, env_ids: Sequence[str]
) -> dict[str, EnvDescription]:
    """Start a container, see that it is what it should be, and ask it about environments.

    Their code is so imported in there and not here.

    Args:
        pool: keeps the container.
        launcher: starts it.
        env_ids: the environments that are isolated so.

    Raises:
        UsageError: if it does not start, holds another turnwise, or not all environments.
    """
    try:
        inside = pool.describe(list(env_ids))
        if inside["version"] == __version__:
            return {id: description_from(inside["envs"][id]) for id in env_ids}
    except (HostLost, DeadlineOver) as error:
        last = launcher.last_errors.rpartition("\n")[2]
        raise UsageError(
            f"the image {launcher.image!r} does not start: {last or error}; it needs python3 and turnwise "
            "(see Dockerfile)"
        ) from error
    except (UsageError, RemoteFault, LookupError, TypeError, ValueError) as error:
        raise UsageError(
            f"in the image {launcher.image!r}: {error}; of this machine only the files named by --env and "
            f"the folders of --data-root are there, readable for user {_user().partition(':')[0]}"
        ) from error
    raise UsageError(
        f"the image {launcher.image!r} holds turnwise {str(inside['version'])[:20]}, and this server is "
        f"{__version__}: build it again from the same source"
    )


def _flags(volumes: Sequence[str], memory_bytes: int) -> dict[str, Any]:
    """Say what a container may: compute, and write a little to memory that goes with it."""
    from docker.types import LogConfig

    return {
        "entrypoint": ["python3", "-m", "turnwise.servers.isolation.env_process"],
        "command": [],
        "stdin_open": True,
        "init": True,
        "auto_remove": True,
        "labels": labels(),
        "user": _user(),
        "network_mode": "none",
        "read_only": True,
        "tmpfs": dict.fromkeys(["/tmp", *volumes], _TMPFS),  # a volume would be room on the disk
        "mem_limit": memory_bytes,
        "memswap_limit": memory_bytes,
        "pids_limit": _MAX_PIDS,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "healthcheck": {"test": ["NONE"]},  # that of the image asks a server
        "log_config": LogConfig(type="none"),
        "environment": {"HOME": "/tmp", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    }


def _user() -> str:
    """Return who runs inside: the user of this server, so that it can read its files, but never root."""
    return f"{os.getuid()}:{os.getgid()}" if os.getuid() else f"{_NOBODY}:{_NOBODY}"


def _mounts(readable: Sequence[Path]) -> list[Any]:
    from docker.types import Mount

    places = {str(path.absolute()): str(path.resolve()) for path in readable}
    return [Mount(there, here, type="bind", read_only=True) for there, here in places.items()]
