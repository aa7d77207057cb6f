"""The short way of a step: what it takes on, and what it leaves to uvicorn.

1. It answers whole requests for steps, one a read, and nothing else.
2. Requests in a pipeline are answered in order, also behind one that waits for the journal.
3. A client that leaves in the middle harms nothing; its step is done once.
4. A reader that does not read is not written to without bound.
5. Stopping, what waits for the journal is answered and the connection closed.
6. Nothing is answered before it is written: a refusal, or the end of the connection, instead.
7. What breaks in it is asked for again in the ordinary way.
8. Where every request has to be seen on its way it is uvicorn's protocol.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from contextlib import asynccontextmanager

import pytest
import uvloop

from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import ANYONE
from turnwise.servers.http.messages import Request
from turnwise.servers.protocol.calls import CALLS
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.protocol.types import StepItem
from turnwise.servers.sessions.journal.records import Journal, JournalError


class SlowJournal(Journal):
    """A journal that commits when the test says so, or fails."""

    dirty = False

    def __init__(self) -> None:
        self.written = asyncio.Event()
        self.error: BaseException | None = None

    def stepped(self, id, episode, entry) -> None:
        self.dirty = True

    async def commit(self) -> None:
        await self.written.wait()
        if self.error is not None:
            raise self.error
        self.dirty = False


def run(coroutine, errors: int = 0) -> None:
    """Run on the loop of the server, and see that nothing breaks in a callback."""
    seen = []
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: seen.append(context))
        runner.run(coroutine)
        gc.collect()
    assert len(seen) == errors, seen


JSON = "content-type: application/json\r\n"


class Playing:
    """A served session; `taken` are the paths of the requests that were answered at once."""

    def __init__(self, app, server, id: str) -> None:
        self.app, self.server, self.id = app, server, id
        self.session = app.service.sessions[id]
        self.taken: list[str] = []
        try_now = app.try_now

        def noted(path, headers, body):
            found = try_now(path, headers, body)
            if found is not None:
                self.taken.append(path)
            return found

        app.try_now = noted

    def request(self, turn: int, action: str = "go", head: str = "") -> bytes:
        body = json.dumps({"episode": 0, "turn": turn, "action": action}).encode()
        line = f"POST /v1/sessions/{self.id}/step HTTP/1.1\r\nhost: x\r\n{JSON}{head}"
        return f"{line}content-length: {len(body)}\r\n\r\n".encode() + body

    def batch(self, *turns: int, head: str = "") -> bytes:
        rows = [{"id": self.id, "episode": 0, "turn": turn, "action": "go"} for turn in turns]
        body = json.dumps({"items": rows}).encode()
        return f"POST /v1/step HTTP/1.1\r\n{JSON}{head}content-length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def playing(make_service, listening, world):
    @asynccontextmanager
    async def open_one(name="Counter", kwargs=None, isolation=None, direct=True, **options):
        app = Application(make_service(isolation, **options), direct=direct)
        async with listening(app) as server:
            item = {"env_id": world(name), "kwargs": kwargs or {"length": 100_000}}
            made = await app.calls.call(
                CALLS["create"], Request(ANYONE, {"items": [item], "request_id": "one"})
            )
            yield Playing(app, server, json.loads(made.body)["sessions"][0]["id"])

    return open_one


async def answer(reader) -> tuple[int, dict[str, str], bytes]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)).decode().split("\r\n")
    if "100 Continue" in head[0]:
        return await answer(reader)
    headers = dict(line.split(": ", 1) for line in head[1:-2])
    return int(head[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def quiet(playing) -> None:
    """Wait until every connection of the server is gone."""
    while playing.server.connections:
        await asyncio.sleep(0.001)


def test_what_it_takes_on(playing):
    async def play() -> None:
        async with playing() as one:
            reader, writer = await one.server.connect()
            single, batch = f"/v1/sessions/{one.id}/step", "/v1/step"
            for request, taken in (
                (one.request(0), single),
                (one.batch(1), batch),
                (one.request(0), single),  # 409
                (one.request(2, head="Prefer: wait=3\r\n"), single),
                (one.request(3, head="Prefer: wait=soon\r\n"), None),
                (one.request(3, head="Expect: 100-continue\r\n"), None),
                (one.request(3).replace(b"1.1", b"1.0"), None),
                (one.request(3, head="Connection: close\r\n"), None),
                (one.batch(3, head="Accept: application/json\r\n"), batch),
                (one.request(4).replace(b"/step", b"/step?fields=won"), None),
                (one.request(5).replace(b"POST", b"PUT"), None),
                (one.request(5).replace(one.id.encode(), b"nobody"), None),
                (one.batch(5).replace(b"/v1/step", b"/v1/reset"), None),
                (one.request(5).replace(b"{", b"["), None),
            ):
                one.taken.clear()
                writer.write(request)
                status, headers, _ = await answer(reader)
                assert one.taken == ([taken] if taken else []), request
                assert headers["turnwise-protocol"] == "1", status
                if headers.get("connection") == "close":
                    reader, writer = await one.server.connect()
            assert one.session.turn == 5

    run(play())


def test_only_what_answers_at_once(playing):
    async def play() -> None:
        for isolation, name in (({"*": "thread"}, "Counter"), (None, "Waiting")):
            async with playing(name, isolation=isolation) as one:
                reader, writer = await one.server.connect()
                writer.write(one.request(0))
                assert (await answer(reader))[0] == 200
                assert one.taken == []

    run(play())


def test_only_what_one_read_brought(playing):
    async def play() -> None:
        async with playing() as one:
            reader, writer = await one.server.connect()
            whole = one.request(0)
            for cut in range(1, len(whole)):
                writer.write(whole[:cut])
                while not any(c.cycle or c._holding or c.url for c in one.server.connections if cut > 8):
                    await asyncio.sleep(0)
                    if cut <= 8:
                        break
                await asyncio.sleep(0)
                assert not any(connection._holding for connection in one.server.connections)
                writer.write(whole[cut:])
                status, _, body = await answer(reader)
                assert (status, json.loads(body)["turn"]) == (200, 1), cut
            assert one.session.turn == 1

    run(play())


def test_one_a_read_and_all_in_order(playing):
    async def play() -> None:
        async with playing() as one:
            reader, writer = await one.server.connect()
            writer.write(b"".join(one.request(turn) for turn in range(30)))
            turns = [json.loads((await answer(reader))[2])["turn"] for _ in range(30)]
            assert turns == list(range(1, 31))
            assert len(one.taken) == 1, "the others take turns with other connections"

    run(play())


@pytest.mark.parametrize("direct", [True, False])
def test_in_order_behind_the_journal(playing, direct):
    async def play() -> None:
        journal = SlowJournal()
        async with playing(journal=journal, direct=direct) as one:
            reader, writer = await one.server.connect()
            writer.write(one.request(0))
            while one.session.turn == 0:
                await asyncio.sleep(0.001)
            writer.write(b"GET /v1/envs HTTP/1.1\r\n\r\n" + one.request(1) + one.request(0))
            await asyncio.sleep(0.05)
            assert not reader._buffer, "nothing is answered before it is written"
            journal.written.set()
            assert json.loads((await answer(reader))[2])["turn"] == 1
            assert b"fingerprint" in (await answer(reader))[2]
            assert json.loads((await answer(reader))[2])["turn"] == 2
            assert (await answer(reader))[0] == 409
            assert len(one.taken) == direct

    run(play())


def test_a_moment_shares_a_commit(playing, tmp_path):
    from turnwise.servers.sessions.journal.sqlite import SqliteJournal

    async def play() -> None:
        journal = SqliteJournal(tmp_path / "journal.db")
        written, write = [], journal._write
        journal._write = lambda rows: (written.append(len(rows)), write(rows))
        async with playing(journal=journal) as one:
            ends = [await one.server.connect() for _ in range(16)]
            written.clear()
            for _, writer in ends:
                writer.write(one.request(0))
            assert len({await answer(reader) and 1 for reader, _ in ends}) == 1
            assert len(one.taken) == 16
            assert sum(written) == 1 and len(written) == 1, "sixteen answers, one step, one commit"
        await one.app.service.aclose()

    run(play())


@pytest.mark.parametrize("journal", [False, True])
def test_clients_that_leave(playing, journal):
    async def play() -> None:
        kept = SlowJournal() if journal else Journal()
        async with playing(journal=kept) as one:
            whole = one.request(0)
            for cut in (10, len(whole) - 5, len(whole)):
                _, writer = await one.server.connect()
                writer.write(whole[:cut])
                if cut == len(whole):
                    while one.session.turn == 0:
                        await asyncio.sleep(0.001)
                writer.transport.abort()
                await quiet(one)
            if journal:
                kept.written.set()
            reader, writer = await one.server.connect()
            writer.write(whole + one.request(1))
            replies = [json.loads((await answer(reader))[2])["turn"] for _ in range(2)]
            assert replies == [1, 2], "what nobody read was done once, what was not whole never"

    run(play())


def test_a_reader_that_does_not_read(playing):
    async def play() -> None:
        limits = Limits(max_action_chars=1 << 20)
        async with playing(limits=limits) as one:
            action = "x" * 65_000
            reply = one.app.service.step("", StepItem(one.id, 0, 0, action))
            reader, writer = await one.server.connect()
            asked = 0
            for _ in range(400):
                writer.write(one.request(0, action))
                asked += 1
                for _ in range(5):
                    await asyncio.sleep(0)
            await asyncio.sleep(0.1)
            (connection,) = one.server.connections
            waiting = connection.transport.get_write_buffer_size()
            assert waiting <= (1 << 16) + 2 * len(reply), "what is not read is not written"
            assert connection.flow.read_paused
            for _ in range(asked):
                assert (await answer(reader))[2] == reply

    run(play())


@pytest.mark.parametrize("direct", [True, False])
def test_a_stop_answers_what_waits(playing, direct):
    async def play() -> None:
        journal = SlowJournal()
        async with playing(journal=journal, direct=direct) as one:
            reader, writer = await one.server.connect()
            idle, _ = await one.server.connect()
            writer.write(one.request(0))
            while one.session.turn == 0:
                await asyncio.sleep(0.001)
            for connection in one.server.connections:
                connection.shutdown()  # as uvicorn does when it stops
            assert await idle.read() == b""
            journal.written.set()
            status, headers, body = await answer(reader)
            assert (status, json.loads(body)["turn"]) == (200, 1)
            assert list(headers)[-1] == "connection" and headers["connection"] == "close"
            assert await reader.read() == b""
            await quiet(one)

    run(play())


@pytest.mark.parametrize("direct", [True, False])
def test_a_journal_that_cannot_be_written(playing, direct, caplog):
    async def play() -> None:
        journal = SlowJournal()
        journal.error = JournalError("the disk is full")
        journal.written.set()
        async with playing(journal=journal, direct=direct) as one:
            reader, writer = await one.server.connect()
            for _ in range(2):
                writer.write(one.request(0))
                status, headers, body = await answer(reader)
                assert (status, headers["retry-after"]) == (503, "1")
                assert json.loads(body)["code"] == "journal_unavailable"
            writer.write(one.request(5))
            assert (await answer(reader))[0] == 409, "what was not done waits for nothing"
            journal.error = None
            writer.write(one.request(0))
            assert json.loads((await answer(reader))[2])["turn"] == 1
            assert one.session.turn == 1

    run(play())
    assert "journal not written" in caplog.text


def test_a_commit_that_breaks_off(playing):
    async def play() -> None:
        journal = SlowJournal()
        journal.error = RuntimeError("a bug")
        journal.written.set()
        async with playing(journal=journal) as one:
            reader, writer = await one.server.connect()
            writer.write(one.request(0))
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await answer(reader)
            await quiet(one)
            journal.error = None
            reader, writer = await one.server.connect()
            writer.write(one.request(0))
            assert json.loads((await answer(reader))[2])["turn"] == 1

    run(play(), errors=1)


def test_what_breaks_is_asked_for_again(playing, caplog):
    async def play() -> None:
        async with playing() as one:
            step_now = one.app.calls.step_now

            def broken(*arguments):
                step_now(*arguments)
                raise RuntimeError("a bug")

            one.app.calls.step_now = broken
            reader, writer = await one.server.connect()
            writer.write(one.request(0))
            assert json.loads((await answer(reader))[2])["turn"] == 1
            assert one.session.turn == 1

    with caplog.at_level(logging.ERROR):
        run(play())
    assert "a step was not answered at once" in caplog.text


def test_where_it_steps_aside(playing, listening, make_service):
    async def play() -> None:
        app = Application(make_service())

        async def seen(scope, receive, send):
            await app(scope, receive, send)

        for served, options, takes in (
            (app, {}, True),
            (seen, {}, False),
            (Application(make_service(), direct=False), {}, False),
            (app, {"limit_concurrency": 9}, False),
            (app, {"access_log": True}, False),
            (app, {"root_path": "/turnwise"}, False),
        ):
            async with listening(served, **options) as server:
                if options.get("access_log"):
                    logging.getLogger("uvicorn.access").addHandler(logging.NullHandler())
                assert (server.protocol()._front is not None) == takes, options

    run(play())
