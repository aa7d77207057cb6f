"""Messages of a chat API in the tokens of a policy, whatever its template takes.

A template that knows no functions is told of them in words, and calls and their answers are
written as Hermes and Qwen write them, which calls_of reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import PolicyError, UsageError
from ..policy import TokenPolicy
from ..types import Encoder, FinishReason, Message

_TOOLS = """{system}You may call functions. To call one, answer with
<tool_call>{{"name": NAME, "arguments": {{...}}}}</tool_call>
Functions:
{tools}"""


@dataclass(frozen=True, slots=True)
class Renderer:
    """What makes tokens of the messages of one conversation.

    Args:
        encoder: of the policy.
        told: functions that the encoder does not show, told in words.
    """

    encoder: Encoder
    told: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def of(cls, policy: TokenPolicy, tools: Sequence[Mapping[str, Any]]) -> Renderer:
        """Return what renders conversations with these functions."""
        try:
            return cls(policy.encoder(tools, {}))
        except (UsageError, PolicyError):
            return cls(policy.encoder((), {}), tuple(tools))

    def encode(self, messages: Sequence[Message], said: FinishReason | None) -> tuple[int, ...]:
        """Render messages up to the place where the assistant speaks.

        Args:
            messages: at least one.
            said: why the answer before them ended; None where the conversation begins.

        Raises:
            PolicyError: if the template refuses them.
        """
        shown = tuple(messages if self.encoder.takes_calls else map(_in_words, messages))
        if said is not None:
            return self.encoder.encode_reply(shown, said)
        return self.encoder.encode_prompt(self._with_tools(shown))

    def _with_tools(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        if not self.told:
            return messages
        lines = "\n".join(json.dumps(tool.get("function", tool), sort_keys=True) for tool in self.told)
        first = messages[0]
        if first.role != "system":
            return (Message("system", _TOOLS.format(system="", tools=lines)), *messages)
        text = _TOOLS.format(system=f"{first.content}\n\n", tools=lines)
        return (replace(first, content=text), *messages[1:])


def _in_words(message: Message) -> Message:
    """Write calls and their answers as texts."""
    if message.role == "tool":
        return Message("user", f"<tool_response>\n{message.content}\n</tool_response>")
    if not message.tool_calls:
        return message
    calls = [
        {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
        for call in message.tool_calls
    ]
    lines = (f"<tool_call>{json.dumps(call)}</tool_call>" for call in calls)
    return Message(message.role, "\n".join([message.content, *lines] if message.content else lines))
