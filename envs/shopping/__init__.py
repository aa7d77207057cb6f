"""Shopping: find the product that an instruction describes, choose its options, buy it.

`shopping/webshop-v0` reads the original WebShop files; `shopping/generated-v0`
makes a catalogue of its own and needs none.

environment           the episode; webshop, generated: the two ids
session, pages        a visit, and its pages as text
scoring, fuzzy        WebShop's reward, and the likeness of texts it is defined by
catalogue, product    what is sold, its prices, its search engine
goals, splits         what is wanted, and which goals train
expert, queries       the expert; searches made of an instruction's own words
generate, wording     the generated products and goals, and how these are worded
stock, goods          what the generated shop sells (stock_personal, stock_home)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..registry import register

if TYPE_CHECKING:
    from .catalogue import Catalogue
    from .goals import Goal
    from .product import Product
    from .scoring import reward

__all__ = ["Catalogue", "Goal", "Product", "register_environments", "reward"]

_HOME = {"Catalogue": "catalogue", "Goal": "goals", "Product": "product", "reward": "scoring"}


def register_environments() -> None:
    """Register the ids of the family; called once, by turnwise.envs."""
    register(
        "shopping/webshop-v0",
        "turnwise.envs.shopping.webshop:WebShop",
        description="WebShop, from its files: -k items=FILE -k instructions=FILE.",
        for_clients={"cache": None},
    )
    register(
        "shopping/generated-v0",
        "turnwise.envs.shopping.generated:GeneratedShop",
        description="Shopping, generated: 5 400 products, instructions at three difficulties.",
        for_clients={"num_products": (1, 10_000)},
    )


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
