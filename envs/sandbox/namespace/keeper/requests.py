"""What each request of the server does. A handler is a task; it answers once, or raises.

An answer's `failed` says whose fault it is: `usage` the caller's, `machine` this machine's, `gone` a box
that is not there, `image` the base's; `errno` stands for an OSError as the box's user got it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from . import bases, changes, commands, files, kernel, listening, wire
from .boxes import Box, Boxes, Limits, Plan
from .commands import Place
from .entering import Guards, Person
from .families import User
from .layers import Base
from .running import Running
from .tasks import Ended, Task, Told
from .warmed import Interpreter

_FILES_TIMEOUT_S = 120.0


class Failed(Exception):
    """A request that cannot be done, and whose fault that is."""

    def __init__(self, fault: str, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class Requests:
    """The server's requests, and the boxes that they are about."""

    def __init__(self, sock: socket.socket, boxes: Boxes, filter: bytes, folder: str) -> None:
        self._sock, self._loop, self._boxes = sock, boxes.loop, boxes
        self._guards = Guards(kernel.Filter(filter), kernel.landlock_abi() > 0)
        self._filter, self._folder = filter, folder
        self._interpreters: dict[Base, Interpreter] = {}
        self._bases: dict[str, Base] = {}
        self._running: dict[int, Running] = {}
        self._home = os.open("/proc/self/ns/pid", os.O_RDONLY)

    def take(self) -> bool:
        """Take one request; False once the server is gone."""
        try:
            received = wire.receive(self._sock)
        except OSError:
            return False
        if received is None:
            return False
        message, body, fds = received
        self._loop.start(self._guarded(message, body, fds))
        return True

    def answer(
        self, call: int, message: dict[str, Any], body: bytes = b"", fds: tuple[int, ...] = ()
    ) -> None:
        """Answer a call."""
        wire.send(self._sock, {"call": call, **message}, body, fds)

    def _guarded(self, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        call = message["call"]
        handler: Callable[..., Task] = getattr(self, "on_" + message["op"])
        try:
            yield from handler(call, message, body, fds)
        except Failed as error:
            self.answer(call, {"failed": error.fault, "text": str(error)})
        except OSError as error:
            self.answer(call, {"failed": "machine", "text": str(error), "errno": error.errno})

    def _box(self, message: dict[str, Any]) -> Box:
        box = self._boxes.all.get(message["box"])
        if box is None:
            raise Failed("gone", f"box {message['box']} is not there: it was closed, or it died")
        return box

    def _others_done(self, box: Box) -> Task:
        """Wait until nobody is alone with a box."""
        yield box.lock
        self._loop.free(box.lock)
        if box.is_gone:
            raise Failed("gone", f"box {box.id} is not there: it was closed, or it died")

    def _alone(self, box: Box, work: Callable[[], Task]) -> Task:
        """Do what only one may do with a box at a time."""
        yield box.lock
        try:
            if box.is_gone:
                raise Failed("gone", f"box {box.id} is not there: it was closed, or it died")
            yield from work()
        finally:
            self._loop.free(box.lock)

    def on_base(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Prepare what boxes are made of."""
        if message["name"] not in self._bases:
            self._bases[message["name"]] = bases.prepare(
                json.loads(body), len(self._bases), self._boxes.store
            )
        self.answer(call, {})
        yield from ()

    def on_start(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Start a box, with its namespaces if it is to wait in a pool."""
        base = self._bases.get(message["base"])
        if base is None:
            raise Failed("machine", f"base {message['base']!r} is not prepared here; start the box anew")
        user = User(**message["user"])
        family = self._boxes.families.begin(user, self._person(message, user), base)
        limits, folders = Limits(**message["limits"]), tuple(message["folders"])
        plan = Plan(family, user, limits, message["workdir"], folders, message["env"])
        box = self._boxes.start(message["box"], plan)
        try:
            self._boxes.prepare(box)
        except BaseException:
            yield from self._boxes.close(box)
            raise
        self.answer(call, {})

    def _person(self, message: dict[str, Any], user: User) -> Person:
        """Return who runs what in a box; alone with his limits where no group holds the box to them."""
        alone = 0 if self._boxes.places.version else message["limits"]["memory_bytes"]
        groups = message["groups"]
        return Person(user.uid, user.gid, None if groups is None else tuple(groups), alone)

    def on_run(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Run one line."""
        box = self._box(message)
        stdin = fds.pop() if fds else None

        def start(place: Place) -> tuple[Ended | Told, int]:
            pid, output = commands.start(self._boxes.line(box, message, body), place, self._home, stdin)
            return Ended(pid), output

        try:
            yield from self._run(call, box, start, message["timeout_s"])
        finally:
            if stdin is not None:
                os.close(stdin)

    def on_pytest(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Run pytest by the interpreter that waits for it."""
        box = self._box(message)
        base = box.plan.family.base
        interpreter = self._interpreters.get(base)
        if base.site and interpreter is None:
            interpreter = Interpreter(self._boxes, base, self._folder, self._filter)
            self._interpreters[base] = interpreter
        if interpreter is not None:
            yield from interpreter.wait()
        if interpreter is None or not interpreter.is_alive:
            raise Failed("cold", "no interpreter waits for boxes of this image")

        def start(place: Place) -> tuple[Ended | Told, int]:
            return Told(call), interpreter.ask(call, box, place, message["arguments"])

        yield from self._run(call, box, start, message["timeout_s"])

    def _run(
        self, call: int, box: Box, start: Callable[[Place], tuple[Ended | Told, int]], timeout_s: float
    ) -> Task:
        running = Running(self._boxes, box, self._guards, lambda *reply: self.answer(call, *reply))
        self._running[call] = running
        yield box.lock
        self._loop.free(box.lock)
        try:
            if box.is_gone:
                raise Failed("gone", f"box {box.id} is not there: it was closed, or it died")
            yield from running.task(start, timeout_s)
        finally:
            del self._running[call]

    def on_cancel(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Kill a command whose caller no longer waits."""
        running = self._running.get(message["run"])
        if running is not None:
            running.stop("killed")
        yield from ()

    def _user(self, box: Box) -> Person:
        return box.plan.family.person

    def on_read(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Read a file."""
        box = self._box(message)
        path = os.path.join(box.plan.workdir, message["path"])
        yield from self._by_child(call, box, self._user(box), lambda: files.read(path, message["max_bytes"]))

    def on_write(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Write a file."""
        box = self._box(message)
        path = os.path.join(box.plan.workdir, message["path"])
        yield from self._by_child(
            call, box, self._user(box), lambda: files.write(path, body, message["mode"])
        )

    def on_write_tree(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Write many files."""
        box = self._box(message)
        folder = os.path.join(box.plan.workdir, message["folder"])
        person = None if message["root"] else self._user(box)
        yield from self._by_child(
            call, box, person, lambda: files.write_tree(folder, wire.unpacked(body), by_root=person is None)
        )

    def on_empty(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Remove what is in a folder."""
        folder = message["folder"]
        yield from self._by_child(call, self._box(message), None, lambda: files.empty(folder))

    def on_changes(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Compare a box with a snapshot."""
        box = self._box(message)
        old = self._snapshot(box, message["since"])
        yield from self._others_done(box)
        pod, store = self._boxes.prepare(box), self._boxes.store
        written = [box.upper, *(layer for layer in box.frozen if layer not in old)]
        if set(old) - set(box.frozen):
            written += [layer for layer in old if layer not in box.frozen]
        folder = os.path.join(box.plan.workdir, message["folder"])
        view = store.stack(box.plan.family.base, old, None)
        try:
            opened = [os.open(layer.upper, os.O_RDONLY | os.O_DIRECTORY) for layer in written]
            root = os.open(f"/proc/{pod.pid}/root", os.O_RDONLY | os.O_DIRECTORY)

            def work() -> files.Answer:
                os.fchdir(root)
                os.chroot(".")
                where = os.path.realpath(folder)
                return changes.changes(opened, view, root, where, message["max_bytes"])

            yield from self._by_child(call, box, None, work, enters=False)
        finally:
            for fd in (view, root, *opened):
                os.close(fd)

    def _by_child(
        self,
        call: int,
        box: Box,
        person: Person | None,
        work: Callable[[], files.Answer],
        enters: bool = True,
    ) -> Task:
        """Do file work in a child that has entered the box, and answer with what it wrote."""
        yield from self._others_done(box)
        pod = self._boxes.prepare(box)
        self._boxes.follow(box, box.plan.limits.disk_bytes)
        result = os.memfd_create("result")
        try:
            pid = os.fork()
            if not pid:
                files.child(pod.fd if enters else None, person, box.group.entrances, work, result)
            limit = self._loop.at(time.monotonic() + _FILES_TIMEOUT_S, lambda: self._loop.kill(pid))
            status = yield Ended(pid)
            limit.call = None
            if status:
                raise Failed("machine", f"work on the files of box {box.id} ended with status {status}")
            self.answer(call, {"file": os.fstat(result).st_size}, b"", (result,))
        finally:
            os.close(result)

    def on_listen(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Hand out a socket on the loopback of a box, once for each set of its namespaces."""
        box = self._box(message)

        def work() -> Task:
            pod = self._boxes.prepare(box)
            if pod.is_heard:
                self.answer(call, {})
                return
            line = yield from listening.listen(pod.fd, message["port"])
            pod.is_heard = True
            self.answer(call, {"line": True}, b"", (line,))
            os.close(line)

        yield from self._alone(box, work)

    def on_snapshot(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Freeze a box under a name."""
        box = self._box(message)

        def work() -> Task:
            yield from self._boxes.freeze(box)
            self._boxes.store.hold(box.frozen)
            box.snapshots[message["name"]] = box.frozen
            self.answer(call, {})

        yield from self._alone(box, work)

    def on_fork(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Freeze a box and start others with the same files."""
        box = self._box(message)

        def work() -> Task:
            if box.pod is not None and (running := box.pod.process_ids()):
                raise Failed(
                    "usage", f"{len(running)} processes still run in the box and would not survive a fork"
                )
            yield from self._boxes.freeze(box)
            made: list[Box] = []
            try:
                for id in message["boxes"]:
                    made += [self._boxes.fork(box, id)]
            except OSError:
                for new in made:
                    yield from self._boxes.close(new)
                raise
            self.answer(call, {})

        yield from self._alone(box, work)

    def _snapshot(self, box: Box, name: str) -> tuple[Any, ...]:
        if name not in box.snapshots:
            raise Failed("usage", f"box {box.id} has no snapshot {name!r}")
        return box.snapshots[name]

    def on_rollback(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Put the files of a box back."""
        box = self._box(message)

        def work() -> Task:
            yield from self._boxes.roll_back(box, self._snapshot(box, message["name"]))
            self.answer(call, {})

        yield from self._alone(box, work)

    def on_close(self, call: int, message: dict[str, Any], body: bytes, fds: list[int]) -> Task:
        """Close a box, also one that died; one that is not there is closed already."""
        box = self._boxes.all.get(message["box"])
        if box is not None:
            yield box.lock
            try:
                if box.id in self._boxes.all:
                    yield from self._boxes.close(box)
            finally:
                self._loop.free(box.lock)
        self.answer(call, {})
