"""A sandbox of the namespace backend, as its users see it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import posixpath
import secrets
import struct
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, cast

from ....errors import UsageError
from ..box import Cause, Ran, Sandbox, Spec
from ..errors import ImageError, SandboxError
from ..network import PORT, gate_of
from .channel import Channel, Reply, answer_of
from .keeper import wire

_MAX_COMMAND_BYTES = 4 << 20
_MAX_TIMEOUT_S = 7 * 86400.0
_MAX_FORKS = 10_000


class NamespaceSandbox(Sandbox):
    """One box of the keeper."""

    def __init__(self, channel: Channel, id: str, spec: Spec) -> None:
        self._channel, self.id, self.spec = channel, id, spec
        self._is_closed = False
        self._gate = gate_of(self, spec.network)

    async def run(
        self,
        command: str,
        timeout_s: float = 60.0,
        stdin: bytes | None = None,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run one line of bash; see Sandbox."""
        line, seconds = _line(command), _seconds(timeout_s)
        for name, value in (env or {}).items():
            check_variable(name, value)
        held = wire.memory_file(stdin) if stdin is not None else None
        fds = () if held is None else (held,)
        await self._let_out()
        try:
            reply = await self._held("run", line, fds, timeout_s=seconds, cwd=cwd, env=dict(env or {}))
        finally:
            if held is not None:
                os.close(held)
        return self._ran(reply)

    async def _let_out(self) -> None:
        """Have the proxy of this box listen in its namespaces, which may be new ones, if it has one."""
        if self._gate is not None:
            asked = self._channel.send("listen", box=self.id, port=PORT)
            asked.add_done_callback(self._heard)  # also if nobody waits any longer
            self._checked(await answer_of(asked))

    def _heard(self, asked: Future[Reply]) -> None:
        line = None if asked.exception() else asked.result().line
        if self._gate is not None and line is not None:
            self._gate.listen(line)

    def _ran(self, reply: Reply) -> Ran:
        ran = _ran(self._checked(reply))
        return ran._replace(refused=self._gate.take_refused()) if self._gate is not None else ran

    async def pytest(self, arguments: Sequence[str], timeout_s: float = 60.0) -> Ran:
        """Run pytest for an agent's own feedback, from a warm interpreter where there is one; see Sandbox."""
        words = ["-p", "no:cacheprovider", *arguments]
        if any("\0" in word for word in words):
            raise UsageError("an argument with a NUL character: no program can be given one")
        await self._let_out()
        reply = await self._held("pytest", arguments=words, timeout_s=_seconds(timeout_s))
        if reply.message.get("failed") == "cold":
            return await super().pytest(arguments, timeout_s)
        return self._ran(reply)

    async def _held(self, op: str, body: bytes = b"", fds: tuple[int, ...] = (), **message: Any) -> Reply:
        """Start something in the box and wait for its end; end it if the caller is cancelled."""
        try:
            sent = self._channel.send(op, body, fds, box=self.id, **message)
        except wire.TooLong as error:
            raise UsageError(f"what a command is given besides its line: {error}") from None
        try:
            return await asyncio.shield(answer_of(sent))
        except asyncio.CancelledError:
            number = self._channel.number_of(sent)
            if number is not None:
                self._channel.send("cancel", run=number)
            raise

    def _checked(self, reply: Reply) -> Reply:
        """Return a reply that is no failure, or raise what it stands for."""
        message = reply.message
        if "failed" not in message:
            return reply
        text = message["text"]
        if message["failed"] == "usage":
            raise UsageError(text)
        if message["failed"] == "image":
            raise ImageError(text)
        if message.get("errno") == errno.ENOSPC:
            raise OSError(errno.ENOSPC, "the disk limit of the sandbox is reached", self.id)
        raise SandboxError(text)

    async def _files(self, op: str, body: bytes = b"", **message: Any) -> tuple[dict[str, Any], bytes]:
        reply = self._checked(await self._channel.ask(op, body, box=self.id, **message))
        head, data = reply.file()
        if "errno" in head:
            raise OSError(head["errno"], os.strerror(head["errno"]), message.get("path") or head["path"])
        if "refused" in head:
            raise UsageError(head["refused"])
        return head, data

    async def read(self, path: str, max_bytes: int = 1 << 24) -> bytes:
        """Return a regular file's bytes; see Sandbox."""
        _, data = await self._files("read", path=_path(path), max_bytes=max_bytes)
        return data

    async def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file whole or not at all; see Sandbox."""
        await self._files("write", data, path=_path(path), mode=mode)

    async def write_tree(self, files: Mapping[str, bytes], folder: str = ".", *, root: bool = False) -> None:
        """Write many files at once; see Sandbox."""
        for path in files:
            if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
                raise UsageError(f"{path!r}: paths below the folder are expected, without '.' and '..'")
            _path(path)
        index = json.dumps([[path, len(data)] for path, data in files.items()]).encode()
        body = b"".join([struct.pack("<I", len(index)), index, *files.values()])
        await self._files("write_tree", body, folder=_path(folder), root=root)

    async def empty(self, folder: str) -> bool:
        """Remove everything below a folder, whoever wrote it; see Sandbox."""
        place = posixpath.normpath(posixpath.join("/", self.spec.workdir, _path(folder)))
        with contextlib.suppress(OSError):  # a link in its place is removed below
            await self._files("empty", folder=place, path=place)
        return await super().empty(place)

    async def changes(self, since: str, folder: str = ".") -> dict[str, bytes | None]:
        """Return the regular files that differ from a snapshot; see Sandbox."""
        limit = min(self.spec.limits.disk_bytes, 1 << 28)
        head, data = await self._files("changes", since=since, folder=_path(folder), max_bytes=limit)
        found: dict[str, bytes | None] = {}
        at = 0
        for path, size in head["files"]:
            found[path] = None if size is None else data[at : at + size]
            at += size or 0
        return found

    async def snapshot(self) -> str:
        """Freeze the files and return a name for them; see Sandbox."""
        name = f"s{secrets.token_hex(6)}"
        self._checked(await self._channel.ask("snapshot", box=self.id, name=name))
        return name

    async def fork(self, n: int) -> Sequence[NamespaceSandbox]:
        """Return n boxes with the same files; see Sandbox."""
        if not 1 <= n <= _MAX_FORKS:
            raise UsageError(f"n={n}: from 1 to {_MAX_FORKS} forks are expected")
        made = [new_box(self._channel, self.spec) for _ in range(n)]
        asked = self._channel.ask("fork", box=self.id, boxes=[box.id for box in made])
        self._checked(await asked)
        return made

    async def rollback(self, snapshot: str) -> None:
        """Put the files back to a snapshot; see Sandbox."""
        self._checked(await self._channel.ask("rollback", box=self.id, name=snapshot))

    async def aclose(self) -> None:
        """End every process and remove everything; see Sandbox."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._gate is not None:
            self._gate.close()
        try:
            self._checked(await self._channel.ask("close", box=self.id))
        except SandboxError:
            if self._channel.is_open:  # else the box has ended with the keeper
                raise


def new_box(channel: Channel, spec: Spec) -> NamespaceSandbox:
    """Return the handle of a box that the keeper is asked to make."""
    return NamespaceSandbox(channel, f"b{secrets.token_hex(6)}", spec)


def _line(command: str) -> bytes:
    line = command.encode("utf-8", "surrogateescape")
    if len(line) > _MAX_COMMAND_BYTES:
        raise UsageError(f"a command of {len(line)} bytes; at most {_MAX_COMMAND_BYTES} are taken")
    if b"\0" in line:
        raise UsageError("a command with a NUL character: no program can be given one")
    return line


def _seconds(timeout_s: float) -> float:
    if not 0 < timeout_s <= _MAX_TIMEOUT_S:
        raise UsageError(f"timeout_s={timeout_s}: more than 0 and at most {_MAX_TIMEOUT_S:.0f} are expected")
    return timeout_s


def _path(path: str) -> str:
    if not path or "\0" in path or len(os.fsencode(path)) > 4000:
        raise UsageError(f"{path[:80]!r} is no path: 1 to 4000 bytes without NUL are expected")
    return path


def check_variable(name: str, value: str) -> None:
    """Raise UsageError for what no process can be given as a variable."""
    if not name or "=" in name or "\0" in name + value:
        raise UsageError(f"{name!r} is no variable: a name without '=', and no NUL, are expected")


def _ran(reply: Reply) -> Ran:
    message, body = reply.message, reply.body
    head, tail = body[: message["head"]], body[message["head"] :]
    output = head + tail if not message["left_out"] else b""
    text = (
        output.decode("utf-8", "replace")
        if output or not message["left_out"]
        else head.decode("utf-8", "replace") + tail.decode("utf-8", "replace")
    )
    return Ran(message["code"], text, message["left_out"], message["seconds"], cast(Cause, message["cause"]))
