"""The endpoint policy against answers of every kind, without a socket.

1. The request says what was asked; the answer's text, tokens and cost come back.
2. What may pass is tried again, as late as Retry-After asks; the rest is not.
3. Cost, rate, number at once and size are bounded.
4. The key goes into the header and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from itertools import pairwise

import httpx
import pytest
from fake_endpoint import ASKED, answer, ask

from turnwise.agents.policies import PolicyStopped, PromptTooLong
from turnwise.agents.policies.endpoint import EndpointConfig
from turnwise.agents.policies.exchange import retry_after
from turnwise.agents.policies.throttle import Throttle
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import GenerationRequest
from turnwise.errors import PolicyError, UsageError


def test_the_request_and_the_answer():
    seen = []

    def reply(request):
        seen.append(request)
        return httpx.Response(200, json=answer("<action>go</action>"))

    asked = GenerationRequest(
        messages=ASKED.messages, key=(1, 2), max_tokens=9, sampling=Sampling(0.4, 0.9, 5), stop=("X",)
    )
    (said,), policy = ask(reply, request=asked, input_price=1.0, output_price=10.0)
    assert str(seen[0].url) == "http://host/v1/chat/completions"
    body = json.loads(seen[0].content)
    assert isinstance(body.pop("seed"), int)
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}],
        "max_tokens": 9,
        "temperature": 0.4,
        "top_p": 0.9,
        "top_k": 5,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stop": ["X"],
    }
    assert (said.text, said.finish_reason, said.num_tokens) == ("<action>go</action>", "stop", 10)
    assert said.usage == {"prompt_tokens": 100, "completion_tokens": 10, "cost": pytest.approx(2e-4)}
    assert (policy.usage.requests, policy.usage.prompt_tokens) == (1, 100)
    assert policy.usage.cost == pytest.approx(2e-4)


def test_seeds_follow_the_key():
    def seed_of(key, **config):
        seen = []

        def reply(request):
            seen.append(json.loads(request.content).get("seed"))
            return httpx.Response(200, json=answer())

        ask(reply, request=GenerationRequest(messages=ASKED.messages, key=key), **config)
        return seen[0]

    assert seed_of((1, 2)) == seed_of((1, 2)) != seed_of((1, 3))
    assert seed_of((1, 2), seeded=False) is None


def test_a_message_cut_short_and_an_empty_one():
    cut = answer("go")
    cut["choices"][0]["finish_reason"] = "length"
    (said,), _ = ask(lambda request: httpx.Response(200, json=cut))
    assert said.finish_reason == "length"
    (empty,), _ = ask(lambda request: httpx.Response(200, json=answer(None, usage=None)))
    assert (empty.text, empty.num_tokens) == ("", 0)


def test_lone_surrogates_are_replaced():
    content = json.dumps(answer("a\ud800b")).encode()
    (said,), _ = ask(lambda request: httpx.Response(200, content=content))
    assert said.text == "a?b"


@pytest.mark.parametrize(
    "failure", [408, 429, 500, 502, 503, 529, httpx.ConnectError("x"), httpx.ReadTimeout("y")]
)
def test_what_may_pass_is_tried_again(failure):
    answers = [failure, failure, None]

    def reply(request):
        now = answers.pop(0)
        if isinstance(now, Exception):
            raise now
        return httpx.Response(now or 200, json=answer() if now is None else {"error": "busy"})

    (said,), policy = ask(reply)
    assert said.text == "go"
    assert (policy.usage.requests, policy.usage.retries) == (3, 2)


def test_tries_are_bounded():
    (error,), policy = ask(lambda request: httpx.Response(503, text="busy"), retries=3)
    assert isinstance(error, PolicyError)
    assert str(error) == "openai:m: no answer after 4 tries; the last: HTTP 503: busy"
    assert policy.usage.requests == 4


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, "bad request", PolicyError),
        (401, "no key", PolicyStopped),
        (403, "not yours", PolicyStopped),
        (404, "no model", PolicyStopped),
        (308, "to https", PolicyStopped),
        (400, '{"error": {"code": "context_length_exceeded"}}', PromptTooLong),
        (400, "This model's maximum context length is 10 tokens", PromptTooLong),
    ],
)
def test_what_cannot_pass_is_not_tried_again(status, text, kind):
    (error,), policy = ask(lambda request: httpx.Response(status, text=text))
    assert type(error) is kind
    assert f"HTTP {status}: " in str(error)
    assert policy.usage.requests == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"[" * 100_000, b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": null}]}',
     b'{"choices": [{"message": {"content": 3}}]}', b'{"choices": [{"message": {"content": [3]}}]}',
     b'{"choices": [{"message": {"content": [{"text": 3}]}}]}', b"null", b'{"error": {"code": 502}}',
     b'{"choices": [{"message": {"content": "half"}, "finish_reason": "error"}]}',
     b'{"choices": [{"message": {"content": "half"}, "finish_reason": "network_error"}]}',
     b'{"choices": [{"message": {"content": ""}, "finish_reason": null, "error": {"code": 502}}]}'],
)  # fmt: skip
def test_answers_that_are_no_completion_are_asked_for_again(content):
    answers = [content, content, json.dumps(answer("go")).encode()]
    (said,), policy = ask(lambda request: httpx.Response(200, content=answers.pop(0)))
    assert said.text == "go"
    assert (policy.usage.requests, policy.usage.retries) == (3, 2)
    (said,), policy = ask(lambda request: httpx.Response(200, content=content), retries=1)
    assert type(said) is PolicyError
    assert "no answer after 2 tries" in str(said)


@pytest.mark.parametrize("usage", [3, {}, {"prompt_tokens": "x"}, {"prompt_tokens": -5}, [], "a"])
def test_an_answer_with_an_odd_bill_is_read(usage):
    (said,), policy = ask(lambda request: httpx.Response(200, json=answer("go", usage=usage)))
    assert (said.text, said.num_tokens) == ("go", 0)
    assert (policy.usage.without_usage, policy.usage.cost) == (1, 0.0)


def test_a_huge_answer_is_refused():
    (error,), _ = ask(lambda request: httpx.Response(200, content=b"x" * 5000), max_reply_bytes=4096)
    assert "more than 4096 bytes" in str(error)


def test_the_cost_cap_stops():
    results, policy = ask(
        lambda request: httpx.Response(200, json=answer()),
        num=10, concurrent=1, input_price=10.0, cost_cap=0.0025,
    )  # fmt: skip
    assert [type(result).__name__ for result in results].count("Generation") == 3  # a tenth of a cent each
    stopped = [result for result in results if isinstance(result, PolicyStopped)]
    assert len(stopped) == 7
    assert "0.0030 dollars are spent, the cap is 0.0025" in str(stopped[0])
    assert policy.usage.requests == 3


def test_a_number_at_once():
    running, most = 0, 0

    async def reply(request):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return httpx.Response(200, json=answer())

    results, _ = ask(reply, num=9, concurrent=3)
    assert [result.text for result in results] == ["go"] * 9
    assert most == 3


def test_the_key_is_sent_and_never_told(monkeypatch, caplog):
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    seen = []

    def reply(request):
        seen.append(request.headers["Authorization"])
        return httpx.Response(401, text="no")

    with caplog.at_level(logging.DEBUG):
        (error,), policy = ask(reply, key_env="SOME_KEY")
    assert seen == ["Bearer sk-very-secret"]
    told = f"{error!r} {policy!r} {vars(policy)!r} {policy.config!r} {caplog.text}"
    assert "very-secret" not in told
    assert "SOME_KEY" in str(error)


def test_without_a_key_none_is_sent(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    def reply(request):
        assert "Authorization" not in request.headers
        return httpx.Response(200, json=answer())

    assert ask(reply)[0][0].text == "go"


def test_what_an_endpoint_cannot_do_is_said():
    def reply(request):
        return httpx.Response(200, json=answer())

    constrained = GenerationRequest(messages=ASKED.messages, constraint="admissible")
    (error,), _ = ask(reply, request=constrained)
    assert isinstance(error, PolicyStopped)
    assert "use constraint none" in str(error)
    (error,), _ = ask(reply, request=GenerationRequest(prompt_ids=(1, 2)))
    assert "takes messages; it was given 2 tokens" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.3"}, 0.3),
        ({"Retry-After": " 2 "}, 2.0),
        ({"Retry-After-Ms": "250", "Retry-After": "1"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(httpx.Headers(headers)) == seconds


def test_retry_after_holds_back_every_call():
    async def inside():
        throttle = Throttle(4)
        loop = asyncio.get_running_loop()
        throttle.pause(0.05)
        before = loop.time()
        async with throttle.place():
            return loop.time() - before

    assert asyncio.run(inside()) >= 0.049


def test_starts_are_spaced():
    async def inside():
        throttle = Throttle(8, per_minute=6000)  # one in 10 ms
        starts = []

        async def call():
            async with throttle.place():
                starts.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(call() for _ in range(4)))
        return [later - earlier for earlier, later in pairwise(starts)]

    assert all(gap >= 0.0099 for gap in asyncio.run(inside()))


@pytest.mark.parametrize(
    "config",
    [{"timeout_s": 0}, {"retries": -1}, {"max_reply_bytes": 0}, {"cost_cap": 1.0}, {"input_price": -1.0},
     {"output_price": float("nan"), "input_price": 1.0, "cost_cap": 1.0}],
)  # fmt: skip
def test_wrong_limits_are_refused(config):
    with pytest.raises(UsageError):
        EndpointConfig(**config)
    with pytest.raises(UsageError):
        Throttle(0)
