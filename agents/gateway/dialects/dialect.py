"""What a dialect is: how a call is read, its answer written, whole or in events, and a refusal worded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ..asked import Answer, Asked, Refusal

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer on its way out.

    Args:
        body: what was asked, as it came.
        answer: what was said.
        number: of the call in its episode.
        model: what the policy is called.
        created: when it was asked, in seconds of the clock.
        seal: returns its tokens, for a client that gives them back.
    """

    body: Body
    answer: Answer
    number: int
    model: str
    created: int
    seal: Callable[[], str]

    @property
    def num_tokens(self) -> tuple[int, int]:
        """Return how many tokens prompt and answer have."""
        generation = self.answer.generation
        return len(generation.prompt_ids), len(generation.token_ids)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One form of model calls.

    Args:
        listed: the member of a body that is the conversation.
        read: returns what a body asks, or raises Refusal.
        write: returns the document of an answer.
        events: yields the events of one, as they stand in a stream.
        refuse: returns the document of a refusal.
    """

    listed: str
    read: Callable[[Body], Asked]
    write: Callable[[Told], dict[str, Any]]
    events: Callable[[Told], Iterator[bytes]]
    refuse: Callable[[Refusal], dict[str, Any]]


def event(data: Any, name: str = "") -> bytes:
    """Return one server-sent event."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


def openai_refusal(refusal: Refusal) -> dict[str, Any]:
    """Word a refusal as OpenAI's APIs do."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    return {"error": {"message": refusal.detail, "type": kind, "param": None, "code": refusal.code}}
