"""BM25 with the scores of Lucene: one read-only index for both text worlds.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
(2009), as Lucene computes it: idf = ln(1 + (N - df + 0.5) / (df + 0.5)), a term
contributes idf * tf / (tf + k1 * (1 - b + b * length / average)), there is no
factor k1 + 1, and the length of a document is what survives Lucene's one-byte
form (exact below 24 tokens, then four significant bits) while the average is
exact. A term that stands twice in the query counts twice. Equal scores are in
document order.

Shapes: _N documents, _T terms, _P postings (one per document and distinct term).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import UsageError
from .words import split_words, term_of

MAX_QUERY_WORDS = 1_024
_BLOCK_DOCUMENTS = 20_000
_MANY_DOCUMENTS = 50_000  # from here on, pruning costs less than scoring every posting


def quantised_lengths(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Round lengths in tokens as Lucene's SmallFloat.intToByte4 does, elementwise."""
    excess = np.maximum(lengths - 24, 0)
    bits = np.frexp(excess.astype(np.float64))[1]  # excess < 2**bits
    shift = np.maximum(bits - 4, 0)
    return np.where(lengths < 24, lengths, 24 + ((excess >> shift) << shift))


class _TermIds(dict[str, int]):
    """Term numbers of words as they stand (-1: left out), given out as terms come."""

    def __init__(self) -> None:
        super().__init__()
        self.terms: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        term = term_of(word)
        number = -1 if term is None else self.terms.setdefault(term, len(self.terms))
        self[word] = number
        return number


@dataclass(frozen=True, slots=True)
class Bm25Index:
    """The postings of a collection; safe to share between threads.

    Build one with `Bm25Index.build`, or map one from disk with `storage.open_index`.
    """

    terms: dict[str, int]
    starts: NDArray[np.int64]  # [T+1] where the postings of a term begin
    documents: NDArray[np.int32]  # [P] ascending within a term
    impacts: NDArray[np.float32]  # [P] what the term adds to the score of the document
    ceilings: NDArray[np.float32]  # [T] the greatest impact of a term
    num_documents: int

    @staticmethod
    def build(texts: Iterable[str], *, k1: float = 0.9, b: float = 0.4) -> Bm25Index:
        """Index texts; document i is the i-th text.

        Args:
            texts: read once, in order.
            k1: how soon a repeated term saturates.
            b: how much long documents are discounted, from 0 to 1.

        Raises:
            UsageError: if k1 is negative or b outside [0, 1].
        """
        if k1 < 0 or not 0 <= b <= 1:
            raise UsageError(f"k1 must be at least 0 and b in [0, 1], got k1={k1}, b={b}")
        numbers = _TermIds()
        counted = _count(texts, numbers)
        return _weigh(numbers.terms, *counted, k1=k1, b=b)

    def search(self, query: str, k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rank documents for a query.

        Args:
            query: free text; words after the first 1 024 are ignored.
            k: how many documents at most.

        Returns:
            (documents, scores), best first; only documents that share a term with the query.
        """
        found = self._query_terms(query)
        if not found or k < 1:
            return np.zeros(0, np.int64), np.zeros(0)
        scores_N = np.zeros(self.num_documents)
        if self.num_documents < _MANY_DOCUMENTS:
            for term, weight in found:
                self._add(scores_N, term, weight)
            touched = np.flatnonzero(scores_N)
        else:
            touched = self._pruned(scores_N, found, k)
        return _best(touched, scores_N[touched].astype(np.float32), k)

    def digest(self) -> str:
        """Hash which terms stand in which documents; the same on every machine."""
        digest = hashlib.sha256("\n".join(self.terms).encode())
        digest.update(np.ascontiguousarray(self.documents).tobytes())
        return digest.hexdigest()[:16]

    def _query_terms(self, query: str) -> list[tuple[int, int]]:
        """Return (term, how often it stands in the query), the most telling term first."""
        terms = Counter(term_of(word) for word in split_words(query)[:MAX_QUERY_WORDS])
        known = [(self.terms[term], count) for term, count in terms.items() if term in self.terms]
        return sorted(known, key=lambda pair: (-float(self.ceilings[pair[0]]) * pair[1], pair[0]))

    def _add(self, scores_N: NDArray[np.float64], term: int, weight: int) -> None:
        span = slice(int(self.starts[term]), int(self.starts[term + 1]))
        scores_N[self.documents[span]] += self.impacts[span] * np.float32(weight)

    def _pruned(
        self, scores_N: NDArray[np.float64], found: list[tuple[int, int]], k: int
    ) -> NDArray[np.int64]:
        """Score what can still reach the best k, and return it (MaxScore: Turtle and Flood, 1995).

        Once the k-th best score is above what all remaining terms together can
        give, a document without any of the terms seen so far cannot win.
        """
        ceilings = [float(self.ceilings[term]) * weight for term, weight in found]
        seen = np.zeros(0, np.int64)
        for place, (term, weight) in enumerate(found):
            rest = sum(ceilings[place:]) * (1 + 1e-6)
            if len(seen) >= k and _kth_greatest(scores_N[seen], k) > rest:
                return self._finish(scores_N, seen, found[place:], ceilings[place:], k)
            having = self.documents[int(self.starts[term]) : int(self.starts[term + 1])].astype(np.int64)
            seen = np.concatenate(
                (seen, having[scores_N[having] == 0])
            )  # a score that was added to is above 0
            self._add(scores_N, term, weight)
        return seen

    def _finish(
        self,
        scores_N: NDArray[np.float64],
        seen: NDArray[np.int64],
        found: list[tuple[int, int]],
        ceilings: list[float],
        k: int,
    ) -> NDArray[np.int64]:
        """Add the remaining terms to the documents that can still be among the best k."""
        for place, (term, weight) in enumerate(found):
            scores = scores_N[seen]
            seen = seen[scores + sum(ceilings[place:]) * (1 + 1e-6) >= _kth_greatest(scores, k)]
            span = slice(int(self.starts[term]), int(self.starts[term + 1]))
            documents, impacts = self.documents[span], self.impacts[span]
            at = np.searchsorted(documents, seen.astype(np.int32))
            at[at == len(documents)] = 0
            hit = documents[at] == seen
            scores_N[seen[hit]] += impacts[at[hit]] * np.float32(weight)
        return seen


def _kth_greatest(scores: NDArray[np.float64], k: int) -> float:
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def _best(
    documents: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k best of some documents; equal scores in document order."""
    if len(scores) > k:
        keep = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
        documents, scores = documents[keep], scores[keep]
    order = np.lexsort((documents, -scores))[:k]
    return documents[order], scores[order].astype(np.float64)


def _count(
    texts: Iterable[str], numbers: _TermIds
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Return (term, document, frequency) of each posting, and the length of each document in tokens."""
    parts: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]] = []
    lengths: list[int] = []
    block: list[int] = []
    first = 0
    for text in texts:
        words = [numbers[word] for word in split_words(text)]
        kept = [number for number in words if number >= 0]
        lengths.append(len(kept))
        block += kept
        if len(lengths) - first == _BLOCK_DOCUMENTS:
            parts.append(_postings(block, lengths, first))
            block, first = [], len(lengths)
    parts.append(_postings(block, lengths, first))
    term, document, frequency = (np.concatenate(column) for column in zip(*parts, strict=True))
    return term, document, frequency, np.array(lengths, np.int64)


def _postings(
    block: list[int], lengths: list[int], first: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    document = np.repeat(np.arange(first, len(lengths), dtype=np.int64), lengths[first:])
    keys, frequency = np.unique((np.array(block, np.int64) << 32) | document, return_counts=True)
    return (keys >> 32).astype(np.int32), keys.astype(np.int32), frequency.astype(np.int32)


def _weigh(
    terms: dict[str, int],
    term: NDArray[np.int32],
    document: NDArray[np.int32],
    frequency: NDArray[np.int32],
    lengths: NDArray[np.int64],
    *,
    k1: float,
    b: float,
) -> Bm25Index:
    """Sort postings by term and work out what each adds to a score, in float32 as Lucene does."""
    order = np.argsort(term, kind="stable")
    term, document, frequency = term[order], document[order], frequency[order]
    counts = np.bincount(term, minlength=len(terms))
    starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    num_filled = max(int(np.count_nonzero(lengths)), 1)
    average = np.float32(max(float(lengths.sum()), 1.0) / num_filled)
    norms = (k1 * (1 - b + b * quantised_lengths(lengths) / average)).astype(np.float32)
    idf = np.log(1 + (num_filled - counts + 0.5) / (counts + 0.5)).astype(np.float32)
    tf = frequency.astype(np.float32)
    impacts = idf[term] * (tf / (tf + norms[document]))
    ceilings = np.maximum.reduceat(impacts, starts[:-1]) if len(terms) else np.zeros(0, np.float32)
    return Bm25Index(terms, starts, document, impacts, ceilings, len(lengths))
