"""Calls and their answers as messages of a conversation, as chat APIs and chat templates take them.

Every call is answered under an id of its own, also one that was not made. Ids that a model or an endpoint
gave are kept where they tell the calls of a message apart; others are made here. Mistral's templates
refuse ids that are not nine letters and digits: those that are made have this form, and of those that a
model writes no other is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ...envs.tools import bare
from ..types import Message
from .call_values import ToolCall

TOO_MANY = "Not made: at most {most} calls of one message are."
ENDED = "Not made: the episode had ended."
_SHOWN = "This is what it looks like now."
_UNREAD = "unreadable"
_ID = re.compile(r"[A-Za-z0-9]{9}")


def with_ids(calls: Sequence[ToolCall], made: int) -> tuple[tuple[ToolCall, ...], int]:
    """Return calls that have ids, each another one, and how many ids of the conversation are made now.

    Args:
        calls: of one message.
        made: how many ids were made before it.
    """
    given = [call.id if call.chars is None or _ID.fullmatch(call.id) else "" for call in calls]
    if all(given) and len(set(given)) == len(given):
        return tuple(calls), made
    numbers = range(made, made + len(calls))
    told = (replace(call, id=f"call{number:05d}") for call, number in zip(calls, numbers, strict=True))
    return tuple(told), made + len(calls)


def chat_calls(calls: Iterable[ToolCall]) -> tuple[dict[str, Any], ...]:
    """Return calls in the form that chat APIs and templates take; an unreadable one is shown as such."""
    return tuple(
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": call.name or _UNREAD,
                "arguments": {_UNREAD: call.text} if call.problem else dict(call.arguments),
            },
        }
        for call in calls
    )


def without_calls(text: str, calls: Iterable[ToolCall]) -> str:
    """Return what a message says beside its calls."""
    kept, place = [], 0
    for call in calls:
        if call.chars:
            kept.append(text[place : call.chars[0]])
            place = call.chars[1]
    return "".join([*kept, text[place:]]).strip()


def answers(calls: Sequence[ToolCall], replies: Sequence[Message], most: int) -> tuple[Message, ...]:
    """Return replies as answers of tools: those of the calls that were made, and that the others were not.

    A tool answers in words; pictures come after all answers, from the user.

    Args:
        calls: of one message, with ids.
        replies: to the first of them.
        most: how many are made of one message.
    """
    not_made = TOO_MANY.format(most=most) if len(replies) >= most else ENDED
    texts = [bare(reply.content) for reply in replies] + [not_made] * (len(calls) - len(replies))
    images = tuple(image for reply in replies for image in reply.images)
    told = (Message("tool", text, tool_call_id=call.id) for call, text in zip(calls, texts, strict=True))
    return (*told, *((Message("user", _SHOWN, images=images),) if images else ()))


def answered_in_words(answers: Sequence[Message]) -> tuple[Message, ...]:
    """Return answers as one message of the user, numbered, for a template that has no others."""
    tools = [answer.content for answer in answers if answer.role == "tool"]
    text = "\n".join(f"[answer {number} of {len(tools)}]\n{text}" for number, text in enumerate(tools, 1))
    return (Message("user", text, images=answers[-1].images),)


def joined(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation in which what the user says behind an answer of a tool is part of that answer."""
    told: list[Message] = []
    for message in messages:
        if told and message.role == "user" and told[-1].role == "tool":
            text = f"{told[-1].content}\n\n{message.content}"
            told[-1] = replace(told[-1], content=text, images=told[-1].images + message.images)
        else:
            told.append(message)
    return told


def one_by_one(messages: Sequence[Message]) -> list[Message]:
    """Return a conversation whose messages make one call each, every one before its answer."""
    parted: list[Message] = []
    left: dict[str, Message] = {}  # calls that were parted and are not written yet, by their ids
    for message in messages:
        if len(message.tool_calls) > 1:
            parted += left.values()
            first, *others = message.tool_calls
            parted.append(replace(message, tool_calls=(first,)))
            left = {str(call["id"]): replace(message, content="", tool_calls=(call,)) for call in others}
        else:
            asked = left.pop(message.tool_call_id, None) if message.role == "tool" else None
            parted += [message] if asked is None else [asked, message]
    return [*parted, *left.values()]
