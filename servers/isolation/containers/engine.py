"""The Docker engine that containers of environments are started by: found, examined, cleaned up.

Whatever is missing for a container to be the wall that it should be is refused
when the server starts, with what to do about it.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....errors import UsageError

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger("turnwise.servers")

_TIMEOUT_S = 60
_LABEL = "turnwise.environments"
_LIMITS = {"MemoryLimit": "memory", "PidsLimit": "the number of processes"}
_SOCKET = "unix:///var/run/docker.sock"
_SOCKETS = ("http+docker://localhost", "http://")  # how docker-py writes unix:// and tcp://


@contextmanager
def engine_errors() -> Iterator[None]:
    """Make every failure of the engine, or of the way to it, an OSError with its text."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except (DockerException, RequestException) as error:
        raise OSError(f"the Docker engine: {getattr(error, 'explanation', None) or error}") from error


def connect() -> DockerClient:
    """Reach the engine that DOCKER_HOST names, by default the one of this machine.

    Raises:
        UsageError: if there is none, or it cannot hold containers to their limits.
    """
    try:
        import docker
    except ImportError as error:
        raise UsageError(
            "container isolation needs the package docker: pip install 'turnwise[docker]', "
            "or choose --isolation process"
        ) from error
    try:
        with engine_errors():
            _knock(os.environ.get("DOCKER_HOST") or _SOCKET)
            client = docker.from_env(timeout=_TIMEOUT_S)
            info = client.info()
    except OSError as error:
        raise UsageError(
            f"container isolation needs a Docker engine, and none answers ({error}); start one, point "
            "DOCKER_HOST to it, let this user use it, or choose --isolation process"
        ) from error
    try:
        _examine(client, info)
    except UsageError:
        client.close()
        raise
    return client


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at a socket; docker-py would leave its own open."""
    if address.startswith("unix://"):
        path = address.removeprefix("unix://")
        with socket.socket(socket.AF_UNIX) as door:
            try:
                door.connect(path)
            except OSError as error:
                raise OSError(error.errno, error.strerror, path) from error


def _examine(client: DockerClient, info: dict[str, Any]) -> None:
    if not client.api.base_url.startswith(_SOCKETS):
        raise UsageError(
            f"the Docker engine is reached by {os.environ.get('DOCKER_HOST')!r}; expected unix:// or tcp://"
        )
    for key, what in _LIMITS.items():
        if not info.get(key):
            raise UsageError(
                f"the Docker engine cannot limit {what} of a container ({key} is {info.get(key)!r}): "
                "let its kernel and cgroups do so, or choose --isolation process"
            )


def image_volumes(client: DockerClient, image: str) -> list[str]:
    """Look an image up and return the folders that it declares as volumes.

    Raises:
        UsageError: if the engine has no such image.
    """
    from docker.errors import ImageNotFound

    try:
        with engine_errors():
            config: dict[str, Any] = client.images.get(image).attrs["Config"]
    except OSError as error:
        if not isinstance(error.__cause__, ImageNotFound):
            raise UsageError(f"the image {image!r}: {error}") from error
        raise UsageError(
            f"the Docker engine has no image {image!r}: build it with the Dockerfile of this project "
            f"(docker build -t {image} .), or name another with --container-image"
        ) from error
    return sorted(config.get("Volumes") or ())


def labels() -> dict[str, str]:
    """Return the labels by which a container is known as this process's."""
    pid = os.getpid()
    return {_LABEL: socket.gethostname(), f"{_LABEL}.server": f"{pid}-{_born(pid)}"}


def reap(client: DockerClient) -> None:
    """Remove the containers of servers of this machine that are gone.

    A container ends with its server by itself; this is for those that could not.
    """
    ours = {"label": f"{_LABEL}={socket.gethostname()}"}
    try:
        with engine_errors():
            found = client.api.containers(all=True, filters=ours)
    except OSError as error:
        log.warning("containers of servers that are gone cannot be looked for: %s", error)
        return
    for container in found:
        pid, _, born = container["Labels"].get(f"{_LABEL}.server", "").partition("-")
        if pid.isdecimal() and _born(int(pid)) == born:
            continue
        try:
            with engine_errors():
                client.api.remove_container(container["Id"], force=True, v=True)
            log.warning("container %s of server %s, which is gone, was removed", container["Id"][:12], pid)
        except OSError as error:  # as when another server was faster
            log.warning("container %s of server %s, which is gone: %s", container["Id"][:12], pid, error)


def _born(pid: int) -> str:
    """Tell when a process started, so that one of the same number is not taken for it; "" if it is gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass  # it is there, and somebody else's
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return "unknown"
    return "" if fields[0] == "Z" else fields[19]
