"""What a sandbox is: a file system of its own, commands with limits, snapshots and forks.

    backend = await backend_by_name("auto")
    async with await backend.start(Spec()) as box:
        await box.write("hello.py", b"print('hello')")
        ran = await box.run("python3 hello.py", timeout_s=5)
        children = await box.fork(8)

A command is one line of bash, started anew each time: the working folder and variables of one are
not those of the next, files are. Inside there is no network unless the task asks, no user 0 unless
the image needs it, and nothing of the host but what the image is made of.
"""

from __future__ import annotations

import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Self

_EMPTY = """place={}
[ -L "$place" ] && rm -f "$place"
[ -d "$place" ] && find "$place" -mindepth 1 -delete || rm -rf "$place"
mkdir -p "$place" && [ -z "$(find "$place" -mindepth 1)" ]"""

HOST = "host"
"""The image made of the host's own /usr, read-only, and nothing else of the host."""

Cause = Literal["exit", "timeout", "memory", "killed"]
"""Why a command ended: by itself, at its time limit, at the box's memory limit, by a signal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sandbox may use; all of its commands and background processes together."""

    memory_bytes: int = 1 << 30
    disk_bytes: int = 1 << 30  # what is written, snapshots included
    num_files: int = 100_000  # inodes of what is written
    num_processes: int = 128
    cpus: float = 1.0
    output_bytes: int = 1 << 20  # of one command; beyond it the middle is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a sandbox is started from.

    Args:
        image: HOST, `image:NAME` of a registry or engine, `dockerfile:FOLDER`, or `rootfs:PATH` (a
            folder or a tar file). Images are cached by their content.
        workdir: the working folder of commands, made if it is not there; files are named from it.
        folders: further folders that the box's user may write into, made if they are not there.
        env: variables beside those of the image.
        network: "none", "public", or the hosts that may be reached through a proxy, which programs in the
            box find by HTTP_PROXY and HTTPS_PROXY; see `network.Allowlist`.
        user: a user of the image; None is the backend's own, which is not root.
        limits: what it may use.
        labels: shown by the engine beside the box, to find it again.
    """

    image: str = HOST
    workdir: str = "/workspace"
    folders: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    network: Literal["none", "public"] | tuple[str, ...] = "none"
    user: str | None = None
    limits: Limits = Limits()
    labels: Mapping[str, str] = field(default_factory=dict)


class Ran(NamedTuple):
    """What became of one command."""

    exit_code: int | None  # None: it did not end by itself
    output: str  # both streams in the order written, UTF-8 with replacement
    truncated: int  # bytes left out in the middle of output
    seconds: float
    cause: Cause
    refused: tuple[str, ...] = ()  # what its list of hosts did not let it reach, each with the reason


class Sandbox(ABC):
    """One box; its methods raise SandboxError if it is gone, UsageError for arguments that cannot be."""

    id: str
    spec: Spec

    @abstractmethod
    async def run(
        self,
        command: str,
        timeout_s: float = 60.0,
        stdin: bytes | None = None,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run one line of bash and wait for it.

        At the time limit the whole tree of its processes is killed, and the box stays. A process left
        in the background does not hold the call, even with the output open; it lives until the
        box is frozen (`snapshot`, `fork`, `rollback`) or closed.

        Args:
            command: the line.
            timeout_s: seconds by the clock.
            stdin: what it reads; without it reading gives the end at once.
            cwd: the folder, from `spec.workdir`.
            env: variables for this command alone.
        """

    @abstractmethod
    async def read(self, path: str, max_bytes: int = 1 << 24) -> bytes:
        """Return a regular file's bytes; symbolic links are followed inside the box only.

        Raises:
            FileNotFoundError, IsADirectoryError, PermissionError: as the box's user would get them.
            UsageError: if the file is longer than `max_bytes`, or is not a regular file.
        """

    @abstractmethod
    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file whole or not at all, and the folders above it, as the box's user.

        Raises:
            IsADirectoryError, PermissionError: as the box's user would get them.
            OSError: with errno ENOSPC where the disk limit is reached; the old file stays.
        """

    @abstractmethod
    async def write_tree(self, files: Mapping[str, bytes], folder: str = ".", *, root: bool = False) -> None:
        """Write many files at once under a folder; with `root` ones that the box's user cannot change."""

    async def empty(self, folder: str) -> bool:
        """Remove everything below a folder, whoever wrote it, and make the folder where it is missing.

        Returns:
            Whether nothing is left.
        """
        ran = await self.run(_EMPTY.format(shlex.quote(folder)), cwd="/")
        return ran.exit_code == 0

    @abstractmethod
    async def changes(self, since: str, folder: str = ".") -> dict[str, bytes | None]:
        """Return the regular files under a folder that differ from a snapshot: path -> bytes, None if gone.

        Paths start from the folder. A file whose bytes and mode are those of the snapshot is not listed,
        whatever happened in between.

        Raises:
            UsageError: if they hold more than the limits of the box allow to be read.
        """

    @abstractmethod
    async def snapshot(self) -> str:
        """Freeze the files as they are and return a name for them; processes still running are ended.

        The name is good for `rollback` in this box and in those forked from it later, as long as one lives.
        """

    @abstractmethod
    async def fork(self, n: int) -> Sequence[Sandbox]:
        """Return n boxes with the same files and the same past snapshots; no byte is copied.

        Raises:
            UsageError: if processes of the box still run: they would not survive.
        """

    @abstractmethod
    async def rollback(self, snapshot: str) -> None:
        """Put the files back to a snapshot; processes still running are ended."""

    @abstractmethod
    async def aclose(self) -> None:
        """End every process and remove everything; closing twice is fine."""

    async def pytest(self, arguments: Sequence[str], timeout_s: float = 60.0) -> Ran:
        """Run pytest for an agent's own feedback, from an interpreter that is warm where the backend has one.

        Grading never uses it.
        """
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in arguments)
        return await self.run(f"python3 -m pytest -p no:cacheprovider {words}", timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Backend(ABC):
    """A maker of sandboxes; one for a process, shared by all of its environments."""

    name: Literal["namespace", "docker"]

    @abstractmethod
    async def start(self, spec: Spec) -> Sandbox:
        """Return a new box, from the pool where one of this specification waits.

        Raises:
            ImageError: if the image is missing, does not build, or does not start in time.
            SandboxError: if the machine cannot: no engine, no space, no permission.
        """

    @abstractmethod
    async def warm(self, spec: Spec, count: int) -> None:
        """Keep `count` boxes of a specification ready; what is taken is replaced in the background.

        They are there when this returns; asked again for as many, it returns at once.
        """

    @abstractmethod
    async def sweep(self) -> dict[str, int]:
        """Remove what dead processes left on this machine; return kind (containers, ...) -> number."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close every box and what the backend keeps running."""
