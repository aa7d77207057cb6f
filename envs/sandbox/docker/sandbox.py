"""One box: a container, kept while commands come and go, replaced by a new one at a rollback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import posixpath
import shlex
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, Self, TypeVar

from ....errors import UsageError
from ..box import Ran, Sandbox, Spec
from ..errors import SandboxError
from . import archives, disk, files, trees
from .command import Command
from .disk import Used
from .engine import Conflict, Missing
from .families import Family, Snapshot
from .fleet import Fleet, all_or_none
from .killing import kill_since, processes
from .lines import line, result
from .running import Ended, run

log = logging.getLogger("turnwise.envs")

_ALL_S = 10_000_000.0
_NOT_BEGUN, _KILLED = 126, 137
_LONGEST_PATH = 4096
_MAX_CHANGES = 1 << 28
_T = TypeVar("_T")


class DockerSandbox(Sandbox):
    """A container of the backend's engine.

    Args:
        fleet: who starts and removes containers.
        spec: what it was made from.
        family: whose snapshots it knows.
        snapshot: what its container was started from.
        container: id of the engine.
    """

    def __init__(self, fleet: Fleet, spec: Spec, family: Family, snapshot: Snapshot, container: str) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.spec = spec
        self.container = container
        self.num_ooms = self._ooms_seen = 0
        self._fleet, self._engine = fleet, fleet.engine
        self._family, self._below = family, snapshot
        self._user = snapshot.image.user
        self._seen: disk.Place | None = None
        self.loop, self._lock, self._full = asyncio.get_running_loop(), asyncio.Lock(), asyncio.Event()
        self._num_running = 0
        self._at_start = Used(0, 0)
        self._clean: str | None = None
        self._closed = False
        family.join(self.id)
        fleet.know(self)

    @classmethod
    async def start(cls, fleet: Fleet, spec: Spec, family: Family, snapshot: Snapshot) -> Self:
        """Return a new box that starts from a snapshot of its family."""
        return cls(fleet, spec, family, snapshot, await fleet.container(spec, snapshot, family))

    async def run(
        self,
        command: str,
        timeout_s: float = 60.0,
        stdin: bytes | None = None,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run one line of bash and wait for it."""
        ooms, container, began = self.num_ooms, self._begin(), time.monotonic()
        asked = line(
            command, timeout_s=timeout_s, stdin=stdin, cwd=self._place(cwd or "."), env=env or {},
            user=self._user, output_bytes=self.spec.limits.output_bytes, stop=self._full,
        )  # fmt: skip
        try:
            ended = await self._try(asked)
        except asyncio.CancelledError:
            seconds = time.monotonic() - began
            self._fleet.in_background(kill_since(self._engine, container, self._user, seconds))
            raise
        except Missing:
            if container != self.container and not self._closed:
                return Ran(None, "", 0, 0.0, "killed")  # the files were put back meanwhile
            raise self._lost("its container was removed from outside") from None
        ran = await self._judge(ended, ooms)
        if ended.leftovers:
            await self._begin_anew()
        self._ooms_seen = self.num_ooms
        return ran._replace(refused=self._fleet.refused(container))

    async def _try(self, command: Command) -> Ended:
        """Run it; a container that ran out of memory between two commands is started anew first."""
        async with self._lock:  # what ends processes now would end this too
            self._at_start = await self._used()
        self._full.clear()
        self._num_running += 1
        try:
            return await run(self._engine, self.container, command)
        except Conflict:
            await self._revive()
            return await run(self._engine, self.container, command)
        finally:
            self._num_running -= 1

    async def _judge(self, ended: Ended, ooms: int) -> Ran:
        """Say why a command ended."""
        out_of_memory = False
        if ended.exit_code in (_NOT_BEGUN, _KILLED) or (ended.exit_code is None and not self._full.is_set()):
            await self._heard_of_memory(ooms)
            out_of_memory = self.num_ooms > ooms
            if not await self._fleet.lives(self.container, self._user):
                out_of_memory |= bool((await self._there(self._fleet.state(self.container)))["OOMKilled"])
                await self._revive()
        elif ended.exit_code:
            out_of_memory = self.num_ooms > ooms
        stopped = disk.limit_text(self.spec.limits) if self._full.is_set() else ""
        self._full.clear()
        return result(ended, stopped=stopped, out_of_memory=out_of_memory)

    async def _heard_of_memory(self, ooms: int) -> None:
        for _ in range(10):
            if self.num_ooms > ooms:
                return
            await asyncio.sleep(0.02)

    async def read(self, path: str, max_bytes: int = 1 << 24) -> bytes:
        """Return a regular file's bytes."""
        self._begin()
        data: bytes = await self._asked(
            lambda: files.read(self._engine, self.container, self._user, self._place(path), max_bytes)
        )
        return data

    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file whole or not at all."""
        await self._room_for(len(data), path)
        place = self._place(path)
        await self._asked(lambda: files.write(self._engine, self.container, self._user, place, data, mode))

    async def write_tree(self, files_: Mapping[str, bytes], folder: str = ".", *, root: bool = False) -> None:
        """Write many files at once under a folder."""
        place = posixpath.normpath(self._place(folder))
        await self._room_for(sum(map(len, files_.values())), folder)
        if root:
            own = place != posixpath.normpath(self.spec.workdir)
            made = await archives.put_tree(self._engine, self.container, place, files_, own_folder=own)
            self._family.of_root.update(made)
        else:
            await self._asked(
                lambda: files.write_tree(self._engine, self.container, self._user, place, files_)
            )

    async def empty(self, folder: str) -> bool:
        """Remove everything below a folder, whoever wrote it."""
        self._begin()
        place = posixpath.normpath(self._place(folder))
        if mine := [each for each in self._family.of_root if f"{each}/".startswith(f"{place}/")]:
            await archives.open_folders(self._engine, self.container, mine)
        return await super().empty(place)

    async def _asked(self, call: Any) -> Any:
        try:
            return await call()
        except Conflict:
            await self._revive()
            return await call()
        except Missing:
            raise self._lost("its container was removed from outside") from None

    async def changes(self, since: str, folder: str = ".") -> dict[str, bytes | None]:
        """Return the regular files under a folder that differ from a snapshot."""
        place = posixpath.normpath(self._place(folder))
        limit = min(self.spec.limits.disk_bytes, _MAX_CHANGES)
        self._alive()
        before = await self._family.manifest(since, place, self.spec.limits.disk_bytes)
        if self._clean == since:
            return {}
        return await trees.differences(self._engine, self.container, place, before, limit)

    async def snapshot(self) -> str:
        """Freeze the files as they are and return a name for them."""
        async with self._alone():
            await self._end_all()
            return await self._freeze()

    async def _freeze(self) -> str:
        if self._clean is None:
            now = await self._used()
            above = Snapshot(
                self._below.image,
                self._below.num_bytes + now.num_bytes,
                self._below.num_files + now.num_files,
            )
            self._clean = await self._there(self._family.freeze(self.container, above))
        return self._clean

    async def fork(self, n: int) -> Sequence[Sandbox]:
        """Return n boxes with the same files and the same past snapshots."""
        if n < 1:
            raise UsageError(f"fork({n}): expected at least 1")
        async with self._alone():
            if await self._running():
                raise UsageError(
                    "processes of the box still run and would not survive a fork: end them first, or take "
                    "a snapshot, which ends them"
                )
            snapshot = self._family.find(await self._freeze())
            boxes = await all_or_none(
                self.start(self._fleet, self.spec, self._family, snapshot) for _ in range(n)
            )
        for box in boxes:
            box._clean = self._clean
        return boxes

    async def rollback(self, snapshot: str) -> None:
        """Put the files back to a snapshot."""
        async with self._alone():
            found = self._family.find(snapshot)
            new = await self._fleet.container(self.spec, found, self._family)
            old, self.container = self.container, new
            self._below, self._seen, self._clean = found, None, snapshot
            self._fleet.know(self, old)
            await self._fleet.remove(old)

    async def aclose(self) -> None:
        """End every process and remove everything."""
        if self._closed:
            return
        self._closed = True
        self._fleet.forget(self)
        await self._fleet.remove(self.container)
        await self._family.leave(self.id)

    async def watch_disk(self) -> None:
        """Stop what writes more than the box may hold; the backend calls this again and again."""
        self._alive()
        limits = self.spec.limits
        now = await self._used()
        over = (
            self._below.num_bytes + now.num_bytes > limits.disk_bytes
            or self._below.num_files + now.num_files > limits.num_files
        )
        grew = now.num_bytes > self._at_start.num_bytes or now.num_files > self._at_start.num_files
        if over and grew and not self._full.is_set():
            log.info("box %s: %s; what writes is ended", self.id, disk.limit_text(self.spec.limits))
            self._at_start = now
            if self._num_running:
                self._full.set()
            else:
                async with self._lock:
                    await self._end_all()

    async def _room_for(self, num_bytes: int, path: str) -> None:
        self._begin()
        used = await self._used()
        if self._below.num_bytes + used.num_bytes + num_bytes > self.spec.limits.disk_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    async def _used(self) -> Used:
        if self._seen is None:
            self._seen = disk.place_of(await self._there(self._fleet.inspect(self.container)))
        limits = self.spec.limits
        enough = Used(limits.disk_bytes + 1, limits.num_files + 1)
        return await disk.used(self._engine, self.container, self._seen, enough)

    def _place(self, path: str) -> str:
        if "\0" in path or not path or len(os.fsencode(path)) >= _LONGEST_PATH:
            raise UsageError(f"path {path[:99]!r}: expected 1 to {_LONGEST_PATH - 1} bytes without NUL")
        return posixpath.join("/", self.spec.workdir, path)

    def _begin(self) -> str:
        self._alive()
        self._clean = None  # files may change
        return self.container

    def _alive(self) -> None:
        if self._closed:
            raise self._lost("it was closed")
        if self.loop is not (loop := asyncio.get_running_loop()):  # one that ended, or another's
            self.loop, self._lock, self._full = loop, asyncio.Lock(), asyncio.Event()

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._alive()
        async with self._lock:
            self._alive()
            yield

    def _lost(self, why: str) -> SandboxError:
        return SandboxError(f"the box {self.id} ({shlex.quote(self.spec.image)}) is gone: {why}")

    async def _there(self, asked: Awaitable[_T]) -> _T:
        """Wait for an answer about the container, which has to be there."""
        try:
            return await asked
        except Missing:
            raise self._lost("its container was removed from outside") from None

    async def _running(self) -> bool:
        """Tell whether processes run; what carried the last output gets a moment to end."""
        try:
            for pause in (0.0, 0.05, 0.1, 0.2):
                await asyncio.sleep(pause)
                if not await self._there(processes(self._engine, self.container)):
                    return False
        except Conflict:
            await self._revive()
            return False
        return True

    async def _end_all(self) -> None:
        """End every process but the first."""
        if await self._running() and (
            not await kill_since(self._engine, self.container, self._user, _ALL_S) or await self._running()
        ):
            await self._begin_anew()

    async def _begin_anew(self) -> None:
        """Start the container again: its files stay, no process does."""
        with contextlib.suppress(Conflict, Missing):
            await self._engine.call("kill", self.container)
        self._seen = None
        await self._fleet.start_again(self.container, self.spec)

    async def _revive(self) -> None:
        """Start a container again that ended because its memory was full.

        Raises:
            SandboxError: if it ended for another reason.
        """
        state = await self._there(self._fleet.state(self.container))
        if state["Running"]:
            return
        if not state["OOMKilled"] and self.num_ooms == self._ooms_seen:
            raise self._lost(f"its container was ended from outside (exit code {state['ExitCode']})")
        self._seen = None
        await self._fleet.start_again(self.container, self.spec)
