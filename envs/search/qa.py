"""`search/qa-v1`: questions of a file over corpora of files, or over a retrieval server."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import UnknownName, UsageError
from ..retrieval.documents import KnowledgeBase, Retriever
from ..retrieval.draws import draw
from ..retrieval.storage import source_tag
from .environment import BUDGET, MAX_TURNS, TOP_K, SearchEnv, StepResult
from .loaders import read_passages, read_questions
from .protocol import Search, read
from .questions import Question, QuestionSet

_SPLITS = ("all", "train", "unseen", "test")


class QuestionAnswering(SearchEnv):
    """The questions of a file; see SearchEnv for the game.

    Args:
        questions: JSON array or JSON lines with `question` and `answer`, which may be a list.
        corpus: a file of passages, or files by the name of their knowledge base. Without corpus and
            retriever the paragraphs of the questions' own `context` are searched.
        retriever: the url of a server that speaks `/retrieve`, or urls by name; instead of a corpus.
        topk: passages per search.
        max_turns: an episode ends after so many turns.
        reward: em, f1 or substring.
        budget: words and punctuation marks of the passages in one reply.
        cost_per_call: the tier `cost` of a search is minus this.
        question_index: always this question.
        split: all, or train (80 %), unseen (10 %) or test (10 %) by a hash of the question.
        cache: a folder that keeps the index of a corpus for the next time.

    Raises:
        UsageError: if a file is wrong, naming file, record and field, or both corpus and retriever are given.
    """

    def __init__(
        self,
        questions: str | Path,
        corpus: str | Path | Mapping[str, str | Path] | None = None,
        retriever: str | Mapping[str, str] | None = None,
        topk: int = TOP_K,
        max_turns: int = MAX_TURNS,
        reward: str = "em",
        budget: int = BUDGET,
        cost_per_call: float = 0.0,
        question_index: int | None = None,
        split: str = "all",
        cache: str | Path | None = None,
    ) -> None:
        if corpus is not None and retriever is not None:
            raise UsageError("corpus and retriever are both given; the passages come from one of them")
        every = _questions(str(questions), source_tag(Path(questions)))
        self._waits = retriever is not None
        super().__init__(
            _servers(retriever)
            if retriever is not None
            else _corpora(questions if corpus is None else corpus, cache),
            every,
            _select(every, split),
            topk=topk,
            max_turns=max_turns,
            reward=reward,
            budget=budget,
            cost_per_call=cost_per_call,
            question_index=question_index,
        )

    @property
    def step_async(self) -> Callable[[str], Awaitable[StepResult]]:
        """Offer steps that wait on a thread, where a retrieval server is asked and only there."""
        if not self._waits:
            raise AttributeError("step_async: nothing is waited for without retriever=")
        return self._step_waiting

    async def _step_waiting(self, action: str) -> StepResult:
        asked = None if self._over else read(action)
        hits = await asyncio.to_thread(self._hits, asked) if isinstance(asked, Search) else []
        return self._reply(asked, hits)


def _servers(retriever: str | Mapping[str, str]) -> dict[str, Retriever]:
    return {name: _remote(url) for name, url in _named(retriever).items()}


def _corpora(corpus: str | Path | Mapping[str, str | Path], cache: str | Path | None) -> dict[str, Retriever]:
    folder = None if cache is None else str(cache)
    files = _named(str(corpus) if isinstance(corpus, Path) else corpus)
    return {name: _knowledge(str(file), source_tag(Path(file)), folder) for name, file in files.items()}


def _named(given: str | Mapping[str, Any]) -> dict[str, Any]:
    named = {"all": given} if isinstance(given, str) else dict(given)
    if not named:
        raise UsageError("corpus or retriever is an empty mapping; expected at least one name")
    return named


def _select(questions: QuestionSet, split: str) -> list[int]:
    if split not in _SPLITS:
        raise UnknownName("split", split, _SPLITS)
    chosen = [number for number, question in enumerate(questions) if split in ("all", _side(question))]
    if not chosen:
        raise UsageError(f"split {split!r} of {len(questions)} questions is empty; use another split")
    return chosen


def _side(question: Question) -> str:
    bucket = draw(f"qa question {question.text}", 10)
    return "train" if bucket < 8 else "unseen" if bucket < 9 else "test"


@functools.lru_cache(maxsize=16)
def _questions(path: str, tag: str) -> QuestionSet:
    return QuestionSet(read_questions(Path(path)))


@functools.lru_cache(maxsize=16)
def _knowledge(path: str, tag: str, cache: str | None) -> Retriever:
    folder = Path(cache) if cache is not None else None
    return KnowledgeBase.cached(Path(path), lambda: read_passages(Path(path)), folder)


@functools.lru_cache(maxsize=16)
def _remote(url: str) -> Retriever:
    from .remote import RemoteKnowledge

    return RemoteKnowledge(url)
