"""What an endpoint is paid: for every answer that it gives, read or not.

1. Answers that could not be read are billed, and the cap holds on them.
2. A cap that cannot be held is said.
3. An answer that comes after the time-out is billed, and its turn is played once.
"""

from __future__ import annotations

import asyncio
import json
import threading
from itertools import count

import httpx
import pytest
from fake_endpoint import ASKED, answer, ask, served

from turnwise.agents.evaluation import evaluate
from turnwise.agents.policies import PolicyStopped, make_policy
from turnwise.agents.policies.endpoint import EndpointConfig
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.rollout import RolloutConfig
from turnwise.errors import PolicyError
from turnwise.servers.client import connect

USAGE = {"prompt_tokens": 100, "completion_tokens": 10}
PRICES = {"input_price": 10.0, "output_price": 100.0}  # 0.002 dollars an answer
UNREADABLE = [
    {"error": {"code": 502}, "usage": USAGE},
    {"choices": [], "usage": USAGE},
    {"choices": [{"message": {"content": 3}}], "usage": USAGE},
    {"choices": [{"message": {"content": "g"}, "finish_reason": "error"}], "usage": USAGE},
]


@pytest.mark.parametrize("document", UNREADABLE)
def test_what_cannot_be_read_is_billed(document):
    replies = [document, answer("go")]
    (said,), policy = ask(lambda request: httpx.Response(200, json=replies.pop(0)), **PRICES)
    assert policy.usage.cost == pytest.approx(0.004)
    assert said.usage == {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "cost": pytest.approx(0.004),
        "lost_prompt_tokens": 100,
        "lost_completion_tokens": 10,
    }


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("document", UNREADABLE)
def test_the_cap_holds_on_what_cannot_be_read(document, status):
    (said,), policy = ask(lambda request: httpx.Response(status, json=document), **PRICES, cost_cap=0.003)
    assert isinstance(said, PolicyStopped)
    assert "0.0040 dollars are spent, the cap is 0.003" in str(said)
    assert policy.usage.requests == 2


def test_content_as_parts_is_billed():
    parts = answer([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "go"}])
    (said,), policy = ask(lambda request: httpx.Response(200, json=parts), **PRICES)
    assert (said.text, policy.usage.cost) == ("go", pytest.approx(0.002))


def test_a_cap_without_usage_is_said():
    results, policy = ask(
        lambda request: httpx.Response(200, json=answer(usage=None)),
        num=3,
        concurrent=1,
        **PRICES,
        cost_cap=1.0,
    )
    assert all(isinstance(result, PolicyStopped) for result in results)
    assert "says nothing of its usage, so cost_cap 1 cannot be held" in str(results[0])
    (said,), policy = ask(lambda request: httpx.Response(200, json=answer(usage=None)), **PRICES)
    assert (said.text, policy.usage.without_usage) == ("go", 1)


class Slow:
    """An endpoint that lets the first request wait until a second one has been answered."""

    def __init__(self, never=False):
        self.num, self.never, self.second = 0, never, asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.num += 1
        if self.num == 1:
            await self.second.wait()
            if self.never:
                await asyncio.sleep(60)
        self.second.set()
        return httpx.Response(200, json=answer("<action>right</action>"))


def policy_of(endpoint, **config) -> OpenAIPolicy:
    settings = EndpointConfig(timeout_s=0.2, max_pause_s=0.0, **PRICES, **config)
    return OpenAIPolicy("http://host/v1", "m", settings, transport=httpx.MockTransport(endpoint))


def test_an_answer_after_the_time_out_is_billed():
    async def inside(never: bool):
        policy = policy_of(Slow(never))
        said = await policy.generate(ASKED)
        report = await policy.report()
        await policy.aclose()
        return said, report

    said, report = asyncio.run(inside(never=False))
    assert said.usage["cost"] == pytest.approx(0.002)
    assert (report["requests"], report["late"], report["without_usage"]) == (2, 1, 0)
    assert (report["prompt_tokens"], report["completion_tokens"]) == (200, 20)
    assert report["cost"] == pytest.approx(0.004)
    said, report = asyncio.run(inside(never=True))
    assert (report["requests"], report["late"], report["without_usage"]) == (2, 1, 1)
    assert report["prompt_tokens"] == 100


def test_an_answer_after_the_time_out_plays_no_turn(room, tmp_path):
    numbers, second = count(1), threading.Event()

    def slow(body):
        if next(numbers) == 1:
            second.wait(10)
        second.set()
        return 200, answer("<action>right</action>")

    async def inside():
        client = connect("local:")
        policy = make_policy(agent, timeout_s=1.0, max_pause_s=0.0, **PRICES)
        try:
            config = RolloutConfig(max_turns=2, slots=1, max_tokens=8, deterministic=False)
            return await evaluate(client, policy, room("Corridor"), episodes=1, config=config, out=tmp_path)
        finally:
            await policy.aclose()
            await client.aclose()

    with served(slow) as agent:
        result = asyncio.run(inside())
        again = asyncio.run(inside())
    assert result.per_task[0].turns == 2
    assert (result.policy["requests"], result.policy["late"]) == (3, 1)
    assert result.policy["cost"] == pytest.approx(0.006)
    document = json.loads((tmp_path / "evaluation.json").read_text())
    assert document["policy"]["late"] == 1
    assert again.document() == document


def test_a_message_that_is_cancelled_counts_as_late():
    async def inside():
        policy = policy_of(Slow(never=True))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await policy.generate(ASKED)
        report = await policy.report()
        await policy.aclose()
        return report

    assert asyncio.run(inside())["without_usage"] == 1


def test_tries_that_all_fail_are_billed():
    (said,), policy = ask(lambda request: httpx.Response(200, json=UNREADABLE[1]), retries=2, **PRICES)
    assert isinstance(said, PolicyError)
    assert policy.usage.cost == pytest.approx(0.006)


@pytest.mark.parametrize(
    ("failure", "unknown"),
    [(httpx.ConnectError("x"), 0), (httpx.ReadError("x"), 1), (httpx.RemoteProtocolError("x"), 1)],
)
def test_a_connection_that_breaks_off_may_have_been_paid(failure, unknown):
    replies = [failure, httpx.Response(200, json=answer())]

    def reply(request):
        now = replies.pop(0)
        if isinstance(now, Exception):
            raise now
        return now

    _, policy = ask(reply, **PRICES)
    assert policy.usage.without_usage == unknown


def test_an_answer_that_is_too_large_may_have_been_paid():
    _, policy = ask(lambda request: httpx.Response(200, content=b"x" * 5000), max_reply_bytes=4096)
    assert policy.usage.without_usage == 1
