"""The words between agent and search engine: tags, documents, the text for what is invalid.

Jin et al., "Search-R1" (arXiv 2503.09516). A message holds one
`<search>query</search>` or one `<answer>text</answer>`, among whatever else the
agent writes. A message with both, with two of one, or with a tag that is not
closed or stands inside another is invalid; tags inside a thought mean nothing. The attribute `kb` chooses a
knowledge base: `<search kb="people">query</search>`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..retrieval.documents import Passage
from ..thoughts import without_thoughts

INVALID = (
    "My previous action is invalid. "
    "If I want to search, I should put the query between <search> and </search>."
    " If I want to give the final answer, I should put the answer between <answer> and </answer>."
    " Let me try again."
)
_TAG = re.compile(r"<(/?)(search|answer)\b([^<>]*)>")
_KB = re.compile(r"\s+kb\s*=\s*(?:\"([^\"]*)\"|'([^']*)')\s*")
_WORD = re.compile(r"\w+|[^\w\s]")
_OURS = re.compile(r"<(?=/?(?:information|search|answer|think|tool_call|tool_response)\b)")


@dataclass(frozen=True, slots=True)
class Search:
    """A query; `kb` is None where the agent names no knowledge base."""

    query: str
    kb: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The final answer."""

    text: str


def read(message: str) -> Search | Answer | None:
    """Read what a message asks for; None if it is invalid."""
    message = without_thoughts(message)
    tags = list(_TAG.finditer(message))
    if len(tags) != 2:
        return None
    opening, closing = tags
    if opening[1] or not closing[1] or opening[2] != closing[2] or closing[3].strip():
        return None
    content = message[opening.end() : closing.start()].strip()
    if opening[2] == "answer":
        return None if opening[3].strip() else Answer(content)
    if not opening[3].strip():
        return Search(content)
    named = _KB.fullmatch(opening[3])
    return Search(content, named[1] if named[1] is not None else named[2]) if named else None


def information(passages: Sequence[Passage], budget: int) -> str:
    """Write retrieved passages as the reply to a search.

    Args:
        passages: best first.
        budget: words and punctuation marks of all passages together; what exceeds it is cut off.

    Tags of the protocol inside a passage lose their opening bracket to `&lt;`, so
    that a document cannot speak for the agent or close the information.
    """
    lines = []
    for place, passage in enumerate(passages, 1):
        if budget <= 0:
            break
        text, used = _cut(f'(Title: "{passage.title}") {passage.text}', budget)
        budget -= used
        lines.append(f"Doc {place}{_OURS.sub('&lt;', text)}")
    return f"<information>{chr(10).join(lines).strip()}</information>"


def _cut(text: str, budget: int) -> tuple[str, int]:
    """Return the text up to `budget` words and marks, and how many it has."""
    used = 0
    for word in _WORD.finditer(text):
        if used == budget:
            return text[: word.start()].rstrip(), used
        used += 1
    return text, used
