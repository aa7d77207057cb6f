"""Where an agent's message thinks: what stands there is no action, whatever it looks like.

A thought is what stands between `<think>` and `</think>`. Chat templates of models that
reason often write the opening tag themselves, at the end of the prompt, so that the
message holds the closing one alone: then the message begins inside the thought. A thought
that is never closed was cut off, and nothing after its beginning counts.

Inside a complete acting tag (`<tool_call>...</tool_call>`) the two are text: a file that
is written may speak of `<think>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Chars = tuple[int, int]  # [start, end) in the message

_ACTING = ("action", "search", "answer", "tool_call")
_TAG = re.compile(rf"<(/?)(think|{'|'.join(_ACTING)})\b[^<>]*>")


@dataclass(frozen=True, slots=True)
class Thoughts:
    """The thoughts of one message.

    Args:
        inner: each complete thought, without its tags.
        outside: what stands around the thoughts, in order; pieces may be empty.
        is_open: whether the last thought is never closed; it is in neither.
    """

    inner: tuple[Chars, ...]
    outside: tuple[Chars, ...]
    is_open: bool

    def rest(self, text: str) -> str:
        """Return the message without its thoughts."""
        return "".join(text[start:end] for start, end in self.outside)


def find_thoughts(text: str, opened: bool | None = None) -> Thoughts:
    """Find the thoughts of a message, in linear time.

    Args:
        text: the message, of any length and content.
        opened: whether the prompt ended inside a thought; None if that is not known: then
            a closing tag without an opening one says that it did.
    """
    inner: list[Chars] = []
    outside: list[Chars] = []
    thinking, begin = opened is True, 0
    tags, place = list(_TAG.finditer(text)), 0
    while place < len(tags):
        tag, closes = tags[place], tags[place][1] == "/"
        if tag[2] != "think":
            place = place + 1 if thinking else _behind(tags, place)
            continue
        place += 1
        if closes and thinking:
            inner.append((begin, tag.start()))
        elif closes and opened is None:
            inner, outside = [(0, tag.start())], []
        elif not closes and not thinking:
            outside.append((begin, tag.start()))
        else:
            continue
        thinking, begin = not closes, tag.end()
    if not thinking:
        outside.append((begin, len(text)))
    return Thoughts(tuple(inner), tuple(outside), thinking)


def without_thoughts(message: str) -> str:
    """Return what a message says outside its thoughts: what an environment may act on."""
    return find_thoughts(message).rest(message)


def _behind(tags: list[re.Match[str]], place: int) -> int:
    """Return the place behind an acting tag: behind what it holds, if it is complete."""
    if tags[place][1] == "/":
        return place + 1
    end = place + 1
    while end < len(tags) and tags[end][2] == "think":
        end += 1
    complete = end < len(tags) and tags[end][1] == "/" and tags[end][2] == tags[place][2]
    return end + 1 if complete else place + 1
