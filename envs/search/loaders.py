"""Corpora and questions from files: Search-R1, HotpotQA and plain JSON.

A corpus is JSON lines or a JSON array whose records have `contents` (the quoted
title, a line break, the text: Search-R1) or `text` with an optional `title`; or a
file of questions with `context` (HotpotQA), whose paragraphs are the corpus.
Questions have `question` (or `Question`, `query`) and `golden_answers`, `answers`
or `answer`, a text or a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ..retrieval.documents import Passage, parse_contents
from ..retrieval.draws import draw
from ..retrieval.jsonio import array_records, field, line_records
from .questions import Question

_QUESTION_NAMES = ("question", "Question", "query")
_ANSWER_NAMES = ("golden_answers", "answers", "answer")


def read_passages(path: Path) -> Iterator[Passage]:
    """Yield the passages of a file; of paragraphs with the same title and text the first counts.

    Raises:
        UsageError: naming file, record and field.
    """
    seen: set[tuple[str, str]] = set()
    for number, record in enumerate(_records(path)):
        if "context" in record:
            for passage in _paragraphs(record, path, number):
                if (passage.title, passage.text) not in seen:
                    seen.add((passage.title, passage.text))
                    yield passage
        else:
            yield _passage(record, path, number)


def read_questions(path: Path) -> list[Question]:
    """Read every question of a file.

    Raises:
        UsageError: naming file, record and field, or if the file holds no record.
    """
    questions = [_question(record, path, number) for number, record in enumerate(_records(path))]
    if not questions:
        raise UsageError(f"{path} holds no questions")
    return questions


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Read an array or lines, whichever the file's first letter says."""
    try:
        with path.open(encoding="utf-8") as file:
            first = file.read(1_024).lstrip()[:1]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}; expected a JSON array or JSON lines") from error
    return array_records(path) if first == "[" else line_records(path)


def _passage(record: dict[str, Any], path: Path, number: int) -> Passage:
    id = str(record.get("id", record.get("_id", number)))
    if "contents" in record:
        title, text = parse_contents(field(record, "contents", str, path, number))
        return Passage(id, title, text)
    if "text" not in record:
        raise UsageError(
            f"{path}: record {number} has no field 'contents', 'text' or 'context'; it has"
            f" {sorted(record)[:12]}; questions without a context need a corpus or a retriever"
        )
    return Passage(id, str(record.get("title", "")), field(record, "text", str, path, number))


def _paragraphs(record: dict[str, Any], path: Path, number: int) -> Iterator[Passage]:
    for title, text in _context(record, path, number):
        yield Passage(_paragraph_id(title, text), title, text)


def _context(record: dict[str, Any], path: Path, number: int) -> list[tuple[str, str]]:
    """Read HotpotQA's context: [[title, [sentence, ...]], ...], or the same as two columns."""
    context = field(record, "context", (list, dict), path, number)
    try:
        pairs = (
            list(zip(context["title"], context["sentences"], strict=True))
            if isinstance(context, dict)
            else context
        )
        return [(str(title), "".join(sentences).strip()) for title, sentences in pairs]
    except (TypeError, ValueError, KeyError) as error:
        raise UsageError(
            f"{path}: record {number}, field 'context': expected [[title, [sentence, ...]], ...],"
            f" got {context!r:.80}"
        ) from error


def _paragraph_id(title: str, text: str) -> str:
    return f"{title} {draw(text, 1 << 32):08x}"


def _question(record: dict[str, Any], path: Path, number: int) -> Question:
    text = field(record, _first(record, _QUESTION_NAMES), str, path, number)
    answers = field(record, _first(record, _ANSWER_NAMES), (str, list), path, number)
    golds = [answers] if isinstance(answers, str) else [str(answer) for answer in answers]
    if not golds:
        raise UsageError(f"{path}: record {number} has an empty list of answers; expected at least one")
    supporting = _supporting(record, path, number) if "context" in record else []
    return Question(
        id=str(record.get("id", record.get("_id", number))),
        text=text,
        answers=tuple(golds),
        supporting=tuple(_paragraph_id(title, content) for title, content in supporting),
        queries=tuple(
            (title, f"{title} {text}", f"{title} {content[:200]}") for title, content in supporting
        ),
    )


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if name in record), names[-1] if "answer" in names[-1] else names[0])


def _supporting(record: dict[str, Any], path: Path, number: int) -> list[tuple[str, str]]:
    """Return the paragraphs that the record names as supporting, in its order; none where it names none."""
    facts = record.get("supporting_facts") or []
    named = facts["title"] if isinstance(facts, dict) else [fact[0] for fact in facts]
    paragraphs = dict(_context(record, path, number))
    return [(title, paragraphs[title]) for title in dict.fromkeys(named) if title in paragraphs]
