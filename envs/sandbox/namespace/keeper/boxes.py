"""A box as the keeper sees it: a stack of layers, namespaces around it when it is used, limits.

Namespaces are made when something first runs or is read. To freeze a box its process 1 is killed and
waited for: the kernel ends every other process of the box before that, so nothing holds the upper layer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from . import kernel
from .cgroups import Group, Places
from .commands import Line
from .entering import forget_the_parent, join
from .families import Families, Family, User, furnish
from .layers import MAX_DEPTH, Layer, Store
from .pods import Pod, Pods
from .squash import squash
from .tasks import Ended, Lock, Loop, Task

FILES_AHEAD_BYTES = 256 << 20
"""How much more its files may take before the kernel's limit of a box follows them."""
_NUM_READY = 8
_REFILL_AFTER_S = 0.003


@dataclass(frozen=True)
class Limits:
    """What a box may use; see the class of the same name that users see."""

    memory_bytes: int
    disk_bytes: int
    num_files: int
    num_processes: int
    cpus: float
    output_bytes: int


@dataclass(frozen=True)
class Plan:
    """What a box was started from; its forks share it."""

    family: Family
    user: User
    limits: Limits
    workdir: str
    folders: tuple[str, ...]
    env: dict[str, str]


@dataclass
class Box:
    """One box."""

    id: str
    plan: Plan
    frozen: tuple[Layer, ...]  # topmost first
    upper: Layer
    group: Group
    written: list[Layer]  # by this box, so that its group is charged for their bytes
    is_new: bool = False
    pod: Pod | None = None
    snapshots: dict[str, tuple[Layer, ...]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    is_gone: bool = False
    num_commands: int = 0
    num_kills: int = 0

    def was_short_of_memory(self) -> bool:
        """Return whether the kernel killed a process of the box for its memory since this was last asked."""
        before, self.num_kills = self.num_kills, self.group.kills()
        return self.num_kills > before


class Boxes:
    """All boxes of the keeper and what they are made with."""

    def __init__(self, loop: Loop, store: Store, pods: Pods, places: Places, families: Families) -> None:
        self.loop, self.store, self.pods, self.places = loop, store, pods, places
        self.families = families
        self.all: dict[str, Box] = {}
        self.ready: list[Pod] = []

    def start(self, id: str, plan: Plan, frozen: tuple[Layer, ...] = ()) -> Box:
        """Return a new box over frozen layers, which it holds from now on."""
        self.store.hold(frozen)
        self.families.join(plan.family)
        upper = group = None
        try:
            upper = self.store.new(*self._left(plan.limits, frozen))
            group = Group(self.places, id)
            group.limit(plan.limits.num_processes, plan.limits.cpus)
            group.allow(allowed(plan.limits, 0))
        except BaseException:
            self.store.release(frozen if upper is None else (upper, *frozen))
            if group is not None:
                group.remove()
            self.families.leave(plan.family)
            raise
        box = self.all[id] = Box(id, plan, frozen, upper, group, [upper], is_new=not frozen)
        return box

    def _left(self, limits: Limits, frozen: tuple[Layer, ...]) -> tuple[int, int]:
        """Return the bytes and inodes that the frozen layers leave of the limits."""
        used = [layer.usage() for layer in frozen]
        return (
            limits.disk_bytes - sum(size for size, _ in used),
            limits.num_files - sum(count for _, count in used),
        )

    def prepare(self, box: Box) -> Pod:
        """Return the namespaces of a box, made if it has none."""
        if box.pod is not None:
            return box.pod
        pod = self.ready.pop() if self.ready else self.pods.make()
        self.loop.at(time.monotonic() + _REFILL_AFTER_S, self.refill)
        try:
            stack = self.store.stack(box.plan.family.base, box.frozen, box.upper)
            trees = [(name, kernel.clone_tree(place)) for name, place in box.plan.family.base.trees]
            for path in box.group.entrances:
                _enter(path, pod.pid)
            self.pods.dress(pod, stack, trees, self._furnish(box) if box.is_new else None)
        except BaseException:
            self.loop.ended(pod.pid, lambda status: None)
            pod.kill()
            raise
        box.pod, box.is_new = pod, False
        self.loop.ended(pod.pid, lambda status: self._died(box, pod))
        return pod

    def refill(self) -> None:
        """Keep a few bare pods ready, made one at a time."""
        if len(self.ready) < _NUM_READY:
            self.ready.append(self.pods.make())
            self.loop.at(time.monotonic() + _REFILL_AFTER_S, self.refill)

    def _furnish(self, box: Box) -> Callable[[], None]:
        """Return what makes a new box its user's; called with the box's own root."""
        plan = box.plan
        return lambda: furnish(plan.user, plan.family, (plan.workdir, *plan.folders))

    def _died(self, box: Box, pod: Pod) -> None:
        if box.pod is pod:
            box.pod = None
            pod.forget()
            box.is_gone = True

    def end(self, box: Box) -> Task:
        """End every process of a box and take its namespaces away."""
        pod, box.pod = box.pod, None
        if pod is not None:
            pod.kill()
            yield Ended(pod.pid)

    def freeze(self, box: Box) -> Task:
        """End a box's processes and put a new upper layer over what was written."""
        if box.pod is None and not box.upper.is_written:
            return
        yield from self.end(box)
        self.store.freeze(box.upper)
        frozen = (box.upper, *box.frozen)
        try:
            upper = self.store.new(*self._left(box.plan.limits, frozen))
        except BaseException:
            self.store.thaw(box.upper)
            raise
        box.frozen, box.upper = frozen, upper
        box.written.append(upper)
        if len(frozen) > MAX_DEPTH:
            yield from self._squash(box)

    def _squash(self, box: Box) -> Task:
        """Make the frozen layers of a box one, by a child; where that fails they stay as they are."""
        limits = box.plan.limits
        one = self.store.new(limits.disk_bytes, limits.num_files)
        box.group.allow(allowed(limits, limits.disk_bytes))
        pid = os.fork()
        if not pid:
            _squash_and_exit(box.group.entrances, [layer.upper for layer in box.frozen], one.upper)
        if (yield Ended(pid)):
            self.store.release((one,))
            return
        self.store.freeze(one)
        self.store.release(box.frozen)
        box.frozen = (one,)
        box.written.append(one)

    def fork(self, box: Box, id: str) -> Box:
        """Return a box with the same files and past; the box is frozen."""
        new = self.start(id, box.plan, box.frozen)
        new.is_new = box.is_new
        for name, layers in box.snapshots.items():
            self.store.hold(layers)
            new.snapshots[name] = layers
        return new

    def roll_back(self, box: Box, layers: tuple[Layer, ...]) -> Task:
        """Put a snapshot's layers under a new upper one."""
        yield from self.end(box)
        upper = self.store.new(*self._left(box.plan.limits, layers))
        self.store.hold(layers)
        self.store.release((box.upper, *box.frozen))
        box.frozen, box.upper = layers, upper
        box.written.append(upper)

    def close(self, box: Box) -> Task:
        """End a box and remove what is its own."""
        self.all.pop(box.id, None)
        box.is_gone = True
        yield from self.end(box)
        for layers in box.snapshots.values():
            self.store.release(layers)
        self.store.release((box.upper, *box.frozen))
        box.group.remove()
        self.families.leave(box.plan.family)

    def follow(self, box: Box, more: int = 0) -> int:
        """Let the kernel's memory limit follow a box's files, with room for more; return their bytes."""
        box.written = [layer for layer in box.written if layer.holders]
        files = sum(layer.usage()[0] for layer in box.written)
        box.group.allow(allowed(box.plan.limits, files + more))
        return files

    def line(self, box: Box, message: dict[str, Any], command: bytes) -> Line:
        """Return what a request asks to run in a box."""
        plan = box.plan
        return Line(
            command,
            os.path.join(plan.workdir, message.get("cwd") or ""),
            {**plan.env, **(message.get("env") or {})},
            plan.family.person,
        )


def allowed(limits: Limits, file_bytes: int) -> int:
    """Return the bytes that a box's processes and files may take together while files take so many.

    The kernel charges both to one limit, and a file may grow until the next look.
    """
    return limits.memory_bytes + min(limits.disk_bytes, file_bytes + FILES_AHEAD_BYTES)


def _squash_and_exit(groups: tuple[str, ...], layers: list[str], target: str) -> NoReturn:
    try:
        forget_the_parent()
        join(groups)
        squash(layers, target)
        os._exit(0)
    finally:
        os._exit(1)


def _enter(path: str, pid: int) -> None:
    fd = os.open(path, os.O_WRONLY)
    os.write(fd, str(pid).encode())
    os.close(fd)
