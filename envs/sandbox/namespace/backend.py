"""The backend without an engine: one keeper process with namespaces, overlay layers, control groups."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from ....errors import UsageError
from .. import network
from ..box import HOST, Backend, Sandbox, Spec
from ..errors import ImageError, SandboxError
from ..unattended import UNATTENDED
from . import host, images, places, sweeping
from .box import NamespaceSandbox, check_variable, new_box
from .channel import Channel, Reply

T = TypeVar("T")
START_S = 60.0
"""Seconds in which an image's files have to answer, and its shell to run."""
_VARIABLES = {
    **UNATTENDED,
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}


@dataclass(slots=True)
class _Pool:
    """Boxes of one specification that wait.

    Args:
        spec: without labels.
        message: what the keeper is told of it.
        count: how many shall wait.
        waiting: those that do.
        coming: ids of those that the keeper was asked for.
    """

    spec: Spec
    message: dict[str, Any]
    count: int = 0
    waiting: deque[NamespaceSandbox] = field(default_factory=deque)
    coming: set[str] = field(default_factory=set)


class NamespaceBackend(Backend):
    """Boxes of one keeper process, which is started with the first of them."""

    name: Literal["namespace"] = "namespace"

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._lock = threading.Lock()
        self._bases: set[str] = set()
        self._pools: dict[str, _Pool] = {}
        self._closed = False

    @property
    def channel(self) -> Channel:
        """The keeper, started if it does not run.

        Raises:
            SandboxError: if it does not start, or was closed.
        """
        with self._lock:
            if self._closed:
                raise SandboxError("the sandbox backend is closed")
            if self._channel is not None and self._channel.has_died:
                self._forget(self._channel)
            if self._channel is None:
                sweeping.keep_swept()
                self._channel = Channel(places.find(), sweeping.soon)
            return self._channel

    def _forget(self, channel: Channel) -> None:
        """Begin anew after the end of a keeper: its boxes and bases went with it."""
        channel.close()
        self._channel = None
        self._bases.clear()
        for pool in self._pools.values():
            pool.waiting.clear()

    def open(self) -> None:
        """Start the keeper now, so that what is missing here is said now."""
        _ = self.channel

    async def start(self, spec: Spec) -> Sandbox:
        """Return a new box, from the pool where one of this specification waits; see Backend."""
        self.open()  # anew, if the keeper has died
        pool = self._pools.get(_key(spec))
        if pool is None:
            return await self._start(spec)
        box = pool.waiting.popleft() if pool.waiting else await self._start(spec)
        box.spec = spec
        self._refill(pool)
        return box

    async def _start(self, spec: Spec) -> NamespaceSandbox:
        message = await self._message(spec)
        box = new_box(self.channel, spec)
        self._checked(await self.channel.ask("start", box=box.id, **message))
        return box

    def _checked(self, reply: Reply) -> None:
        if "failed" in reply.message:
            kind = ImageError if reply.message["failed"] == "image" else SandboxError
            raise kind(reply.message["text"])

    async def _message(self, spec: Spec) -> dict[str, Any]:
        """Return what the keeper is told of a specification; its base is ready then."""
        if spec.network == "public":
            raise UsageError(
                f"network={spec.network!r}: boxes of the namespace backend reach listed hosts or none; name "
                "the hosts, or use the docker backend"
            )
        for folder in (spec.workdir, *spec.folders):
            if not folder.startswith("/"):
                raise UsageError(f"{folder!r}: a path from '/' is expected of a box's folders")
        for name, value in spec.env.items():
            check_variable(name, value)
        name, who = (HOST, _own(spec)) if spec.image == HOST else await _named(spec)
        message = self._told(spec, name, who)
        if name not in self._bases:
            described = await in_time(lambda: _described(name), START_S, spec.image)
            self._checked(await self.channel.ask("base", json.dumps(described).encode(), name=name))
            if name != HOST:
                await self._try(spec, message)
            self._bases.add(name)
        return message

    async def _try(self, spec: Spec, message: dict[str, Any]) -> None:
        """Raise ImageError if no command runs in an image: its shell hangs, or is of another machine."""
        plain = Spec(image=spec.image)
        box = new_box(self.channel, plain)
        message = {**message, "limits": asdict(plain.limits), "env": _VARIABLES}
        self._checked(await self.channel.ask("start", box=box.id, **message))
        try:
            ran = await box.run("exit 0", START_S, cwd="/")
        finally:
            await box.aclose()
        if ran.cause == "timeout":
            raise ImageError(f"image={spec.image!r}: its bash has not ended 'exit 0' within {START_S:.0f} s")
        if ran.exit_code != 0:
            said = ran.output.strip()[-300:] or ran.cause
            raise ImageError(f"image={spec.image!r}: its bash does not run ({said})")

    def _told(self, spec: Spec, name: str, who: images.Person) -> dict[str, Any]:
        return {
            "base": name,
            "limits": asdict(spec.limits),
            "user": {**asdict(who), "is_of_image": who != images.OWN},
            "groups": [] if os.geteuid() == 0 else None,
            "workdir": spec.workdir,
            "folders": spec.folders,
            "env": {
                **_VARIABLES,
                "HOME": who.home,
                "USER": who.name,
                **network.variables(spec.network),
                **spec.env,
            },
        }

    async def warm(self, spec: Spec, count: int) -> None:
        """Keep `count` boxes ready; see Backend."""
        spec = replace(spec, labels={})
        pool = self._pools.get(_key(spec))
        if pool is not None and pool.count == count:
            return
        pool = self._pools[_key(spec)] = pool or _Pool(spec, await self._message(spec))
        pool.count = count
        while len(pool.waiting) < count:
            pool.waiting.append(await self._start(spec))
        while len(pool.waiting) > count:
            await pool.waiting.popleft().aclose()

    def _refill(self, pool: _Pool) -> None:
        """Ask for the boxes that are missing; each waits once the keeper says that it is there."""
        for _ in range(pool.count - len(pool.waiting) - len(pool.coming)):
            self._ask_for_one(pool)

    def _ask_for_one(self, pool: _Pool) -> None:
        box = new_box(self.channel, pool.spec)

        def came(future: Future[Reply]) -> None:
            pool.coming.discard(box.id)
            with contextlib.suppress(SandboxError):
                self._checked(future.result())
                pool.waiting.append(box)

        pool.coming.add(box.id)
        try:
            self.channel.send("start", box=box.id, **pool.message).add_done_callback(came)
        except SandboxError:
            pool.coming.discard(box.id)

    async def sweep(self) -> dict[str, int]:
        """Remove what dead processes left; see Backend."""
        return sweeping.sweep()._asdict()

    async def aclose(self) -> None:
        """Close every box and the keeper; see Backend."""
        with self._lock:
            self._closed = True
            channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()


def _own(spec: Spec) -> images.Person:
    if spec.user not in (None, images.OWN.name):
        raise ImageError(f"user={spec.user!r}: boxes of the host's /usr have the user {images.OWN.name!r}")
    return images.OWN


async def _named(spec: Spec) -> tuple[str, images.Person]:
    """Return the name of the base of a specification, and the user of its boxes."""
    is_archive = await in_time(lambda: images.is_archive(spec.image), START_S, spec.image)
    limit_s = images.UNPACK_S if is_archive else START_S
    root = await in_time(lambda: images.root_of(spec.image), limit_s, spec.image)
    person = await in_time(lambda: images.person(root, spec.user), START_S, spec.image)
    return f"{images.PREFIX}{root}", person


async def in_time(look: Callable[[], T], limit_s: float, image: str) -> T:
    """Look at an image's files in a thread that nobody waits for longer.

    Raises:
        ImageError: if that takes too long: a file system that does not answer holds its thread alone.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(look())
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=work, name="turnwise-image", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), limit_s)
    except TimeoutError:
        raise ImageError(
            f"image={image!r}: its files could not be read within {limit_s:.0f} s: a file system that does"
            " not answer, or a machine too busy to look; try again"
        ) from None


def _described(name: str) -> dict[str, Any]:
    """Return what the keeper is told of a base."""
    if name == HOST:
        return host.describe(images.OWN.uid, images.OWN.gid)
    return images.describe(Path(name.removeprefix(images.PREFIX)))


def _key(spec: Spec) -> str:
    """Name what boxes are alike in: all but labels, which nothing shows here."""
    return json.dumps(asdict(replace(spec, labels={})), sort_keys=True)
