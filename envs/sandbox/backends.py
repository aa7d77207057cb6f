"""The backend of this process, by name, and what there is to know about backends on this machine."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from ...errors import UnknownName, UsageError
from .box import HOST, Backend
from .errors import SandboxError

_ENGINE = "/var/run/docker.sock"
NAMES = ("auto", "namespace", "docker")

_shared: dict[str, Backend] = {}
_lock = threading.Lock()


class Diagnosis(NamedTuple):
    """Whether one thing that boxes need is there, and how to get it if not."""

    what: str
    works: bool
    hint: str


async def backend_by_name(name: str = "auto") -> Backend:
    """Return the backend of a name, one for the process; "auto" takes namespaces first, then Docker.

    Raises:
        UnknownName: for another name.
        SandboxError: if it does not work here, with what to install. No command ever runs outside a box.
    """
    if name not in NAMES:
        raise UnknownName("sandbox backend", name, NAMES)
    with _lock:
        wanted = ("namespace", "docker") if name == "auto" else (name,)
        for each in wanted:
            if each in _shared:
                return _shared[each]
        found = _first_that_works(wanted)
        _shared[found.name] = found
        return found


async def backend_for(images: Iterable[str], name: str = "auto") -> Backend:
    """Return the backend of a name that makes boxes of some images; "auto" takes one that can.

    Raises:
        UnknownName: for another name.
        UsageError: if it makes none of such an image, what does is not here, with what to install, or an
            image is a path and nothing is there.
        SandboxError: if no backend works here.
    """
    images = list(images)
    for image in images:
        kind, _, path = image.partition(":")
        if kind in ("rootfs", "dockerfile") and not Path(path).exists():
            raise UsageError(f"image={image!r}: there is no {path}; expected a file or a folder")
    other = next((image for image in images if image != HOST and not image.startswith("rootfs:")), None)
    if other is None or name not in ("auto", "namespace"):
        return await backend_by_name(name)
    need = (
        f"image={other!r} needs the docker backend: boxes of namespaces are made of 'host' or 'rootfs:PATH'"
    )
    if name == "namespace":
        raise UsageError(need)
    try:
        return await backend_by_name("docker")
    except SandboxError as error:
        raise UsageError(f"{need}; {error}") from error


def _first_that_works(names: tuple[str, ...]) -> Backend:
    failures = []
    for name in names:
        try:
            return _namespace() if name == "namespace" else _docker()
        except SandboxError as error:
            failures.append(f"{name}: {error}")
    raise SandboxError(
        ("no sandbox works here" if len(names) > 1 else f"the sandbox {names[0]!r} does not work here")
        + ", and commands never run outside of one; "
        + "; ".join(failures)
        + "; `turnwise doctor` says what is missing"
    )


def _namespace() -> Backend:
    if sys.platform != "linux":
        raise SandboxError(f"namespaces are Linux's, this is {sys.platform}")
    from .namespace import NamespaceBackend

    backend = NamespaceBackend()
    backend.open()
    return backend


def _docker() -> Backend:
    if "DOCKER_HOST" not in os.environ and not Path(_ENGINE).exists():
        raise SandboxError(
            f"no Docker engine: {_ENGINE} is not there and DOCKER_HOST is not set; "
            "on Debian: apt-get install docker.io"
        )
    try:
        from .docker import DockerBackend
    except ImportError as error:
        raise SandboxError(f"pip install 'turnwise[docker]' ({error})") from error
    return DockerBackend()


def diagnoses() -> list[Callable[[], list[Diagnosis]]]:
    """Return what tells what boxes need here: first of each backend, tried, then of single things."""
    looks = [lambda: [_tried("namespace", _namespace)], lambda: [_tried("docker", _docker)]]
    return [*looks, _needed] if sys.platform == "linux" else looks


def _needed() -> list[Diagnosis]:
    from .namespace.probe import findings

    return [Diagnosis(*finding) for finding in findings()]


def _tried(what: str, make: Callable[[], Backend]) -> Diagnosis:
    try:
        backend = make()
        asyncio.run(backend.aclose())
    except SandboxError as error:
        return Diagnosis(what, False, str(error))
    return Diagnosis(what, True, "")


def forget(backend: Backend) -> None:
    """Let the next call make a new backend; for one that was closed."""
    with _lock:
        for name in [name for name, held in _shared.items() if held is backend]:
            del _shared[name]


os.register_at_fork(after_in_child=_shared.clear)
