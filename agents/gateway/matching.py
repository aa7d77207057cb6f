"""How messages are recognised when a client gives them back, and chains of them.

A message of the assistant is the same one if its text beside thoughts is, blanks apart, and
its calls have the same names and arguments, in whatever order of keys: clients drop thoughts,
strip lines and write JSON anew. Any other message is the same one if its text is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ...envs.thoughts import find_thoughts
from ..types import Message

_BYTES = 16
_KEYS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def key_of(message: Message) -> bytes:
    """Return what a message is recognised by."""
    text = message.content
    calls: list[Any] = []
    if message.role == "assistant":
        if "think>" in text:
            text = find_thoughts(text).rest(text)
        text = " ".join(text.split())
        calls = [_call(each) for each in message.tool_calls]
    return _digest(_encoded([message.role, text, calls]))


def start_of(tools: Iterable[Mapping[str, Any]]) -> bytes:
    """Return the chain before the first message, which tools are a part of: a prompt shows them first."""
    return _digest(_encoded(list(tools)))


def follow(chain: bytes, key: bytes) -> bytes:
    """Return the chain with one more message."""
    return _digest(chain + key)


def _call(call: Mapping[str, Any]) -> list[Any]:
    function = call["function"]
    return [function["name"], function["arguments"]]


def _encoded(value: Any) -> bytes:
    return orjson.dumps(value, option=_KEYS)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_BYTES).digest()
