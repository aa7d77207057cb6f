"""Searches made of an instruction's own words, for agents that choose from a list.

A policy that can only choose needs every action written out before it acts. For
the search bar that list is made of what the shopper said and nothing else: every
run of up to four of the instruction's words, words like "the" left out.
"""

from __future__ import annotations

import functools

from ..retrieval.words import STOP_WORDS, split_words
from .catalogue import Catalogue
from .pages import HITS_PER_PAGE
from .session import NUM_HITS

MAX_QUERY_WORDS = 4
_MAX_INSTRUCTION_WORDS = 60  # what a longer instruction says after them is in no query


def queries_of(instruction: str) -> list[str]:
    """Return every run of up to four content words of an instruction, none twice, sorted."""
    words = [word for word in split_words(instruction) if word not in STOP_WORDS][:_MAX_INSTRUCTION_WORDS]
    runs = {
        " ".join(words[start:end])
        for start in range(len(words))
        for end in range(start + 1, min(start + MAX_QUERY_WORDS, len(words)) + 1)
    }
    return sorted(runs)


@functools.lru_cache(maxsize=4_096)
def best_query(instruction: str, asin: str, catalogue: Catalogue) -> str | None:
    """Return the query of `queries_of` that lists a product on the earliest page; None if none lists it.

    Of those that are as good, the one with the fewest words, then the first in the instruction.
    """
    text = " ".join(split_words(instruction))
    ranked = []
    for query in queries_of(instruction):
        hits = catalogue.search(query, NUM_HITS)
        if asin in hits:
            page = hits.index(asin) // HITS_PER_PAGE
            ranked.append((page, query.count(" "), text.find(query), query))
    return min(ranked)[-1] if ranked else None
