"""What a policy of one's own raises ends a rollout in one line; a PolicyError costs one episode."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from turnwise.agents.policy import ActionPolicy, PolicyStopped
from turnwise.agents.types import GenerationRequest
from turnwise.errors import PolicyError


class Own(ActionPolicy):
    """A policy that does what it is told to."""

    name = "own"

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def act(self, request: GenerationRequest) -> str:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome  # type: ignore[no-any-return]


def answer(outcome: Any) -> str:
    return asyncio.run(Own(outcome).generate(GenerationRequest(turn=4))).text


def test_what_a_policy_raises_names_it_and_its_turn() -> None:
    assert answer("go") == "go"
    with pytest.raises(PolicyStopped, match=r"^Own.act raised ValueError: high <= 0, in turn 4; "):
        answer(ValueError("high <= 0"))
    with pytest.raises(PolicyStopped, match=r"^Own.act returned None in turn 4; expected text$"):
        answer(None)
    with pytest.raises(PolicyError, match=r"^not now$") as caught:
        answer(PolicyError("not now"))
    assert not isinstance(caught.value, PolicyStopped)
