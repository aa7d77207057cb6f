"""The backend of this process, by name, and what there is to know about backends on this machine."""

from __future__ import annotations

import importlib
import os
import threading
from typing import NamedTuple, cast

from ...errors import UnknownName
from .box import Backend
from .errors import SandboxError

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


def _first_that_works(names: tuple[str, ...]) -> Backend:
    failures = []
    for name in names:
        try:
            return _namespace() if name == "namespace" else _docker()
        except SandboxError as error:
            failures.append(f"{name}: {error}")
    raise SandboxError(
        "no sandbox works here, and commands never run outside of one; "
        + "; ".join(failures)
        + "; turnwise doctor says what is missing"
    )


def _namespace() -> Backend:
    try:
        from .namespace import NamespaceBackend
    except ImportError as error:
        raise SandboxError(f"namespaces are Linux's: {error}") from error
    backend = NamespaceBackend()
    backend.open()
    return backend


def _docker() -> Backend:
    try:
        module = importlib.import_module("..docker", __name__)
    except ImportError as error:
        raise SandboxError(f"pip install 'turnwise[docker]' ({error})") from error
    return cast(Backend, module.DockerBackend())


def forget(backend: Backend) -> None:
    """Let the next call make a new backend; for one that was closed."""
    with _lock:
        for name in [name for name, held in _shared.items() if held is backend]:
            del _shared[name]


os.register_at_fork(after_in_child=_shared.clear)
