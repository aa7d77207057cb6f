"""The end of the connections to an engine while calls are under way; the engine is a few lines of ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

import pytest

from turnwise.envs.sandbox import SandboxError
from turnwise.envs.sandbox.docker import engine
from turnwise.envs.sandbox.docker.engine import Engine

_INFO = b'{"ApiVersion": "1.41", "MemoryLimit": true, "PidsLimit": true}'
_LIMIT_S = 30.0


class Held(ThreadingMixIn, UnixStreamServer):
    """An engine that keeps whoever inspects the container `held` waiting."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, _Answers)
        self.came, self.free = threading.Semaphore(0), threading.Event()
        self.open, self.changed = 0, threading.Condition()

    def count(self, change: int) -> None:
        """Note that a connection was opened or closed."""
        with self.changed:
            self.open += change
            self.changed.notify_all()

    def wait_closed(self) -> bool:
        """Wait until no connection is open; tell whether that came."""
        with self.changed:
            return self.changed.wait_for(lambda: not self.open, _LIMIT_S)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Held

    def setup(self) -> None:
        super().setup()
        self.server.count(1)

    def finish(self) -> None:
        super().finish()
        self.server.count(-1)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.say_in_pieces()

    def say_in_pieces(self) -> None:
        """Say a word and, much later, that it was the last."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\n{}  \n\r\n")
        self.wfile.flush()
        self.server.free.wait(_LIMIT_S)
        with suppress(OSError):
            self.wfile.write(b"0\r\n\r\n")

    def do_GET(self) -> None:
        if "/export" in self.path:
            return self.say_in_pieces()
        if "/held/" in self.path:
            self.server.came.release()
            self.server.free.wait(_LIMIT_S)
        body = b"[]" if "/networks" in self.path else _INFO
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Run such an engine; DOCKER_HOST names it."""
    path = str(tmp_path / "s")
    with Held(path) as server:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.free.set()
        server.shutdown()
        thread.join()


async def _came(server: Held) -> None:
    assert await asyncio.to_thread(server.came.acquire, timeout=_LIMIT_S)


def test_what_is_under_way_at_the_close_ends_and_leaves_no_connection(held: Held) -> None:
    def twice(of: Engine) -> list[Any]:
        return [of.api.inspect_container(name) for name in ("held", "other")]

    async def body() -> None:
        of = Engine()
        under_way = asyncio.create_task(of.run(twice, of))
        await _came(held)
        of.close()
        held.free.set()
        assert len(await under_way) == 2

    asyncio.run(body())
    assert held.wait_closed()


def test_what_is_asked_after_the_close_is_not_disturbed_by_what_was_under_way(held: Held) -> None:
    async def body() -> None:
        of = Engine()
        before = asyncio.create_task(of.call("inspect_container", "held"))
        await _came(held)
        of.close()
        after = asyncio.create_task(of.call("inspect_container", "held"))
        await _came(held)
        held.free.set()
        assert await before == await after
        of.close()

    asyncio.run(body())
    assert held.wait_closed()


def test_what_had_not_begun_at_the_close_says_so_and_is_no_cancelled_task(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_THREADS", 1)

    async def body() -> None:
        of = Engine()
        first = asyncio.create_task(of.call("inspect_container", "held"))
        await _came(held)
        second, cancelled = (asyncio.create_task(of.call("inspect_container", "other")) for _ in range(2))
        await asyncio.sleep(0)
        cancelled.cancel()
        of.close()
        with pytest.raises(SandboxError, match="closed"):
            await second
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        held.free.set()
        await first

    asyncio.run(body())
    assert held.wait_closed()


def test_an_answer_that_is_not_read_to_its_end_leaves_no_connection(held: Held) -> None:
    of = Engine()
    with pytest.raises(ValueError, match="enough") as first, of.streamed("x", "export") as answer:
        pieces = answer.iter_content(1)
        assert next(pieces) == b"{"
        raise ValueError("enough")
    with pytest.raises(ValueError, match="enough") as second, of.patient(_LIMIT_S) as api:
        lines = api.pull("x", stream=True, decode=True)
        assert next(lines) == {}
        raise ValueError("enough")
    of.close()
    held.free.set()
    assert held.wait_closed()
    assert first.tb and second.tb and pieces and lines  # what held the connections open is still there
