"""Passages, and what searches them: knowledge bases in memory, on disk or elsewhere."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, overload

from ...errors import UsageError
from .bm25 import Bm25Index
from .storage import Records, cache_folder, open_collection, source_tag, write_collection

_LARGE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrievable piece of text."""

    id: str
    title: str
    text: str

    @property
    def contents(self) -> str:
        """Return the passage as retrieval servers write it: the quoted title, then the text."""
        return f'"{self.title}"\n{self.text}'


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with its score."""

    passage: Passage
    score: float


class Retriever(Protocol):
    """A search engine over passages; the same query gives the same answer."""

    @property
    def digest(self) -> str:
        """Return a short hash of what is searched."""
        ...

    def search(self, query: str, k: int) -> list[Hit]:
        """Return at most k passages, best first."""
        ...


class KnowledgeBase:
    """Passages searched by BM25 over title and text; read-only, shared by all sessions of a process."""

    def __init__(self, passages: Sequence[Passage], index: Bm25Index) -> None:
        self.passages = passages
        self._index = index

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> KnowledgeBase:
        """Index passages in memory."""
        held = list(passages)
        return cls(held, Bm25Index.build(_document(passage) for passage in held))

    @classmethod
    def cached(
        cls, path: Path, passages: Callable[[], Iterable[Passage]], cache: Path | None = None
    ) -> KnowledgeBase:
        """Index the passages of a file: in memory, or for a large file in a collection on disk.

        Args:
            path: the file; the collection is rebuilt when it changes.
            passages: reads them; called twice for a large file.
            cache: folder for the collection. Without it, files of 64 MB and more go to the user's
                cache folder and smaller ones stay in memory.
        """
        tag = source_tag(path)
        if cache is None and path.stat().st_size < _LARGE_BYTES:
            return cls.of(passages())
        folder = (cache or cache_folder()) / f"passages-{tag}"
        opened = open_collection(folder, tag)
        if opened is None:
            index = Bm25Index.build(_document(passage) for passage in passages())
            write_collection(
                folder, tag, index, ((p.id, {"title": p.title, "text": p.text}) for p in passages())
            )
            opened = open_collection(folder, tag)
        if opened is None:
            raise UsageError(f"{folder} was replaced by another program while it was written; start again")
        index, records = opened
        return cls(_StoredPassages(records), index)

    @functools.cached_property
    def digest(self) -> str:
        """Return a short hash of what is searched."""
        return self._index.digest()

    def search(self, query: str, k: int) -> list[Hit]:
        """Return at most k passages that share a word with the query, best first."""
        numbers, scores = self._index.search(query, k)
        return [Hit(self.passages[n], s) for n, s in zip(numbers.tolist(), scores.tolist(), strict=True)]

    def __deepcopy__(self, memo: dict[int, Any]) -> KnowledgeBase:
        return self


class _StoredPassages(Sequence[Passage]):
    def __init__(self, records: Records) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Passage: ...

    @overload
    def __getitem__(self, index: slice) -> list[Passage]: ...

    def __getitem__(self, index: int | slice) -> Passage | list[Passage]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        record = self._records[index]
        return Passage(self._records.keys[index], record["title"], record["text"])


def parse_contents(contents: str) -> tuple[str, str]:
    """Split what retrieval servers write into title and text; a title in quotes loses them."""
    title, _, text = contents.partition("\n")
    if len(title) >= 2 and title[0] == title[-1] == '"':
        title = title[1:-1]
    return title, text


def _document(passage: Passage) -> str:
    return f"{passage.title}\n{passage.text}"
