"""The containers that run for one backend: started, started again, removed, found by their id."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from ..box import Spec
from ..errors import ImageError, SandboxError
from ..network import Gate, listen_at, variables
from ..unattended import UNATTENDED
from . import kernel, orphans
from .command import Command
from .containers import being_made, create
from .engine import Conflict, Engine, Missing, Rejected
from .families import Family, Snapshot
from .images import START_S
from .owners import MAKER
from .running import run

log = logging.getLogger("turnwise.envs")

_YOUNG_S = 10.0
"""How long a start that was cut short may go on in what the engine set going for it."""
_HEARD_S = 2.0


class Watched(Protocol):
    """A box as the backend watches over it."""

    id: str
    container: str
    num_ooms: int
    loop: asyncio.AbstractEventLoop

    async def watch_disk(self) -> None:
        """Stop what writes more than the box may hold."""

    async def aclose(self) -> None:
        """Remove it."""


class Fleet:
    """What the boxes of a backend share."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.boxes: dict[str, Watched] = {}
        self.families: set[str] = set()
        self._gates: dict[str, Gate] = {}
        self._cut_short: set[str] = set()  # containers whose start failed together with the engine
        self._tasks: set[asyncio.Task[Any]] = set()

    async def container(self, spec: Spec, snapshot: Snapshot, family: Family) -> str:
        """Make a container from a snapshot and start it.

        Raises:
            ImageError: if the engine refuses to start it.
            SandboxError: if the engine fails.
        """
        env = {**UNATTENDED, **snapshot.image.env, **variables(spec.network), **dict(spec.env)}
        user = snapshot.image.user
        with being_made(self.engine, family.id) as name:
            container = await create(self.engine, snapshot.image.id, spec, user=user, name=name, env=env)
            try:
                await self._start(container, spec)
            except BaseException as error:
                self.in_background(self.remove(container))
                if isinstance(error, Rejected):
                    raise ImageError(f"the image {spec.image} does not start: {error}") from error
                raise
            return container

    async def start_again(self, container: str, spec: Spec) -> None:
        """Start a container that has ended."""
        for _ in range(50):
            try:
                return await self._start(container, spec)
            except Conflict:
                await asyncio.sleep(0.05)
        raise SandboxError(f"the container {container[:12]} ({spec.image}) does not start again")

    async def _start(self, container: str, spec: Spec) -> None:
        try:
            await self.engine.call("start", container, limit_s=START_S)
        except (Conflict, Missing, Rejected):
            raise
        except SandboxError:  # also one that took too long, and goes on
            self._cut_short.add(container)
            raise
        self._cut_short.discard(container)
        if not self.engine.sees_processes and self.engine.is_local:
            pid = (await self.inspect(container))["State"]["Pid"]
            self.engine.sees_processes = kernel.is_of(pid, container)
        await self._let_out(container, spec)

    async def _let_out(self, container: str, spec: Spec) -> None:
        """Have a proxy listen in the network of a container, which a start makes anew, if it has one."""
        if isinstance(spec.network, str):
            return
        pid = (await self.inspect(container))["State"]["Pid"]
        line = await self.engine.run(listen_at, pid)
        if container not in self._gates:
            self._gates[container] = Gate(spec.network)
        self._gates[container].listen(line)

    async def runs(self, container: str) -> bool:
        """Tell whether a container runs; not, if the engine does not say so."""
        try:
            state = (await self.inspect(container))["State"]
        except SandboxError:
            return False
        return bool(state["Running"]) and not self._is_behind(state)

    async def lives(self, container: str, user: str) -> bool:
        """Tell whether a container runs, of whose end the engine may hear later than of a command's in it."""
        if self.engine.sees_processes:
            return await self.runs(container)
        try:
            tried = await run(self.engine, container, Command(["/bin/sh", "-c", ":"], user=user))
            limit_s = _HEARD_S if tried.exit_code else 0.0  # it is too full for a command, or ends just now
        except SandboxError:
            limit_s = _YOUNG_S
        until = time.monotonic() + limit_s
        while (is_running := await self.runs(container)) and time.monotonic() < until:
            await asyncio.sleep(0.05)
        return is_running

    async def state(self, container: str) -> dict[str, Any]:
        """Return what the engine says of a container, once it has heard of its end if it has ended.

        Raises:
            Missing: if it is gone.
            SandboxError: if the engine does not hear of it.
        """
        until = time.monotonic() + kernel.UNHEARD_S
        while True:
            state: dict[str, Any] = (await self.inspect(container))["State"]
            if not self._is_behind(state):
                return state
            if time.monotonic() > until:
                raise SandboxError(f"the Docker engine missed the end of the container {container[:12]}")
            await asyncio.sleep(0.05)

    def _is_behind(self, state: Mapping[str, Any]) -> bool:
        return self.engine.sees_processes and kernel.is_behind(state)

    async def inspect(self, container: str) -> dict[str, Any]:
        """Return what the engine knows of a container.

        Raises:
            Missing: if it is gone.
        """
        found: dict[str, Any] = await self.engine.call("inspect_container", container)
        return found

    def refused(self, container: str) -> tuple[str, ...]:
        """Return what the proxy of a container refused since this was last asked."""
        gate = self._gates.get(container)
        return gate.take_refused() if gate is not None else ()

    def know(self, box: Watched, former: str | None = None) -> None:
        """Note which container is a box's."""
        if former:
            self.boxes.pop(former, None)
            self._inherit(former, box.container)
        self.boxes[box.container] = box

    def _inherit(self, former: str, container: str) -> None:
        if former in self._gates and container in self._gates:
            self._gates[container].num_bytes = self._gates[former].num_bytes

    def forget(self, box: Watched) -> None:
        """Note that a box is closed."""
        self.boxes.pop(box.container, None)

    def has_forgotten(self, container: Mapping[str, Any]) -> bool:
        """Tell whether a container was made here and is no box: the engine failed when it began or ended."""
        names = {name.removeprefix("/") for name in container["Names"] or ()}
        is_known = container["Id"] in self.boxes or names & self.engine.making
        return self.is_mine(container["Labels"] or {}) and not is_known

    def is_mine(self, labels: Mapping[str, str]) -> bool:
        """Tell whether these are labels of what was made here."""
        return labels.get(MAKER) == self.engine.labels[MAKER]

    async def remove(self, container: str) -> None:
        """Remove a container and all that runs in it; what the engine does not do now is for a sweep.

        So is a container whose start was cut short: see `clear`.
        """
        if container in self._cut_short:
            return self._cut_short.discard(container)
        if gate := self._gates.pop(container, None):
            gate.close()
        try:
            await self.engine.call("remove_container", container, force=True, v=True)
        except (Missing, Conflict):  # it is gone, or its removal is under way
            log.debug("container %s is being removed", container[:12])
        except SandboxError as error:
            log.warning("container %s stays for the next sweep: %s", container[:12], error)

    async def clear(self, found: Mapping[str, Any]) -> bool:
        """Remove a container that is nobody's, with what the engine itself forgot of it; tell whether it was.

        Args:
            found: what the engine lists of it.
        """
        is_running = found["State"] == "running"
        if is_running:
            with contextlib.suppress(SandboxError):
                await self.engine.call("kill", found["Id"])
        elif time.time() - found["Created"] < _YOUNG_S:
            return False
        if self.engine.is_local:
            patience_s = _HEARD_S if is_running else 0.0
            if num := await self.engine.run(orphans.end, found["Id"], patience_s):
                log.warning("container %s: ended %d processes that the engine forgot", found["Id"][:12], num)
        await self.remove(found["Id"])
        return True

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something without being waited for; what fails is said in the log."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("the docker backend, in the background: %s", error)

    async def end(self) -> None:
        """End what goes on in the background."""
        here, own = asyncio.get_running_loop(), []
        for task in [*self._tasks]:
            loop = task.get_loop()
            if loop is here:
                task.cancel()
                own.append(task)
            elif not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)
        await asyncio.gather(*own, return_exceptions=True)


_Box = TypeVar("_Box", bound=Watched)


async def all_or_none(starts: Iterable[Coroutine[Any, Any, _Box]]) -> list[_Box]:
    """Start boxes side by side; where one fails the others are closed."""
    made = await asyncio.gather(*starts, return_exceptions=True)
    boxes = [box for box in made if not isinstance(box, BaseException)]
    for failure in made:
        if isinstance(failure, BaseException):
            await asyncio.gather(*(box.aclose() for box in boxes))
            raise failure
    return boxes
