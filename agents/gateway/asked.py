"""What a call asks and what it is told, in terms that all dialects share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..types import Generation, Message

Finish = Literal["stop", "length", "calls"]


class Refusal(Exception):
    """The reason why a call is not answered, on its way to where its dialect words it.

    Args:
        status: of HTTP; clients ask again after 408, 409, 429 and 5xx, and not after others.
        code: for programs.
        detail: what was given, what was expected, what to do.
    """

    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status, self.code, self.detail = status, code, detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a model.

    Args:
        messages: of the conversation, or those that follow the call `after`.
        tools: functions that may be called, in OpenAI's form.
        max_tokens: of the answer; None is the gateway's own limit.
        stop: texts that end the answer.
        side: whether the call is not one of the agent's turns.
        after: the number of the call that `messages` follow; None: they are the whole conversation.
        seals: what an assistant's message brought back of its tokens, by its place in `messages`.
    """

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    side: bool = False
    after: int | None = None
    seals: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What was said, as it is given out.

    Args:
        generation: the tokens and what they spell.
        message: what is given out beside thoughts: the text, and the calls with their ids.
        reasoning: the thoughts.
        key: by which the message is recognised when it comes back (matching.key_of).
    """

    generation: Generation
    message: Message
    reasoning: str
    key: bytes

    @property
    def finish(self) -> Finish:
        """Return why it ended."""
        if self.message.tool_calls:
            return "calls"
        return "length" if self.generation.finish_reason == "length" else "stop"
