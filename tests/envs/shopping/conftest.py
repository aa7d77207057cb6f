"""A hand-made shop of four products, and the original files where they are at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from turnwise.envs.shopping.catalogue import Catalogue
from turnwise.envs.shopping.product import Product, Review


def _product(asin: str, name: str, **fields: object) -> Product:
    """Make a product with plain defaults."""
    given = {
        "description": f"A fine {name.lower()}.",
        "bullets": ("sturdy", "easy to clean"),
        "category": "garden",
        "query": "mugs",
        "product_category": "Home \u203a Kitchen \u203a Mugs",
        "prices": (9.5,),
        "options": {},
        "attributes": ("dishwasher safe",),
        **fields,
    }
    return Product(asin=asin, name=name, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def make_product() -> Callable[..., Product]:
    """Return a maker of products with plain defaults."""
    return _product


@pytest.fixture(scope="session")
def small_shop() -> Catalogue:
    """Return a catalogue of four products; the first is the goal of two tasks."""
    return Catalogue.of(
        [
            _product(
                "B0MUG00001",
                "Stoneware Mug Set",
                options={"size": ("small", "large"), "color": ("dark blue", "b7-red")},
                instruction="Find me dishwasher safe mugs",
                instruction_attributes=("dishwasher safe",),
                reviews=(Review("Lovely", 5.0, "Keeps warm."),),
            ),
            _product("B0MUG00002", "Travel Mug", prices=(12.0, 20.0)),
            _product(
                "B0LAMP0001",
                "Desk Lamp",
                query="lamps",
                product_category="Home \u203a Light",
                attributes=("dimmable",),
            ),
            _product(
                "B0SOCK0001",
                "Wool Socks",
                query="socks",
                category="fashion",
                product_category="Clothing \u203a Socks",
            ),
        ]
    )


@pytest.fixture(scope="session")
def original_files(benchmark_data: Path) -> dict[str, str]:
    """Return keyword arguments of `shopping/webshop-v0` for the 1 000-product set."""
    names = {
        "items": "items_shuffle_1000.json",
        "instructions": "items_ins_v2_1000.json",
        "goals": "goals.json",
        "prices": "prices.json",
    }
    return {key: str(benchmark_data / "webshop" / name) for key, name in names.items()}
