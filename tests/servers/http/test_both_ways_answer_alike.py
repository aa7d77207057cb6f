"""With the short way of a step and without it, the same requests get the same bytes.

Whatever is sent, in whatever parts, pipelined or not: status lines, headers and
bodies are equal, so are the counters, and so is what every session has done. One
thing is left out, because the ordinary way answers it now so, now so: what is no
HTTP at all behind a request in a pipeline. There uvicorn's 400 may overtake the
answer to the request, and on the short way it does not.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httptools
import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.http.messages import Request
from turnwise.servers.protocol.calls import CALLS
from turnwise.servers.protocol.limits import Limits, Rate
from turnwise.servers.sessions import creation
from turnwise.servers.sessions.journal.sqlite import SqliteJournal

ANN, BOB = "a" * 16, "b" * 16
NAMES = ("Counter", "Fragile", "Waiting", "Counter")  # the last one is Bob's
PLACES = [f"ID-----number--{number}" for number in range(4)]  # as long as an id
FIRST, ENCODED = PLACES[0], "the-first-encoded"
KEYS = Keys({ANN: Caller("ann"), BOB: Caller("bob", evaluation=True)})
ROUNDS_OF_SILENCE = 3


class Clock:
    """Tell the time that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Ear(asyncio.Protocol):
    """What a server says."""

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
        try_now = self.app.try_now

        def counted(*arguments):
            found = try_now(*arguments)
            self.num_taken += found is not None
            return found

        self.app.try_now = counted

    async def begin(self, world) -> list[str]:
        """Make the same sessions with the same ids as the other side."""
        creation.secrets.token_hex = lambda num: f"{next(self.numbers):0{2 * num}x}"
        ids = []
        for number, name in enumerate(NAMES):
            item = {"env_id": world(name), "seed": number, "kwargs": {"length": 6}}
            caller = Caller("bob" if number == 3 else "ann")
            document = {"items": [item], "request_id": f"{next(self.numbers)}"}
            answer = await self.app.calls.call(CALLS["create"], Request(caller, document))
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
        envs = {
            env_id: (sum(of["buckets"]), of["counts"], of["ends"]) for env_id, of in counted["envs"].items()
        }
        sessions = {
            id: (session.expected, session.end, session.last_reply, session.record.log)
            for id, session in self.app.service.sessions.items()
        }
        return envs, counted["counts"], counted["refused"], sessions

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


ODD_PATHS = [
    f"/v1/sessions/{id}/step"
    for id in (*PLACES[1:], ENCODED, "nobody", "", f"{FIRST}/{FIRST}", f"{FIRST}%20")
]
ODD_PATHS += [
    f"/v1/sessions/{FIRST}{end}" for end in ("?x=/step", "/step/", "/reset", "/step#/step", "/step?")
]
ODD_PATHS += [f"/v1/sessions/{FIRST}/step?fields={names}" for names in ("admissible", "-admissible,-won", "")]
ODD_PATHS += [f"http://x/v1/sessions/{FIRST}/step", f"//v1/sessions/{FIRST}/step", "/step", "/", "*"]
singles = st.sampled_from([f"/v1/sessions/{FIRST}/step"] * 10 + ODD_PATHS)
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
Origin: http://elsewhere
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
    lines += draw(st.sampled_from([["Content-Type: application/json"]] * 9 + [[]]))
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
    place = draw(st.sampled_from([*PLACES[:1] * 3, PLACES[1]]))
    path, body = (
        ("/v1/step", draw(batches_of(*PLACES[:2]))) if batch else (f"/v1/sessions/{place}/step", draw(bodies))
    )
    key = draw(st.sampled_from([ANN, ANN, ANN, BOB]))
    more = draw(st.sampled_from(["", "prefer: wait=30\r\n", "Connection: keep-alive\r\nAccept: */*\r\n"]))
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += f"authorization: Bearer {key}\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


broken = st.one_of(
    requests(("short",)),
    requests(("long",)),
    requests().map(lambda data: data.replace(b"\r\nHost", b"\r\nContent-Length: 1\r\nHost")),
    requests().map(lambda data: data[: len(data) // 2]),
    st.binary(min_size=1, max_size=60),
)
# what is no HTTP stands alone
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
    """Put the ids where they belong; they are as long as what stands there."""
    for place, id in zip(PLACES, ids, strict=True):
        request = request.replace(place.encode(), id.encode())
    return request.replace(ENCODED.encode(), f"%{ord(ids[0][0]):x}{ids[0][1:]}".encode())


@pytest.fixture(params=["memory", "journal", "rates", "small"])
def sides(request, make_service, listening, tmp_path):
    limits = {
        "rates": Limits(rate=Rate(1.0, 4), max_action_chars=200),
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
    head = f"POST /v1/sessions/{FIRST}/step HTTP/1.1\r\nAuthorization: Bearer {ANN}\r\n"
    head += "Content-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def odd_ones() -> list[bytes]:
    """Write steps and batches, each with one thing about it that is not usual."""
    step, ours = step_of(1), f"/v1/sessions/{FIRST}/step".encode()
    rows = [{"id": place, "episode": 0, "turn": 1, "action": "go"} for place in PLACES[:2]]
    body = json.dumps({"items": rows}).encode()
    head, _, _ = step.replace(ours, b"/v1/step").rpartition(b"\r\nContent-Length")
    batch = head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    made = [step, batch, step_of(1, "x" * 300), step_of(1, "\ud800"), step_of(7), step_of(1, "raise")]
    for one in (step, batch):
        made += [one.replace(b"POST", method) for method in (b"GET", b"HEAD", b"PUT", b"OPTIONS", b"post")]
        made += [one.replace(b"HTTP/1.1", version) for version in (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9")]
        made += [
            one.replace(b"\r\n", f"\r\n{line}\r\n".encode("latin-1"), 1) for line in HEADERS.splitlines()
        ]
        made.append(one.replace(b"1.1\r\n", b"1.0\r\nConnection: keep-alive\r\n", 1))
        made.append(one.replace(b"Length: ", b"Length: 0"))
        made.append(one.replace(b"Authorization", b"X-Nothing"))
        made += [
            one.replace(b"/step ", b"/step%b " % more) for more in (b"?", b"?fields=won", b"#x", b"/", b"%20")
        ]
        top, _, content = one.partition(b"\r\n\r\n")
        top = top.rpartition(b"\r\n")[0] + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        made.append(top + b"5\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (content[:5], len(content) - 5, content[5:]))
        made.append(made[-1][:-2] + b"Prefer: wait=soon\r\n\r\n")
    made += [step.replace(ours, path.encode()) for path in ODD_PATHS]
    made += [batch.replace(PLACES[1].encode(), id.encode()) for id in PLACES[2:]]
    return made


async def play(side: Side, world, stages, cuts) -> list[Any]:
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


def is_http(request: bytes) -> bool:
    try:
        httptools.HttpRequestParser(object()).feed_data(request)
    except httptools.HttpParserError:
        return False
    return True


@pytest.mark.slow
def test_one_thing_after_another(sides, world):
    runner, both = sides
    for request in odd_ones():
        stages = [[request], [step_of(1)], [request]]
        if is_http(request):
            stages += [[step_of(2), request, step_of(3)], [request, step_of(3)]]
        heard, expected = [runner.run(play(side, world, stages, [])) for side in both]
        assert heard == expected, request


@pytest.mark.slow
def test_one_and_another(sides, world):
    runner, (short, ordinary) = sides

    @some
    @given(stages=stages, cuts=cuts)
    def compare(stages, cuts) -> None:
        heard, expected = [runner.run(play(side, world, stages, cuts)) for side in (short, ordinary)]
        assert heard == expected

    compare()
    assert short.num_taken > 50
    assert ordinary.num_taken == 0
