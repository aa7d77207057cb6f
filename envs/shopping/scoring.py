"""How good a purchase is: WebShop's reward, quirks and all, and a strict one.

Yao et al., "WebShop" (arXiv 2207.01206), section 3.2, as its code computes it:
r_type * (matched attributes + matched options + [price <= cap]) / (|attributes| + |options| + 1).

Quirks that the default keeps, since published scores contain them:
- a goal's option is compared as the text of the pair (name, value), so a purchase
  of 'large' satisfies a goal of 'x-large', whose words contain it;
- a bought option that contains the name of a colour is cut down to that colour,
  while the goal's is not unless it is exactly the colour's name: a product may
  hold no purchase that satisfies its own goal;
- the name of a bought option does not matter.
`strict=True` asks for the same value under the same name instead.

The original takes the nouns of both titles from a part-of-speech model. Here
every title word with a letter counts; pass `title_words` to use a tagger.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .fuzzy import LIKE, token_set_ratio
from .goals import Goal
from .product import Product

_COLOURS = (
    " alabaster apricot aqua ash asphalt azure banana beige black blue blush bordeaux bronze brown"
    " burgundy camel camo caramel champagne charcoal cheetah chestnut chocolate christmas coffee cognac"
    " copper coral cranberry cream crystal dark denim eggplant elephant espresso fuchsia gold granite"
    " grape graphite grass gray green grey heather indigo ivory ivy khaki lavender lemon leopard light"
    " lilac lime magenta maroon mauve merlot midnight mint mocha multicolor mushroom mustard natural"
    " navy nude olive orange peach pewter pink plum purple rainbow red rose royal rust sand sapphire"
    " seashell silver skull slate steel stone stonewash sunflower tan taupe teal tiger turquoise violet"
    " walnut wheat white wine yellow"
)
COLOURS = tuple(_COLOURS.split())
_ENOUGH_OF_TITLE = 0.2
_LITTLE_OF_TITLE = 0.1
_LETTER = re.compile(r"[^\W\d_]")
_PIECE = re.compile(r"['\u2019][sS]\b|[^\W_]+(?:[.&][^\W_]+)*")


def reward(
    goal: Goal | Mapping[str, Any],
    product: Product,
    options: Mapping[str, str],
    price: float,
    *,
    strict: bool = False,
    title_words: Callable[[str], Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Score a purchase.

    Args:
        goal: what was wanted; a Goal, or a record of a goals file.
        product: what was bought.
        options: name -> value of the options chosen.
        price: what it cost, in dollars.
        strict: match options by name and exact value instead of the original's way.
        title_words: the nouns of a title, in lower case with repetitions, where a tagger is at hand.

    Returns:
        `reward` in [0, 1] and its parts: r_type, r_att, r_option (None without options), r_price,
        reward_without_type, num_attr_matches, num_option_matches, query_match, category_match,
        title_score.
    """
    goal = Goal.of(goal)
    kind = _type_reward(goal, product, title_words or _title_words)
    num_attributes = sum(_has_attribute(product, attribute) for attribute in goal.attributes)
    num_options = len(matched_options(goal.options, options, strict=strict))
    affordable = price <= goal.price_upper
    asked = len(goal.attributes) + len(goal.options) + 1
    without_type = (num_attributes + num_options + affordable) / asked
    return {
        "reward": without_type * kind["r_type"],
        **kind,
        "r_att": num_attributes / len(goal.attributes) if goal.attributes else 0.0,
        "r_option": num_options / len(goal.options) if goal.options else None,
        "r_price": affordable,
        "reward_without_type": without_type,
        "num_attr_matches": num_attributes,
        "num_option_matches": num_options,
    }


def matched_options(
    wanted: Mapping[str, str] | Sequence[str], bought: Mapping[str, str], *, strict: bool = False
) -> frozenset[int]:
    """Return which of the wanted options, counted from 0, a purchase satisfies."""
    if strict:
        return _exact_options(wanted, bought)
    chosen = [_colour(value) for value in bought.values()]
    texts = (
        [_wanted_text(name, value) for name, value in wanted.items()]
        if isinstance(wanted, Mapping)
        else [_colour(value) for value in wanted]
    )
    return frozenset(
        place
        for place, text in enumerate(texts)
        if any(token_set_ratio(value, text) > LIKE for value in chosen)
    )


def title_words(title: str) -> list[str]:
    """Return the words of a title that hold a letter, in lower case, with repetitions."""
    return [piece.lower() for piece in _PIECE.findall(title) if _LETTER.search(piece)]


_title_words = title_words


def _type_reward(goal: Goal, product: Product, words: Callable[[str], Sequence[str]]) -> dict[str, Any]:
    query_match = product.query == goal.query
    shared = _categories(product.product_category) & _categories(goal.product_category)
    category_match = len(shared) >= 2
    wanted = words(goal.name)
    common = len(set(wanted) & set(words(product.name)))
    title_score = common / len(wanted) if wanted else _ENOUGH_OF_TITLE
    r_type = 1.0 if query_match or category_match or title_score > _ENOUGH_OF_TITLE else 0.5
    if title_score < _LITTLE_OF_TITLE:
        r_type = 0.1
    if title_score == 0.0:
        r_type = 0.0
    return {
        "r_type": r_type,
        "query_match": query_match,
        "category_match": category_match,
        "title_score": title_score,
    }


def _categories(path: str) -> set[str]:
    return {part.strip() for part in path.split("\u203a")}


def _has_attribute(product: Product, wanted: str) -> bool:
    if any(token_set_ratio(attribute, wanted) > LIKE for attribute in product.attributes):
        return True
    texts = (product.name, " ".join(product.bullets), product.description)
    return any(wanted in text.lower() for text in texts)


@functools.lru_cache(maxsize=16_384)
def _colour(option: str) -> str:
    """Return the first colour, in alphabetical order, whose name the option contains, or the option."""
    return next((colour for colour in COLOURS if colour in option), option)


@functools.lru_cache(maxsize=16_384)
def _wanted_text(name: str, value: str) -> str:
    """Return what the original compares with for one entry of a goal's dict of options.

    It asks whether a colour is `in` the pair, which holds only when it equals
    the name or the value, and otherwise compares with the pair written out.
    """
    return next((colour for colour in COLOURS if colour in (name, value)), str((name, value)))


def _exact_options(wanted: Mapping[str, str] | Sequence[str], bought: Mapping[str, str]) -> frozenset[int]:
    if isinstance(wanted, Mapping):
        pairs = enumerate(wanted.items())
        return frozenset(place for place, (name, value) in pairs if bought.get(name) == value)
    return frozenset(place for place, value in enumerate(wanted) if value in bought.values())
