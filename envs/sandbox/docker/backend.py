"""The Docker backend: boxes made, kept ready, watched, and cleaned up after."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from weakref import WeakSet

from ..box import Backend, Spec
from ..errors import SandboxError
from .engine import Conflict, Engine, Missing, while_away
from .families import Family
from .fleet import Fleet
from .images import Images
from .owners import BOX, OWNER, is_left_over
from .sandbox import DockerSandbox
from .wire import Refused

log = logging.getLogger("turnwise.envs")

_SWEEP_S = 20.0
_DISK_S, _DISK_MOST_S = 0.25, 1.0
_RECONNECT_S = 1.0
_FIRST_USER = 20_000
_USERS = 16
"""Boxes of different families run as different users where there is a choice, since the kernel counts some
things by user over all containers: inotify instances, queued signals, pipe buffers."""


class DockerBackend(Backend):
    """A maker of boxes on the engine that DOCKER_HOST names.

    Raises:
        SandboxError: if there is none, or it cannot hold boxes to their limits.
    """

    name = "docker"

    def __init__(self) -> None:
        self.engine = Engine()
        self._fleet = Fleet(self.engine)
        self._images = Images(self.engine)
        self._users: Counter[int] = Counter()
        self._pools: dict[str, list[DockerSandbox]] = {}
        self._wanted: dict[str, int] = {}
        self._num_coming: Counter[str] = Counter()
        self._loops: WeakSet[asyncio.AbstractEventLoop] = WeakSet()

    async def start(self, spec: Spec) -> DockerSandbox:
        """Return a new box, from the pool where one of this specification waits.

        A pool of boxes without labels serves all that differ from it in labels alone. The engine cannot
        label them any more; what is made of such a box (forks, rollbacks) has its labels.
        """
        self._keep()
        for pooled in (spec, replace(spec, labels={})):
            if self._wanted.get(_key(pooled)):
                self._fleet.in_background(self._fill(pooled))  # once this has taken one
            while waiting := self._pools.get(_key(pooled)):
                box = waiting.pop()
                if await self._fleet.runs(box.container):
                    box.spec = spec
                    return box
                self._fleet.in_background(box.aclose())
        return await while_away(lambda: self._new(spec))

    async def _new(self, spec: Spec) -> DockerSandbox:
        user = min(range(_USERS), key=lambda number: self._users[number])
        own = f"{_FIRST_USER + user}:{_FIRST_USER + user}"
        self._users[user] += 1
        family = None
        try:
            image = await self._images.ready(spec, own)
            family = Family(self.engine, image, lambda: self._ended(family, user))
            self._fleet.families.add(family.id)
            return await DockerSandbox.start(self._fleet, spec, family, family.start)
        except BaseException:
            self._ended(family, user)
            raise

    def _ended(self, family: Family | None, user: int) -> None:
        self._users[user] -= 1
        if family is not None:
            self._fleet.families.discard(family.id)

    async def warm(self, spec: Spec, count: int) -> None:
        """Keep a number of boxes of a specification ready."""
        self._keep()
        if self._wanted.get(_key(spec), 0) != count:
            self._wanted[_key(spec)] = count
            await self._fill(spec)

    async def _fill(self, spec: Spec) -> None:
        key = _key(spec)
        pool = self._pools.setdefault(key, [])
        missing = max(0, self._wanted.get(key, 0) - len(pool) - self._num_coming[key])
        self._num_coming[key] += missing
        try:
            made = await asyncio.gather(*(self._new(spec) for _ in range(missing)), return_exceptions=True)
        finally:
            self._num_coming[key] -= missing
        pool += [box for box in made if isinstance(box, DockerSandbox)]
        while len(pool) > self._wanted.get(key, 0):
            await pool.pop().aclose()
        for failure in made:
            if isinstance(failure, BaseException):
                raise failure

    async def sweep(self) -> dict[str, int]:
        """Remove what processes left that are gone, and what was not removed here while the engine failed."""
        removed = {"containers": 0, "images": 0}
        for found in await self.engine.call("containers", all=True, filters={"label": OWNER}):
            labels = found["Labels"] or {}
            if self._is_left_over(labels) or self._fleet.has_forgotten(found):
                removed["containers"] += await self._fleet.clear(found)
        images = await self.engine.call("images", filters={"label": [OWNER, BOX]})
        for found in sorted(images, key=lambda image: -image["Created"]):
            labels = found["Labels"] or {}
            is_forgotten = self._fleet.is_mine(labels) and labels[BOX] not in self._fleet.families
            if self._is_left_over(labels) or is_forgotten:
                removed["images"] += await self._remove_image(found)
        if any(removed.values()):
            log.warning("removed what was left over: %s", removed)
        return removed

    def _is_left_over(self, labels: Mapping[str, str]) -> bool:
        return is_left_over(labels, is_local=self.engine.is_local)

    async def _remove_image(self, image: dict[str, Any]) -> int:
        try:
            await self.engine.call("remove_image", image["Id"], force=True)
        except (Missing, Conflict):  # others are made of it; they come next
            return 0
        return 1

    async def aclose(self) -> None:
        """Close every box and the connections."""
        self._wanted.clear()
        self._pools.clear()
        self._loops.clear()
        await self._fleet.end()
        await asyncio.gather(*(box.aclose() for box in [*self._fleet.boxes.values()]), return_exceptions=True)
        self.engine.close()

    def _keep(self) -> None:
        """Begin with what goes on while a loop lives: each that boxes are used on has its own."""
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            self._loops.add(loop)
            self._fleet.in_background(self._listen())
            self._fleet.in_background(self._watch_disks())
            self._fleet.in_background(self._keep_swept())

    async def _listen(self) -> None:
        """Hear of boxes whose memory is full; asked again after every end of the engine."""
        while True:
            try:
                filters = {"type": ["container"], "event": ["oom"], "label": [OWNER]}
                async for event in self.engine.wire.events(filters):
                    if box := self._fleet.boxes.get(event["Actor"]["ID"]):
                        box.num_ooms += 1
            except (OSError, Refused, ValueError, asyncio.IncompleteReadError) as error:
                log.debug("events of the engine: %s", error)
            await asyncio.sleep(_RECONNECT_S)

    async def _watch_disks(self) -> None:
        """Hold every box to its disk limit; on a quiet machine a tenth of the time, else after a second."""
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            for box in [*self._fleet.boxes.values()]:
                if box.loop is not loop and not box.loop.is_closed():
                    continue  # that loop has a watch of its own
                try:
                    await box.watch_disk()
                except SandboxError as error:
                    log.debug("box %s: %s", box.id, error)
            await asyncio.sleep(min(max(_DISK_S, 9 * (loop.time() - started)), _DISK_MOST_S))

    async def _keep_swept(self) -> None:
        while True:
            try:
                await self.sweep()
            except SandboxError as error:
                log.debug("sweep: %s", error)
            await asyncio.sleep(_SWEEP_S)


def _key(spec: Spec) -> str:
    return json.dumps({**asdict(spec)}, sort_keys=True, default=dict)
