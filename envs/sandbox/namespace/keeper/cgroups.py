"""Limits of memory, processes and processor for each box, by control groups of either version.

The keeper's groups lie in one folder per controller whose name carries the server's process, the keeper's
own, and when they started, so that a sweep knows what dead ones left. A command has a group of its own inside
its box's, by which its whole tree is killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from dataclasses import asdict, dataclass

_PERIOD_US = 100_000
_MAX_SPARE = 2
_SMALLEST_MOVE = 1 << 24  # of the memory limit, in bytes


@dataclass(frozen=True)
class Places:
    """Where groups may be made.

    Args:
        version: 1 or 2; 0 where none can be.
        memory, pids, cpu: the keeper's folders; the same three times in version 2.
    """

    version: int = 0
    memory: str = ""
    pids: str = ""
    cpu: str = ""

    @property
    def folders(self) -> tuple[str, ...]:
        """Each folder once."""
        return tuple(dict.fromkeys(folder for folder in (self.memory, self.pids, self.cpu) if folder))

    def of_this_process(self) -> Places:
        """Return the places with this process in their names."""
        end = f"-{os.getpid()}-{started(os.getpid())}"
        named = {name: path and path + end for name, path in asdict(self).items() if name != "version"}
        return Places(self.version, **named)


class Group:
    """The groups of one box."""

    def __init__(self, places: Places, name: str) -> None:
        self.version = places.version
        self._memory, self._pids, self._cpu = (
            f"{folder}/{name}" if folder else "" for folder in (places.memory, places.pids, places.cpu)
        )
        self._spare: list[Command] = []
        self._allowed = 0
        self._folders = tuple(dict.fromkeys(path for path in (self._memory, self._pids, self._cpu) if path))
        for folder in self._folders:
            os.mkdir(folder)

    def allow(self, memory_bytes: int) -> None:
        """Set how much memory the box's processes and files may take together; beyond it the kernel kills."""
        if not self._memory or abs(memory_bytes - self._allowed) < _SMALLEST_MOVE:
            return
        name = "limit_in_bytes" if self.version == 1 else "max"
        try:
            _write(f"{self._memory}/memory.{name}", str(memory_bytes))
        except OSError as error:
            if error.errno != errno.EBUSY:  # more than that is in use: the next look tells
                raise
        else:
            self._allowed = memory_bytes

    def limit(self, num_processes: int, cpus: float) -> None:
        """Set what else all of the box's processes may use together."""
        first = self.version == 1
        quota = max(1000, int(cpus * _PERIOD_US))
        if self._pids:
            _write(f"{self._pids}/pids.max", str(num_processes + 1))
        if self._cpu and first:
            _write(f"{self._cpu}/cpu.cfs_period_us", str(_PERIOD_US))
            _write(f"{self._cpu}/cpu.cfs_quota_us", str(quota))
        elif self._cpu:
            _write(f"{self._cpu}/cpu.max", f"{quota} {_PERIOD_US}")

    @property
    def entrances(self) -> tuple[str, ...]:
        """The files by which the box's first process enters."""
        return tuple(f"{folder}/cgroup.procs" for folder in self._folders)

    def for_command(self, number: int) -> Command:
        """Return a group for one command, or one that cannot kill where there are no groups."""
        if self._spare:
            return self._spare.pop()
        others = tuple(folder for folder in self._folders if folder != self._pids)
        return Command(f"{self._pids}/c{number}" if self._pids else "", others, self.version)

    def take_back(self, command: Command) -> bool:
        """Keep the group of a command for another, or remove it; return False while something runs in it."""
        if command.process_ids():
            return False
        if command.is_sound and len(self._spare) < _MAX_SPARE:
            self._spare.append(command)
            return True
        return command.remove()

    def kills(self) -> int:
        """Return how many processes died at the memory limit so far."""
        if not self._memory:
            return 0
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        return _field(f"{self._memory}/{name}", "oom_kill")

    def memory(self) -> tuple[int, int]:
        """Return bytes of processes and bytes of files in memory, layers and shared memory alike."""
        if not self._memory:
            return 0, 0
        path = f"{self._memory}/memory.stat"
        anonymous = "total_rss" if self.version == 1 else "anon"
        shared = "total_shmem" if self.version == 1 else "shmem"
        with open(path, "rb") as file:
            found = dict(line.split() for line in file.read().decode().splitlines())
        return int(found.get(anonymous, 0)), int(found.get(shared, 0))

    def remove(self) -> None:
        """Remove the groups; nothing runs in them."""
        for folder in self._folders:
            remove(folder)


class Command:
    """The group of one command."""

    def __init__(self, folder: str, others: tuple[str, ...], version: int) -> None:
        self._folder, self._others, self._version = folder, others, version
        self.is_sound = True  # until it was told to start nothing more
        if folder:
            os.mkdir(folder)

    @property
    def entrances(self) -> tuple[str, ...]:
        """The files by which the command enters its own group and its box's others."""
        folders = (self._folder, *self._others) if self._folder else self._others
        return tuple(f"{folder}/cgroup.procs" for folder in folders)

    @property
    def can_kill(self) -> bool:
        """Whether its tree is known."""
        return bool(self._folder)

    def kill(self) -> bool:
        """Kill what is left of the command; return whether nothing is."""
        self.is_sound = False
        with contextlib.suppress(OSError):
            if self._version == 2:
                _write(f"{self._folder}/cgroup.kill", "1")
            else:
                _write(f"{self._folder}/pids.max", "0")
        left = self.process_ids()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    def process_ids(self) -> list[int]:
        """Return the processes in it."""
        if not self._folder:
            return []
        try:
            with open(f"{self._folder}/cgroup.procs", "rb") as file:
                return [int(word) for word in file.read().split()]
        except FileNotFoundError:
            return []

    def remove(self) -> bool:
        """Remove it if nothing runs in it; return whether it is gone."""
        if not self._folder:
            return True
        try:
            os.rmdir(self._folder)
        except OSError:
            return not os.path.exists(self._folder)
        return True


def started(pid: int) -> int:
    """Return when a process started, in ticks since the machine did; 0 if there is none, or it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == b"Z" else int(fields[19])


def remove(folder: str) -> bool:
    """Remove a group and those in it; return whether it is gone."""
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(path)
    return not os.path.exists(folder)


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _field(path: str, name: str) -> int:
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as file:
        for line in file.read().decode().splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
    return 0
