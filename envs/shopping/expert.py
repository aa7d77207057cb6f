"""The expert: it knows the goal and buys the best that the goal's product allows.

It searches for the product's title, turns pages until the product is listed,
opens it, chooses options and buys. Options are chosen by what the reward counts:
a quirk of the original reward can make the goal's own value score nothing, and
then no purchase of the product scores 1.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping

from .catalogue import Catalogue
from .goals import Goal
from .pages import BACK, BUY, HITS_PER_PAGE, NEXT, PREVIOUS
from .queries import best_query
from .scoring import matched_options
from .session import NUM_HITS, Visit, selectable


def expert_action(
    goal: Goal, visit: Visit, catalogue: Catalogue, *, strict: bool = False, listed: bool = False
) -> str:
    """Return the next action towards the goal from any state of a visit.

    Args:
        goal: what to buy.
        visit: the state.
        catalogue: where.
        strict: whether options count by name and exact value.
        listed: search for words of the instruction (see `queries`) where that finds the product.
    """
    if visit.page == "search":
        words = best_query(goal.instruction, goal.asin, catalogue) if listed else None
        return f"search[{words or _query(goal, catalogue)}]"
    if visit.page == "results":
        if goal.asin not in visit.hits:
            return f"click[{BACK.lower()}]"
        page = visit.hits.index(goal.asin) // HITS_PER_PAGE + 1
        if page == visit.number:
            return f"click[{goal.asin.lower()}]"
        return f"click[{(NEXT if page > visit.number else PREVIOUS).lower()}]"
    if visit.page == "sub":
        return f"click[{PREVIOUS.lower()}]"
    if visit.asin != goal.asin:
        return f"click[{BACK.lower()}]"
    chosen = dict(visit.options)
    for name, value in best_options(goal, catalogue, strict=strict).items():
        if chosen.get(name) != value:
            return f"click[{value}]"
    return f"click[{BUY.lower()}]"


def best_options(goal: Goal, catalogue: Catalogue, *, strict: bool = False) -> dict[str, str]:
    """Choose values of the goal's product that satisfy as many wanted options as possible.

    Of values that satisfy the same, the wanted one comes first, then the page's order.
    """
    product = catalogue.products[goal.asin]
    reachable = selectable(Visit(page="item", asin=goal.asin), catalogue)
    wanted = set(goal.options.values() if isinstance(goal.options, Mapping) else goal.options)
    choices: list[list[tuple[frozenset[int], str, str]]] = []
    for name, values in product.options.items():
        useful: dict[frozenset[int], str] = {}
        for value in sorted(values, key=lambda value: value not in wanted):
            if reachable.get(value) == name:
                useful.setdefault(matched_options(goal.options, {name: value}, strict=strict), value)
        useful.pop(frozenset(), None)
        choices.append([(frozenset(), name, ""), *((met, name, value) for met, value in useful.items())])
    best = max(itertools.product(*choices), key=_worth, default=())
    return {name: value for met, name, value in best if met}


def _worth(choice: tuple[tuple[frozenset[int], str, str], ...]) -> tuple[int, int]:
    """Rank by how many wanted options are met, then by how few clicks that takes."""
    all_met = frozenset[int]().union(*(met for met, _, _ in choice))
    return len(all_met), -sum(bool(met) for met, _, _ in choice)


@functools.lru_cache(maxsize=1_024)
def _query_for(asin: str, name: str, catalogue: Catalogue) -> str:
    product = catalogue.products[asin]
    options = " ".join(value for values in product.options.values() for value in values)
    tries = (name, f"{name} {options}", product.document)
    found = (query for query in map(_plain, tries) if asin in catalogue.search(query, NUM_HITS))
    return next(found, _plain(name))


def _query(goal: Goal, catalogue: Catalogue) -> str:
    return _query_for(goal.asin, goal.name, catalogue)


def _plain(text: str) -> str:
    """Write a query that an action can hold: one line, no brackets."""
    return " ".join(text.translate({ord(letter): " " for letter in "[]"}).split())
