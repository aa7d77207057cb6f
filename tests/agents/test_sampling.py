"""The declaration of how tokens are drawn.

1. Numbers out of range are refused, naming the number and what was expected.
2. The defaults change nothing.
3. A parameter that is declared is a key of [rollout], a flag of `turnwise eval`, part of what an
   evaluation records, and sent to an endpoint: none can be forgotten.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import fields, replace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.evaluation import EVALUATION, evaluate
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.rollout import RolloutConfig
from turnwise.agents.sampling import NEUTRAL, NOT_REPLAYED, Sampling
from turnwise.agents.types import GenerationRequest, Message
from turnwise.errors import UsageError
from turnwise.servers.client import connect
from turnwise.settings import read

UNLIKE_NEUTRAL: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 7,
    "min_p": 0.1,
    "repetition_penalty": 1.1,
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
    "logit_bias": {"5": -3.0},
    "min_tokens": 2,
    "stop_token_ids": [4, 6],
}
CHANGED = Sampling(**{**UNLIKE_NEUTRAL, "stop_token_ids": (4, 6)})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"temperature": -1.0}, "temperature -1.0; expected 0"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"top_p": 0.0}, "top_p 0.0"),
        ({"top_k": -1}, "top_k -1"),
        ({"min_p": 1.5}, "min_p 1.5; expected a number from 0"),
        ({"repetition_penalty": 0.0}, "repetition_penalty 0.0; expected a number from 0.01"),
        ({"presence_penalty": float("nan")}, "presence_penalty nan"),
        ({"frequency_penalty": -2.5}, "frequency_penalty -2.5"),
        ({"logit_bias": {"5": 101.0}}, "logit_bias .*from -100 to 100"),
        ({"logit_bias": {"hello": 1.0}}, "logit_bias .*tokens by number"),
        ({"logit_bias": {str(token): 1.0 for token in range(1025)}}, "logit_bias .*at most 1024"),
        ({"min_tokens": -1}, "min_tokens -1"),
        ({"stop_token_ids": (3, -1)}, "stop_token_ids"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Sampling(**changes)


def test_the_defaults_are_the_policys_own_distribution() -> None:
    assert NEUTRAL.document() == {
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "logit_bias": {},
        "min_tokens": 0,
        "stop_token_ids": [],
    }
    assert NEUTRAL.changed == []
    assert not NEUTRAL.shapes_logits


def test_what_is_set_is_told_and_what_a_learner_cannot_replay() -> None:
    assert CHANGED.changed == list(UNLIKE_NEUTRAL)
    assert CHANGED.document() == UNLIKE_NEUTRAL == json.loads(json.dumps(CHANGED.document()))
    kept = Sampling(0.5, 0.9, 7, 0.1, stop_token_ids=(4,))
    assert not kept.shapes_logits
    assert all(replace(kept, **{name: UNLIKE_NEUTRAL[name]}).shapes_logits for name in NOT_REPLAYED)


def test_biases_are_typed_token_by_token() -> None:
    command = ["eval", "--env", "household/demo-v0", "--agent", "random", "--episodes", "1", "--json"]
    flags = ["--logit-bias", "5=-3", "--logit-bias", "6=1.5", "--stop-token-ids", "4"]
    played = json.loads(CliRunner().invoke(app, command + flags).stdout)["settings"]["rollout"]
    assert (played["logit_bias"], played["stop_token_ids"]) == ({"5": -3.0, "6": 1.5}, [4])
    refused = CliRunner().invoke(app, [*command, "--logit-bias", "5:3"])
    assert "expected TOKEN=BIAS" in str(refused.exception) + refused.output


def test_every_parameter_is_a_key_and_a_flag() -> None:
    assert read(RolloutConfig, UNLIKE_NEUTRAL, "recipe").sampling == CHANGED
    page = CliRunner().invoke(app, ["eval", "--help"]).output
    for field in fields(Sampling):
        assert "--" + field.name.replace("_", "-") in page


def test_every_parameter_is_recorded_by_an_evaluation(room) -> None:  # type: ignore[no-untyped-def]
    async def inside() -> dict[str, Any]:
        client, config = connect("local:"), replace(EVALUATION, sampling=CHANGED)
        found = await evaluate(client, RandomPolicy(), room("Corridor"), episodes=1, config=config)
        await client.aclose()
        played: dict[str, Any] = found.settings["rollout"]
        return played

    assert UNLIKE_NEUTRAL.items() <= asyncio.run(inside()).items()


def test_every_parameter_is_sent_to_an_endpoint() -> None:
    sent: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json={"choices": [{"message": {"content": "go"}}]})

    async def ask(*samplings: Sampling) -> None:
        policy = OpenAIPolicy("http://model/v1", "m", transport=httpx.MockTransport(answer))
        for sampling in samplings:
            await policy.generate(GenerationRequest((Message("user", "U"),), sampling=sampling))
        await policy.aclose()

    asyncio.run(ask(CHANGED, NEUTRAL))
    assert UNLIKE_NEUTRAL.items() <= sent[0].items()
    always = {
        name: value
        for name, value in NEUTRAL.document().items()
        if name not in ("logit_bias", "min_tokens", "stop_token_ids")
    }
    assert {
        name: sent[1][name] for name in sent[1] if name not in ("model", "messages", "max_tokens")
    } == always | {"top_k": -1}
