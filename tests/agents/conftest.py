"""What the tests of agents share: small rooms, a policy over letters, a client that counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from turnwise.agents.policies import Policy, TokenPolicy
from turnwise.agents.rollout import RolloutConfig, RolloutResult, TaskItem, rollout
from turnwise.agents.types import (
    FinishReason,
    Generation,
    GenerationRequest,
    Message,
    VersionSpan,
)
from turnwise.servers.client import SessionClient, connect
from turnwise.servers.protocol.types import CreateItem, Problem, Reply, ResetItem, StepItem

ROOMS = Path(__file__).with_name("rooms.py")


class LetterPolicy(TokenPolicy):
    """A policy with one token a letter, which says a random word of those given.

    The text is `<action>word</action>` in style tags, else the word; the end of a
    message is the token 0.
    """

    name = "letters"
    version = 7

    def __init__(self, words: Sequence[str] = ("left", "right"), tags: bool = False) -> None:
        self.words, self.tags = words, tags
        self.requests: list[GenerationRequest] = []
        self.forgotten: list[str] = []
        self.under_way = self.most_under_way = 0

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        text = "".join(f"[{message.role}]{message.content}" for message in messages)
        return (*map(ord, text), 1)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        return (() if finish_reason == "stop" else (0,)) + self.encode_prompt(messages)

    def encode(self, text: str) -> tuple[int, ...]:
        return tuple(map(ord, text))

    def forget(self, conversation: str) -> None:
        self.forgotten.append(conversation)

    async def generate(self, request: GenerationRequest) -> Generation:
        self.requests.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        word = self.words[int(np.random.default_rng(request.key).integers(len(self.words)))]
        text = f"<action>{word}</action>" if self.tags else word
        ids = (*map(ord, text), 0)
        return Generation(
            text=text,
            prompt_ids=request.prompt_ids or (),
            token_ids=ids,
            logprobs=tuple(-i / 7 for i in range(len(ids))),
            versions=(VersionSpan(7, 0, len(ids)),),
            char_ends=(*range(1, len(text) + 1), len(text)),
        )


class Counting:
    """A client that passes every call on to another and notes it."""

    def __init__(self, client: SessionClient) -> None:
        self.client = client
        self.created: list[list[CreateItem]] = []
        self.steps: list[list[StepItem]] = []
        self.resets: list[list[ResetItem]] = []
        self.open: set[str] = set()

    async def create(self, items: Sequence[CreateItem], *, request_id: str) -> list[Reply | Problem]:
        self.created.append(list(items))
        rows = await self.client.create(items, request_id=request_id)
        self.open.update(row.id for row in rows if isinstance(row, Reply))
        return rows

    async def step(self, items: Sequence[StepItem]) -> list[Reply | Problem]:
        self.steps.append(list(items))
        return await self.client.step(items)

    def step_each(self, items: Sequence[StepItem]) -> AsyncGenerator[tuple[int, Reply | Problem], None]:
        self.steps.append(list(items))
        return self.client.step_each(items)

    async def reset(self, items: Sequence[ResetItem]) -> list[Reply | Problem]:
        self.resets.append(list(items))
        return await self.client.reset(items)

    async def close(self, ids: Sequence[str]) -> None:
        self.open.difference_update(ids)
        await self.client.close(ids)

    async def aclose(self) -> None:
        await self.client.aclose()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


@pytest.fixture
def room() -> Callable[[str], str]:
    """Return a function from the name of a room to its environment id."""
    return lambda name: f"{ROOMS}:{name}"


@pytest.fixture
def letters() -> type[LetterPolicy]:
    return LetterPolicy


@pytest.fixture
def counting() -> type[Counting]:
    return Counting


Play = Callable[..., tuple[RolloutResult, Counting]]


@pytest.fixture
def play() -> Play:
    """Return a function that plays tasks in this process and checks that no session is left."""

    def run(
        policy: Policy, tasks: Sequence[TaskItem], config: RolloutConfig | None = None, **more: Any
    ) -> tuple[RolloutResult, Counting]:
        async def inside() -> tuple[RolloutResult, Counting]:
            client = Counting(connect("local:"))
            try:
                result = await rollout(client, policy, tasks, config, **more)
            finally:
                assert client.open == set()
                assert not client.client.transport.service.sessions
                await client.aclose()
            return result, client

        return asyncio.run(inside())

    return run
