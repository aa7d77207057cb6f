"""One visit to the shop: which page it shows, and where each action leads.

The rules of the original, which decide by the button's text alone:
- an action is `name[argument]`, cut at the last opening bracket; the argument is read in lower case;
- `search[...]` works on every page, not only on the one that shows the search bar;
- `click[...]` works for what the page shows as a button, a link or an option; anything else
  changes nothing. Where a text is both a button and an option, the button wins; where it is a value
  of two options, the later option gets it;
- searching, and going back to the results, forget the chosen options.
The original's hidden queries (`<r>`, `<a>`, `<c>`, `<q>`) draw from unseeded random numbers or
fail; here they are words like others.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Literal

from .catalogue import Catalogue
from .pages import (
    BACK,
    BUY,
    HITS_PER_PAGE,
    NEXT,
    PREVIOUS,
    SUBPAGES,
    Piece,
    done_page,
    item_page,
    results_page,
    search_page,
    sub_page,
)

NUM_HITS = 50
_ACTION = re.compile(r"(.+)\[(.+)\]")
_SUB_OF = {name.lower(): name for name in SUBPAGES}


@dataclass(frozen=True, slots=True)
class Visit:
    """The state of a visit; `options` holds (name, value) in the order of choosing."""

    page: Literal["search", "results", "item", "sub", "done"] = "search"
    query: str = ""
    number: int = 1  # of the results page
    hits: tuple[str, ...] = ()
    opened: frozenset[str] = frozenset()
    asin: str = ""
    options: tuple[tuple[str, str], ...] = ()
    sub: str = ""

    @property
    def listed(self) -> tuple[str, ...]:
        """Return the ids on the present results page."""
        return self.hits[(self.number - 1) * HITS_PER_PAGE : self.number * HITS_PER_PAGE]

    @property
    def address(self) -> str:
        """Return what the original writes into the page's address."""
        return f"{'+'.join(self.query.split(' '))}/{self.number}/{json.dumps(dict(self.options))}"


def parse_action(action: str) -> tuple[str, str | None]:
    """Cut an action into its name and its argument in lower case; no argument: None."""
    match = _ACTION.match(action)
    return (match[1], match[2].lower()) if match else (action, None)


def buttons(visit: Visit, catalogue: Catalogue) -> list[str]:
    """Return the texts that can be clicked, in the original's order: buttons, links, options."""
    if visit.page == "search":
        return ["search"]
    if visit.page == "results":
        texts = [BACK]
        texts += [PREVIOUS] if visit.number > 1 else []
        texts += [NEXT] if visit.number * HITS_PER_PAGE < len(visit.hits) else []
        return [text.lower() for text in [*texts, *visit.listed]]
    if visit.page == "item":
        texts = [text.lower() for text in (BACK, PREVIOUS, *SUBPAGES, BUY)]
        values = [value for values in catalogue.products[visit.asin].options.values() for value in values]
        return list(dict.fromkeys(texts + values))
    return [BACK.lower(), PREVIOUS.lower()] if visit.page == "sub" else []


def selectable(visit: Visit, catalogue: Catalogue) -> dict[str, str]:
    """Return value -> name of the options that a click can choose on the item page."""
    taken = {text.lower() for text in (BACK, PREVIOUS, *SUBPAGES, BUY)}
    options = catalogue.products[visit.asin].options
    return {value: name for name, values in options.items() for value in values if value not in taken}


def follow(visit: Visit, action: str, catalogue: Catalogue) -> Visit:
    """Return the visit after an action; an action that means nothing changes nothing."""
    name, argument = parse_action(action)
    if visit.page == "done" or argument is None:
        return visit
    if name == "search":
        hits = tuple(catalogue.search(argument, NUM_HITS))
        return replace(
            visit, page="results", query=argument, number=1, hits=hits, asin="", options=(), sub=""
        )
    if name == "click" and argument != "search" and argument in buttons(visit, catalogue):
        return _click(visit, argument, catalogue)
    return visit


def show(visit: Visit, instruction: str, catalogue: Catalogue, score: float) -> list[Piece]:
    """Return the pieces of the present page; `score` is printed when the visit is over."""
    if visit.page == "search":
        return search_page(instruction)
    if visit.page == "results":
        products = [catalogue.products[asin] for asin in visit.listed]
        return results_page(instruction, products, visit.number, len(visit.hits), visit.opened)
    if visit.page == "done":
        return done_page(visit.asin, dict(visit.options), score)
    product = catalogue.products[visit.asin]
    if visit.page == "item":
        return item_page(instruction, product, visit.address)
    return sub_page(instruction, product, visit.sub)


def _click(visit: Visit, text: str, catalogue: Catalogue) -> Visit:
    if text == BUY.lower():
        return replace(visit, page="done")
    if text == BACK.lower():
        return Visit()
    if visit.page == "results":
        if text in (NEXT.lower(), PREVIOUS.lower()):
            return replace(visit, number=visit.number + (1 if text == NEXT.lower() else -1))
        asin = next(hit for hit in visit.listed if hit.lower() == text)
        return replace(visit, page="item", asin=asin, opened=visit.opened | {asin})
    if text == PREVIOUS.lower():
        if visit.page == "sub":
            return replace(visit, page="item", sub="")
        return replace(visit, page="results", asin="", options=())
    if text in _SUB_OF:
        return replace(visit, page="sub", sub=_SUB_OF[text])
    name = selectable(visit, catalogue)[text]
    return replace(visit, options=tuple({**dict(visit.options), name: text}.items()))
