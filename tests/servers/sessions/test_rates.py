"""The rate of requests of a key: a bucket of tokens, off by default.

1. A bucket holds a burst, refills with time, and is each key's own.
2. Over HTTP and the websocket the refusal is 429 with Retry-After, and the session is unharmed.
3. SessionClient waits as long as it is told, within its budget.
4. Workers that share a ledger share the buckets and the counts; one that dies is struck out.
"""

from __future__ import annotations

import asyncio
import os

import httpx
import pytest

from turnwise.errors import ServerUnreachable, UsageError
from turnwise.servers.client import connect
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import ANYONE, Caller, Keys
from turnwise.servers.protocol.limits import Limits, Rate
from turnwise.servers.protocol.problems import Refused
from turnwise.servers.protocol.types import CreateItem, Reply, StepItem
from turnwise.servers.sessions.counts import LocalLedger, Rates, SharedLedger

ANN, BOB = "a" * 16, "b" * 16


class Clock:
    """Tell the time that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def refused_for(rates: Rates, owner: str, now: float) -> float:
    """Return how long a key is sent away; 0 if it is admitted."""
    try:
        rates.take(owner, now)
    except Refused as refusal:
        assert refusal.problem.code == "rate_limited"
        assert refusal.retry_after_s is not None
        return refusal.retry_after_s
    return 0.0


def test_a_bucket():
    rates = Rates(Rate(2.0, 3), LocalLedger())
    assert [refused_for(rates, "ann", 10.0) for _ in range(3)] == [0, 0, 0]
    assert refused_for(rates, "ann", 10.0) == pytest.approx(0.5)
    assert refused_for(rates, "ann", 10.25) == pytest.approx(0.25)
    assert refused_for(rates, "bob", 10.25) == 0
    assert refused_for(rates, "ann", 10.5) == 0, "one token came back"
    assert refused_for(rates, "ann", 10.5) == pytest.approx(0.5), "and no more than one"
    assert [refused_for(rates, "ann", 99.0) for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)], "it is full"


def test_no_rate_is_no_limit(make_service):
    calls = Application(make_service()).calls
    for _ in range(10_000):
        calls.admit(ANYONE)  # refuses nothing
    with pytest.raises(UsageError, match="max_rate must be at least 0"):
        Rate(float("nan"))


def test_over_http(make_service, talk, world):
    clock = Clock()
    service = make_service(limits=Limits(rate=Rate(0.25, 2)), clock=clock)
    keys = Keys({ANN: Caller("ann"), BOB: Caller("bob")})
    step = {"episode": 0, "turn": 0, "action": "go"}

    async def conversation(http: httpx.AsyncClient) -> None:
        made = await http.post("/v1/sessions", json={"env_id": world("Counter")})
        id = made.json()["sessions"][0]["id"]
        assert (await http.get(f"/v1/sessions/{id}")).status_code == 200
        refused = await http.post(f"/v1/sessions/{id}/step", json=step)
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["retry-after"] == "4"
        assert refused.json()["code"] == "rate_limited"
        assert refused.json()["expected"] == 0.25
        other = await http.get("/v1/sessions", headers={"authorization": f"Bearer {BOB}"})
        assert other.status_code == 200, "another key has a bucket of its own"
        assert (await http.get("/health")).status_code == 200, "what asks for no key is not counted"
        clock.now += 4
        taken = await http.post(f"/v1/sessions/{id}/step", json=step)
        assert (taken.status_code, taken.json()["turn"]) == (200, 1)
        assert 'turnwise_refused_total{code="rate_limited"} 1' in (await http.get("/metrics")).text

    talk(service, conversation, keys, headers={"authorization": f"Bearer {ANN}"})


def test_the_client_waits_as_it_is_told(make_service, world):
    clock = Clock()
    service = make_service(limits=Limits(rate=Rate(0.1, 1)), clock=clock)

    async def play() -> None:
        transport = httpx.ASGITransport(app=Application(service))
        client = connect("http://test", network=transport, sleep=clock.sleep, budget_s=60.0)
        (row,) = await client.create([CreateItem(world("Counter"))], request_id="one")
        for turn in range(3):
            (row,) = await client.step([StepItem(row.id, 0, turn, "go")])
            assert isinstance(row, Reply)
            assert row.turn == turn + 1
        assert clock.slept == [10.0, 10.0, 10.0]
        hasty = connect("http://test", network=transport, sleep=clock.sleep, budget_s=1.0)
        with pytest.raises(ServerUnreachable, match=r"429 rate_limited: this key may make 0\.1 requests"):
            await hasty.step([StepItem(row.id, 0, 3, "go")])
        assert len(clock.slept) == 3, "a wait beyond the budget is not begun"
        await client.aclose()
        await hasty.aclose()
        await service.aclose()

    asyncio.run(play())


def test_a_shared_ledger(tmp_path):
    ledger = SharedLedger(["ann", "bob"], 2, tmp_path / "lock")
    rate = Rate(1.0, 2)
    child = os.fork()
    if child == 0:
        ledger.belong_to(1)
        ledger.add("ann", 3)
        ledger.add("somebody else", 1)
        Rates(rate, ledger).take("ann", 5.0)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    ledger.belong_to(0)
    ledger.add("ann", 2)
    ledger.add("bob", 1)
    assert (ledger.held("ann"), ledger.held("bob"), ledger.held_by_all()) == (5, 1, 7)
    rates = Rates(rate, ledger)
    assert refused_for(rates, "ann", 5.0) == 0
    assert refused_for(rates, "ann", 5.0) == pytest.approx(1.0), "the child has taken one"
    ledger.strike(1)
    assert (ledger.held("ann"), ledger.held("bob"), ledger.held_by_all()) == (2, 1, 3)


def test_the_lock_of_a_ledger_ends_with_its_process(tmp_path):
    ledger = SharedLedger([""], 2, tmp_path / "lock")
    child = os.fork()
    if child == 0:
        with ledger.lock():
            os._exit(9)
    os.waitpid(child, 0)
    with ledger.lock():
        ledger.add("", 1)
    assert ledger.held("") == 1
