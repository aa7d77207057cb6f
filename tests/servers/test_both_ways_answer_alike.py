"""With the short way of a step and without it, the same requests get the same bytes.

Whatever is sent, in whatever parts, pipelined or not: status lines, headers and
bodies are equal, so are the counters, and so is what every session has done.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from turnwise.servers import creation
from turnwise.servers.app import Application
from turnwise.servers.journal_file import SqliteJournal
from turnwise.servers.keys import Caller, Keys
from turnwise.servers.limits import Limits

ANN, BOB = "a" * 16, "b" * 16
NAMES = ("Counter", "Fragile", "Waiting", "Counter")  # the last one is Bob's
PLACES = ["ID0", "ID1", "ID2", "ID3"]
KEYS = Keys({ANN: Caller("ann"), BOB: Caller("bob", evaluation=True)})
ROUNDS_OF_SILENCE = 5


class Clock:
    """Tell the time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Ear(asyncio.Protocol):
    """Keep what a server says."""

    def __init__(self) -> None:
        self.heard, self.closed = b"", False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True


@dataclass
class Side:
    """One of the two servers, and how often it took the short way."""

    app: Application
    server: Any
    num_taken: int = 0
    ear: Ear | None = None
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def watch(self) -> None:
        at_once = self.app.at_once

        def counted(*arguments):
            found = at_once(*arguments)
            self.num_taken += found is not None
            return found

        self.app.at_once = counted

    async def begin(self, world) -> list[str]:
        """Make the same sessions with the same ids as the other side."""
        creation.secrets.token_hex = lambda num: f"{next(self.numbers):0{2 * num}x}"
        ids = []
        for number, name in enumerate(NAMES):
            item = {"env_id": world(name), "seed": number, "kwargs": {"length": 6}}
            caller = Caller("bob" if number == 3 else "ann")
            document = {"items": [item], "request_id": f"{next(self.numbers)}"}
            answer = await self.app.calls.create(caller, document, 0.0)
            ids.append(json.loads(answer.body)["sessions"][0]["id"])
        return ids

    async def say(self, parts: list[bytes]) -> bytes:
        """Send parts over the connection, or a new one if it was closed, and return all that comes back."""
        if self.ear is None or self.ear.closed:
            loop = asyncio.get_running_loop()
            _, self.ear = await loop.create_connection(Ear, "127.0.0.1", self.server.port)
        ear, silent = self.ear, 0
        for part in parts:
            if not ear.closed:
                ear.transport.write(part)
            for _ in range(4):
                await asyncio.sleep(0)
        ear.heard, before = b"", ear.heard
        while silent < ROUNDS_OF_SILENCE and not ear.closed:
            await asyncio.sleep(0.001)
            # a step that runs is an answer to come; a request that is not whole is none
            running = any(session.running for session in self.app.service.sessions.values())
            silent = 0 if ear.heard or running or self.app.commits._task else silent + 1
            ear.heard, before = b"", before + ear.heard
        return before

    def state(self) -> Any:
        """Return what was counted and what every session has done; no times."""
        counted = self.app.calls.counted().state()
        steps = sum(counted["buckets"])
        sessions = {
            id: (session.expected, session.end, session.last_reply, session.record.log)
            for id, session in self.app.service.sessions.items()
        }
        return steps, counted["counts"], counted["ends"], counted["refused"], sessions

    def hang_up(self) -> None:
        if self.ear is not None:
            self.ear.transport.abort()
            self.ear = None


steps = st.fixed_dictionaries(
    {"episode": st.sampled_from([0, 0, 0, 0, 1, "0"]), "turn": st.integers(0, 3)},
    optional={"more": st.booleans()},
).flatmap(
    lambda body: st.sampled_from(["go", "go", "go", "stop", "raise", 7, "x" * 300]).map(
        lambda action: {**body, "action": action}
    )
)
likely = st.integers(0, 3).map(lambda turn: {"episode": 0, "turn": turn, "action": "go"})
bodies = st.one_of(likely, likely, steps).map(lambda body: json.dumps(body).encode())


def batches_of(*places: str) -> st.SearchStrategy[bytes]:
    item = st.tuples(likely | steps, st.sampled_from(places)).map(lambda one: {**one[0], "id": one[1]})
    return st.lists(item, max_size=4).map(lambda rows: json.dumps({"items": rows}).encode())


singles = st.sampled_from(
    ["/v1/sessions/ID0/step"] * 6
    + [f"/v1/sessions/{place}/step" for place in (*PLACES, "nobody", "", "ID0/ID0", "%49%440", "I%440")]
    + ["/v1/sessions/ID0/step?fields=admissible", "/v1/sessions/ID0/step?fields=-admissible,-won"]
    + ["/v1/sessions/ID0/step?", "/v1/sessions/ID0/step#/step", "/v1/sessions/ID0?x=/step", "//v1/step"]
    + ["http://x/v1/sessions/ID0/step", "/v1/sessions/ID0/step/", "/v1/sessions/ID0/reset", "/step", "/"]
)
batch_paths = st.sampled_from(["/v1/step"] * 4 + ["/v1/step?fields=won", "/v1/step/", "/v1//step"])
METHODS = ["POST"] * 8 + ["GET", "HEAD", "PUT"]
HEADERS = f"""Authorization: Bearer {BOB}
authorization: Bearer wrong
AUTHORIZATION: basic x
Prefer: wait=1
prefer: wait=soon
Prefer: respond-async, wait=0
prefer: handling=strict
Accept: application/x-ndjson
Accept: */*
Expect: 100-continue
Connection: keep-alive
Connection: close
X-Forwarded-For: 9.9.9.9
Content-Type: text/plain
Cookie: \xff"""
headers = st.lists(st.sampled_from(HEADERS.splitlines()), max_size=3)
keys = st.sampled_from([f"Authorization: Bearer {ANN}"] * 8 + [f"authorization:bearer  {BOB} ", None])


@st.composite
def requests(draw, framings=("length",) * 5 + ("chunked", "twice")) -> bytes:
    """Draw a request that a parser accepts."""
    batch = draw(st.integers(0, 3)) == 0
    path, body = (
        draw(batch_paths if batch else singles),
        draw(batches_of(*PLACES, "nobody") if batch else bodies),
    )
    version = draw(st.sampled_from(["1.1"] * 12 + ["1.0"]))
    lines = [f"{draw(st.sampled_from(METHODS))} {path} HTTP/{version}", "Host: x"]
    lines += [line for line in (draw(keys), *draw(headers)) if line is not None]
    framing = draw(st.sampled_from(framings))
    if framing == "chunked":
        cut = draw(st.integers(1, len(body) - 1))
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:cut], body[cut:], b""))
    else:
        length = len(body) + {"short": -3, "long": 5}.get(framing, 0)
        lines.append(f"{draw(st.sampled_from(['Content-Length', 'content-length']))}: {length}")
        if framing == "twice":
            lines.append("Accept: application/json")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


@st.composite
def plain(draw) -> bytes:
    """Draw a request as clients make it."""
    batch = draw(st.integers(0, 3)) == 0
    place = draw(st.sampled_from(["ID0", "ID0", "ID0", "ID1"]))
    path, body = (
        ("/v1/step", draw(batches_of("ID0", "ID1")))
        if batch
        else (f"/v1/sessions/{place}/step", draw(bodies))
    )
    key = draw(st.sampled_from([ANN, ANN, ANN, BOB]))
    more = draw(st.sampled_from(["", "prefer: wait=30\r\n", "Connection: keep-alive\r\nAccept: */*\r\n"]))
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


broken = st.one_of(
    requests(("short",)),
    requests(("long",)),
    requests().map(lambda data: data.replace(b"\r\nHost", b"\r\nContent-Length: 1\r\nHost")),
    requests().map(lambda data: data[: len(data) // 2]),
    st.binary(min_size=1, max_size=60),
)
# what no parser accepts stands alone: uvicorn answers it before what is still under way
stages = st.lists(
    st.one_of(
        plain().map(lambda one: [one]),
        st.lists(plain(), min_size=1, max_size=5),
        st.lists(plain() | requests(), min_size=1, max_size=4),
        broken.map(lambda one: [one]),
    ),
    min_size=1,
    max_size=6,
)
cuts = st.just([]) | st.lists(st.integers(0, 2000), max_size=4)


def parts_of(stage: list[bytes], ids: list[str], places: list[int]) -> list[bytes]:
    data = b"".join(_named(request, ids) for request in stage)
    ends = sorted({place % len(data) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def _named(request: bytes, ids: list[str]) -> bytes:
    """Put the ids in and make the length right again, where it was."""
    head, gap, body = request.partition(b"\r\n\r\n")
    longer = len(body)
    for place, id in zip(PLACES, ids, strict=True):
        head, body = head.replace(place.encode(), id.encode()), body.replace(place.encode(), id.encode())
    longer = len(body) - longer
    if longer and b"chunked" not in head:
        lines = head.split(b"\r\n")
        for number, line in enumerate(lines):
            if line.lower().startswith(b"content-length: "):
                name, _, length = line.partition(b": ")
                lines[number] = b"%b: %d" % (name, int(length) + longer)
        head = b"\r\n".join(lines)
    return head + gap + body


@pytest.fixture(params=["memory", "journal", "rates", "small"])
def sides(request, make_service, listening, tmp_path):
    limits = {
        "rates": Limits(max_rate=1.0, max_burst=4, max_action_chars=200),
        "small": Limits(max_body_bytes=60, max_batch=2),
    }.get(request.param, Limits(max_action_chars=200))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stack, made, before = AsyncExitStack(), [], creation.secrets.token_hex

        async def start() -> None:
            for direct in (True, False):
                journal = None
                if request.param == "journal":
                    journal = SqliteJournal(tmp_path / f"{direct}.db")
                service = make_service(limits=limits, clock=Clock(), journal=journal)
                app = Application(service, KEYS, direct=direct)
                made.append(Side(app, await stack.enter_async_context(listening(app))))
                made[-1].watch()

        async def stop() -> None:
            await stack.aclose()
            for side in made:
                await side.app.service.aclose()

        runner.run(start())
        yield runner, made
        creation.secrets.token_hex = before
        runner.run(stop())


some = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def step_of(turn: int, action: str = "go") -> bytes:
    """Write the step of a client of Ann's first session."""
    body = json.dumps({"episode": 0, "turn": turn, "action": action}).encode()
    head = f"POST /v1/sessions/ID0/step HTTP/1.1\r\nAuthorization: Bearer {ANN}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.slow
def test_both_ways_answer_alike(sides, world):
    runner, (short, ordinary) = sides

    async def play(side: Side, stages, cuts) -> list[Any]:
        side.app.service.clock.now += 1000.0
        ids = await side.begin(world)
        heard: list[Any] = [await side.say(parts_of([step_of(0)], ids, []))]
        heard += [await side.say(parts_of(stage, ids, cuts)) for stage in stages]
        side.app.service.clock.now += 1000.0
        side.hang_up()
        now = step_of(side.app.service.sessions[ids[0]].turn)
        heard += [await side.say(parts_of([now], ids, [])) for _ in range(2)]
        heard.append(side.state())
        side.hang_up()
        side.app.service.remove(ids)
        return heard

    @some
    @given(stages=stages, cuts=cuts)
    @example(stages=[[step_of(0)], [step_of(0), step_of(1)], [step_of(1, "stop")], [step_of(2)]], cuts=[])
    def compare(stages, cuts) -> None:
        heard, expected = [runner.run(play(side, stages, cuts)) for side in (short, ordinary)]
        assert heard == expected

    compare()
    assert short.num_taken > 50
    assert ordinary.num_taken == 0
