"""What an endpoint answers: a message read out of a chat completion, its bill, or a problem.

Servers put the same things in different places. A message's content is a text, null or a
list of parts; thoughts stand in `reasoning_content`, `reasoning` or parts of their own; an
error comes with a status of its own or inside a 200. What is neither raises `Unreadable`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..prompts.call_values import MAX_DEPTH, is_flat
from ..types import FinishReason

Document = Any
"""What JSON holds; None also for bytes that are not JSON."""
_FINISHES: dict[str, FinishReason] = {
    **dict.fromkeys(("length", "max_tokens", "model_length", "max_output_tokens"), "length"),
    **dict.fromkeys(
        ("content_filter", "safety", "sensitive", "prohibited_content", "blocklist", "recitation"), "filtered"
    ),
}
"""Why a message ended, in the words of OpenAI, Mistral, GLM, Gemini; others are the model's own end."""
_BROKEN_OFF = frozenset(
    {"error", "abort", "network_error", "insufficient_system_resource", "timeout", "cancelled", "canceled"}
)
"""The server gave up in the middle."""
_THOUGHTS = ("reasoning_content", "reasoning", "reasoning_details")
_THOUGHT_PARTS = frozenset({"thinking", "reasoning"})
_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_TOO_LONG = ("context_length_exceeded", "maximum context length", "context length")
_FILTERED = frozenset({"content_filter", "content_policy_violation"})
_MAX_TOKENS = 1 << 40
_MAX_SHOWN_CHARS = 300
_MAX_SEARCHED_CHARS = 20_000


class Unreadable(Exception):
    """Why an answer is not a message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One message as the model said it.

    Args:
        text: what it said; empty if it said nothing.
        reasoning: what it thought, where the endpoint tells that apart.
        tool_calls: the calls it made instead of speaking, as the endpoint gave them.
        finish_reason: why it ended.
    """

    text: str
    reasoning: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    finish_reason: FinishReason = "stop"


@dataclass(frozen=True, slots=True)
class Problem:
    """What an endpoint says instead of a message.

    Args:
        status: of HTTP; 200 where the error stands inside the answer.
        shown: the start of the answer, for people.
        searched: all that it says, for finding the names of fields.
        codes: what the error calls itself.
        fields: names that the error itself points at.
    """

    status: int
    shown: str
    searched: str = ""
    codes: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()

    @property
    def reason(self) -> str:
        """Return it in one line."""
        return f"HTTP {self.status}: {self.shown}"

    @property
    def is_filter(self) -> bool:
        """Tell whether the prompt was not let through to the model."""
        return bool(self.codes & _FILTERED)

    @property
    def no_money(self) -> bool:
        """Tell whether no further request will be answered until somebody pays."""
        return self.status == 402 or bool(self.codes & _NO_MONEY)

    @property
    def too_long(self) -> bool:
        """Tell whether the conversation exceeds the model's context."""
        return self.status in (200, 400, 413, 422) and any(mark in self.searched for mark in _TOO_LONG)

    def names(self, field: str) -> bool:
        """Tell whether the error is about a field: it points at it, or mentions it and points nowhere."""
        name = re.escape(field).replace("_", "_?")  # presencePenalty is presence_penalty
        if self.fields:
            return any(re.fullmatch(name, each, re.IGNORECASE) for each in self.fields)
        word = rf"['\"`]{name}['\"`]" if field == "stop" else rf"(?<!\w){name}(?!\w)"  # stop is a word, too
        return re.search(word, self.searched, re.IGNORECASE) is not None


def parsed(content: bytes) -> Document:
    """Decode an answer; None if it is not JSON."""
    try:
        return json.loads(content)  # reads lone surrogates, which orjson refuses
    except (ValueError, RecursionError):
        return None


def read_answer(document: Document) -> Answer:
    """Read the message of a chat completion.

    Raises:
        Unreadable: if there is none, or the server broke off.
    """
    try:
        choice = document["choices"][0]
        message = choice["message"]
        finish = str(choice.get("finish_reason") or "stop").lower().partition(":")[0].strip()
        if finish in _BROKEN_OFF or choice.get("error"):
            raise Unreadable(f"the answer breaks off with finish_reason {finish!r}")
        text, thought = _spoken(message.get("content"))
        named = next((message[name] for name in _THOUGHTS if message.get(name)), "")
        reasoning = thought or (_inner_text(named) if isinstance(named, str | list) else "")
        refusal = message.get("refusal")
        calls = _calls(message)
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"the answer is not a chat completion ({error!r})") from error
    return Answer(
        text=_plain(text or (refusal if isinstance(refusal, str) else "")),
        reasoning=_plain(reasoning),
        tool_calls=calls,
        finish_reason=_FINISHES.get(finish, "stop"),
    )


def read_usage(document: Document) -> tuple[int, int] | None:
    """Return the prompt and completion tokens that an answer says were used; None if it does not say."""
    usage = document.get("usage") if isinstance(document, Mapping) else None
    if not isinstance(usage, Mapping):
        return None
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    if all(count is None for count in counts):
        return None
    try:
        prompt, completion = (int(count or 0) for count in counts)
    except (TypeError, ValueError, OverflowError):
        return None
    return (prompt, completion) if all(0 <= count <= _MAX_TOKENS for count in (prompt, completion)) else None


def read_problem(status: int, content: bytes, document: Document, secret: str | None) -> Problem:
    """Read what an endpoint says instead of a message.

    Args:
        status: of HTTP.
        content: the answer.
        document: the same, decoded.
        secret: the key, which some endpoints repeat; it is never shown.
    """
    said = content[:_MAX_SEARCHED_CHARS].decode("utf-8", "replace")
    if secret:
        said = said.replace(secret, "(the key)")
    shown = "".join(char if char.isprintable() else " " for char in said[:_MAX_SHOWN_CHARS])
    if status == 200:  # beside an error there may be a message, whose words mean nothing here
        document = document.get("error") if isinstance(document, Mapping) else None
        said = json.dumps(document)[:_MAX_SEARCHED_CHARS]
    errors = list(_mappings(document))
    named = [part.get(key) for part in errors for key in ("code", "type")]
    codes = frozenset(code for code in named if isinstance(code, str))
    fields = frozenset(name for part in errors for name in _pointed_at(part) if name)
    return Problem(status, shown, said, codes, fields)


def _pointed_at(error: Mapping[str, Any]) -> Iterator[str]:
    """Yield the fields that an error of OpenAI's form or of FastAPI's points at."""
    if isinstance(error.get("param"), str):
        yield error["param"].rpartition(".")[2]
    place = error.get("loc")
    if isinstance(place, list) and place and isinstance(place[-1], str):
        yield place[-1]


def _mappings(value: Document, depth: int = 6) -> Iterator[Mapping[str, Any]]:
    """Yield the tables of a document, outermost first."""
    if isinstance(value, Mapping):
        yield value
        inner = list(value.values())
    else:
        inner = value[:20] if isinstance(value, list) else []
    if depth:
        for each in inner:
            yield from _mappings(each, depth - 1)


def _spoken(content: Document) -> tuple[str, str]:
    """Return the text and the thought of a message's content."""
    if content is None or isinstance(content, str):
        return content or "", ""
    if not isinstance(content, list):
        raise Unreadable(f"the answer's content is {type(content).__name__}; expected text")
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        kind = "text" if isinstance(part, str) else part.get("type", "text")
        (thoughts if kind in _THOUGHT_PARTS else texts).append(_inner_text(part))
    return "".join(texts), "".join(thoughts)


def _inner_text(part: Document) -> str:
    """Return the text of a part, whichever key or list it stands in."""
    if isinstance(part, str):
        return part
    if isinstance(part, list):
        return "".join(_inner_text(each) for each in part)
    names = ("text", "refusal", "thinking", "reasoning", "summary", "content")
    found = next((part[name] for name in names if part.get(name)), "")
    if not isinstance(found, str | list):
        raise Unreadable(f"a part of the answer's content holds {type(found).__name__}; expected text")
    return _inner_text(found)


def _calls(message: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    calls = message.get("tool_calls") or [message.get("function_call")]
    if not is_flat(calls):
        raise Unreadable(f"the answer's calls of tools are nested more than {MAX_DEPTH} deep")
    return tuple(call for call in calls if isinstance(call, dict))


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
