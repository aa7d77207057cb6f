"""The declaration of how tokens are drawn.

1. Numbers out of range are refused, naming the number and what was expected.
2. The defaults change nothing.
3. A parameter that is declared is a key of [rollout], a flag of `turnwise eval`, part of what an
   evaluation records, and sent to an endpoint: none can be forgotten.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, fields, replace

import httpx
import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.evaluation import EVALUATION, evaluate
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.policies.random import RandomPolicy
from turnwise.agents.rollout import RolloutConfig
from turnwise.agents.sampling import NEUTRAL, Sampling
from turnwise.agents.types import GenerationRequest, Message
from turnwise.errors import UsageError
from turnwise.servers.client import connect
from turnwise.settings import read

UNLIKE_NEUTRAL = {name: value / 2 if value else 1 for name, value in asdict(NEUTRAL).items()}
CHANGED = Sampling(**UNLIKE_NEUTRAL)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"temperature": -1.0}, "temperature -1.0; expected 0"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"top_p": 0.0}, "top_p 0.0"),
        ({"top_k": -1}, "top_k -1"),
    ],
)
def test_numbers_out_of_range_are_refused(changes: dict[str, float], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Sampling(**changes)  # type: ignore[arg-type]


def test_the_defaults_are_the_policys_own_distribution() -> None:
    assert (NEUTRAL.temperature, NEUTRAL.top_p, NEUTRAL.top_k) == (1.0, 1.0, 0)


def test_every_parameter_is_a_key_and_a_flag() -> None:
    assert read(RolloutConfig, UNLIKE_NEUTRAL, "recipe").sampling == CHANGED
    page = CliRunner().invoke(app, ["eval", "--help"]).output
    for field in fields(Sampling):
        assert "--" + field.name.replace("_", "-") in page


def test_every_parameter_is_recorded_by_an_evaluation(room) -> None:  # type: ignore[no-untyped-def]
    async def inside() -> dict[str, float]:
        client, config = connect("local:"), replace(EVALUATION, sampling=CHANGED)
        found = await evaluate(client, RandomPolicy(), room("Corridor"), episodes=1, config=config)
        await client.aclose()
        played: dict[str, float] = found.settings["rollout"]
        return played

    assert UNLIKE_NEUTRAL.items() <= asyncio.run(inside()).items()


def test_every_parameter_is_sent_to_an_endpoint() -> None:
    sent: list[dict[str, float]] = []

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
    neutral = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
    assert {
        name: sent[1][name] for name in sent[1] if name not in ("model", "messages", "max_tokens")
    } == neutral
