"""The Docker engine: reached, asked through docker-py on a few threads, its errors told apart.

docker-py blocks, so each call runs on a thread of the engine's own pool and can be waited for with a limit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import SandboxError
from .owners import MAKER, owned
from .wire import Wire

if TYPE_CHECKING:
    from docker import DockerClient

log = logging.getLogger("turnwise.envs")
_T = TypeVar("_T")

CALL_S = 60.0
"""How long one call may take, in seconds, unless it says otherwise."""

_THREADS = 16
_REACH_S = 10.0
_AWAY_S, _AGAIN_S = 120.0, 0.5
_ABSENCE = ("connection error", "transport is closing", "ttrpc: closed", ": unavailable", "containerd.sock")
_REMOVED_MEANWHILE = "unrecognized image ID"  # with status 500, to whoever removes an image second
_NEWEST = "1.44"  # that docker-py 7 knows; an older engine is spoken to in its own


class Missing(SandboxError):
    """A container, an image or a command that the engine does not know (any more)."""


class Away(SandboxError):
    """An engine, or the part of it that runs containers, that does not answer now; it may come back."""


class NotStarted(Away):
    """A command that certainly never ran, since the engine was away."""


class Conflict(SandboxError):
    """What the engine cannot do in the present state: the container does not run, a name is taken."""


class Rejected(SandboxError):
    """What the engine takes for a wrong request, as the start of an image without the program asked for."""


class Engine:
    """One connection to the engine that DOCKER_HOST names, by default that of this machine.

    Raises:
        SandboxError: if there is no package, no engine, or one that cannot hold boxes to their limits.
    """

    def __init__(self) -> None:
        self._client, self._address = _connect()
        self.api: Any = self._client.api
        self.wire = Wire(self._address, self.api._version)
        self.info: dict[str, Any] = self.api.info()
        self.networks = {network["Name"] for network in self.api.networks()}
        self.is_local = self._address.startswith("unix://")
        self.sees_processes = False  # of containers, under the numbers that the engine gives them
        self.labels = {**owned(), MAKER: uuid.uuid4().hex}  # of all that is made here and not kept
        self.making: set[str] = set()  # names of containers that no box is yet
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()  # of what follows
        self._num_under_way, self._is_closed = 0, False

    async def call(self, method: str, /, *args: Any, limit_s: float = CALL_S, **kwargs: Any) -> Any:
        """Call a method of docker-py's low-level client.

        Raises:
            Missing, Conflict, Rejected: as the engine says.
            SandboxError: for every other failure, also if it takes longer than the limit.
        """
        return await self.run(getattr(self.api, method), *args, limit_s=limit_s, **kwargs)

    async def run(self, function: Any, *args: Any, limit_s: float = CALL_S, **kwargs: Any) -> Any:
        """Run what blocks, and may talk to the engine, on a thread.

        Raises:
            SandboxError: also if it had not begun when the connections were closed.
        """
        work, what = self._begun(function, args, kwargs), getattr(function, "__name__", "call")
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.wrap_future(work)
        except TimeoutError as error:
            raise SandboxError(f"the Docker engine took longer than {limit_s:g} s ({what})") from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if work.cancelled() and task is not None and not task.cancelling():
                raise SandboxError(f"the Docker engine was not asked ({what}): the backend closed") from None
            raise

    def _begun(self, *work: Any) -> Future[Any]:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="turnwise-docker")
            self._is_closed = False
            begun = self._pool.submit(_told_apart, *work)
            self._num_under_way += 1
        begun.add_done_callback(self._over)
        return begun

    def _over(self, _: Future[Any]) -> None:
        with self._lock:
            self._num_under_way -= 1
        self._close_if_idle()

    @contextmanager
    def patient(self, limit_s: float) -> Iterator[Any]:
        """Give a client of docker-py's that waits longer, or less long, for the next word of the engine.

        What it was answered is closed with it, also what was not read to its end.
        """
        import docker

        answers: list[Any] = []
        client = docker.APIClient(self._address, self.api._version, timeout=limit_s)
        client.hooks["response"].append(lambda answer, **_: answers.append(answer))
        with closing(client):
            try:
                yield client
            finally:
                for answer in answers:
                    answer.close()

    @contextmanager
    def streamed(self, container: str, what: str, **asked: str) -> Iterator[Any]:
        """Give an answer about a container that comes in pieces; it is closed, read to its end or not.

        docker-py leaves that to the collector of garbage, which may come to the connection first.
        """
        answer = self.api._get(
            self.api._url("/containers/{0}/" + what, container),
            params=asked, stream=True, headers={"Accept-Encoding": "identity"},
        )  # fmt: skip
        with closing(answer):
            self.api._raise_for_status(answer)
            yield answer

    def close(self) -> None:
        """Close the connections, until the next call; at once, or when what is under way has ended."""
        with self._lock:
            pool, self._pool, self._is_closed = self._pool, None, True
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        """Close connections that nobody uses: a call under way would open others, which nobody closes."""
        with self._lock:
            if self._is_closed and not self._num_under_way:
                self._client.close()


def _told_apart(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    from docker.errors import APIError, DockerException, NotFound
    from requests.exceptions import RequestException

    try:
        return function(*args, **kwargs)
    except NotFound as error:
        raise Missing(f"the Docker engine: {error.explanation or error}") from error
    except APIError as error:
        text = str(error.explanation or error)
        if _REMOVED_MEANWHILE in text:
            raise Missing(f"the Docker engine: {text}") from error
        kind = {400: Rejected, 409: Conflict}.get(error.status_code, SandboxError)
        raise (Away if is_of_absence(text) else kind)(f"the Docker engine: {text}") from error
    except (DockerException, RequestException, OSError) as error:
        raise unreachable(error) from error


def is_of_absence(text: str) -> bool:
    """Tell whether the engine says that containerd, which runs containers for it, does not answer."""
    return any(words in text for words in _ABSENCE)


def is_of_no_connection(text: str) -> bool:
    """Tell whether the engine says that it did not reach containerd; else what it asked for may be done."""
    return is_of_absence(text) and "dial" in text


async def while_away(act: Callable[[], Awaitable[_T]], kind: type[Away] = Away) -> _T:
    """Do something, and do it again for as long as the engine is away, at most for two minutes."""
    until = time.monotonic() + _AWAY_S
    while True:
        try:
            return await act()
        except kind as error:
            if time.monotonic() > until:
                raise
            log.info("waiting for the engine: %s", error)
            await asyncio.sleep(_AGAIN_S)


def unreachable(error: BaseException) -> Away:
    """Say that the engine does not answer."""
    return Away(
        f"the Docker engine does not answer ({error}): see that it runs and that DOCKER_HOST names it"
    )


def _connect() -> tuple[DockerClient, str]:
    try:
        import docker
        from docker.utils import parse_host
    except ImportError as error:
        raise SandboxError(
            "the docker backend needs the package docker: pip install 'turnwise[docker]'"
        ) from error
    given = os.environ.get("DOCKER_HOST")
    address = parse_host(given).replace("http+unix://", "unix://").replace("http://", "tcp://")
    if not address.startswith(("unix://", "tcp://")) or os.environ.get("DOCKER_TLS_VERIFY"):
        raise SandboxError(
            f"the Docker engine is reached by {given!r}; expected unix:// or tcp:// without TLS"
        )
    _try_to_reach(address)
    client = docker.DockerClient(
        base_url=address, version=docker.constants.DEFAULT_DOCKER_API_VERSION, timeout=CALL_S
    )
    try:
        theirs = _told_apart(client.api.version, (), {"api_version": False})["ApiVersion"]
        client.api._version = min(client.api._version, theirs, key=lambda text: [*map(int, text.split("."))])
        _examine(_told_apart(client.api.info, (), {}))
    except SandboxError:
        client.close()
        raise
    return client, address


def _try_to_reach(address: str) -> None:
    """Connect once; docker-py leaves its socket open when it cannot."""
    kind, _, rest = address.partition("://")
    host, _, port = rest.partition("/")[0].rpartition(":")
    try:
        if kind == "tcp":
            socket.create_connection((host.strip("[]"), int(port)), _REACH_S).close()
            return
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(_REACH_S)
            line.connect(rest)
    except OSError as error:
        raise unreachable(error) from error


def _examine(info: dict[str, Any]) -> None:
    for key, what in {"MemoryLimit": "memory", "PidsLimit": "the number of processes"}.items():
        if not info.get(key):
            raise SandboxError(
                f"the Docker engine cannot limit {what} of a container ({key} is {info.get(key)!r}): "
                "let its kernel and cgroups do so"
            )
