"""What a shop sells: products, and how the original files describe them.

The schema is WebShop's (Yao et al., arXiv 2207.01206): `items_shuffle*.json`
holds an array of products, `items_ins_v2*.json` maps a product's id to its
attributes and to one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ..retrieval.jsonio import field

DEFAULT_PRICE = 100.0  # dollars, of a product whose record names no price
_MAX_ID_CHARS = 10
_NOT_PRICE = re.compile(r"[^\d.]")


@dataclass(frozen=True, slots=True)
class Review:
    """One customer's review."""

    title: str
    score: float
    body: str


@dataclass(frozen=True, slots=True)
class Product:
    """One product; `options` maps a name to its values, both in lower case, in page order.

    `instruction` and `instruction_attributes` are what a shopper who wants this
    product says and cares about; a product without them is nobody's goal.
    """

    asin: str
    name: str
    description: str
    bullets: tuple[str, ...]
    category: str
    query: str
    product_category: str
    prices: tuple[float, ...]
    options: Mapping[str, tuple[str, ...]]
    attributes: tuple[str, ...]
    instruction: str | None = None
    instruction_attributes: tuple[str, ...] = ()
    rating: str = "N.A."
    reviews: tuple[Review, ...] = ()

    @property
    def price_tag(self) -> str:
        """Return the price as the pages print it."""
        return " to ".join(f"${price}" for price in self.prices)

    @property
    def document(self) -> str:
        """Return the text that the search engine indexes."""
        options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in self.options.items())
        first = self.bullets[0] if self.bullets else ""
        return " ".join([self.name, self.description, first, options]).lower()

    @property
    def num_combinations(self) -> int:
        """Return in how many ways every option can be chosen."""
        count = 1
        for values in self.options.values():
            count *= len(values)
        return count

    def as_record(self) -> dict[str, Any]:
        """Return the product as JSON, for `from_stored`."""
        record = asdict(self)
        return {**record, "options": {name: list(values) for name, values in self.options.items()}}

    @classmethod
    def from_stored(cls, record: Mapping[str, Any]) -> Product:
        """Rebuild a product from `as_record`."""
        tuples = {
            name: tuple(record[name])
            for name in ("bullets", "prices", "attributes", "instruction_attributes")
        }
        options = {name: tuple(values) for name, values in record["options"].items()}
        reviews = tuple(Review(**review) for review in record["reviews"])
        return cls(**{**record, **tuples, "options": options, "reviews": reviews})

    @classmethod
    def from_original(
        cls, record: dict[str, Any], instructions: Mapping[str, Any], path: Path, number: int
    ) -> Product | None:
        """Read a product of the original files.

        Args:
            record: one element of `items_shuffle*.json`.
            instructions: the whole of `items_ins_v2*.json`.
            path: the file of the record, for messages.
            number: which record it is, from 0, for messages.

        Returns:
            the product, or None for an id that the original leaves out (nan, or longer than ten).

        Raises:
            UsageError: naming file, record and field.
        """
        asin = field(record, "asin", str, path, number)
        if asin == "nan" or len(asin) > _MAX_ID_CHARS:
            return None
        bullets = field(record, "small_description", (list, str), path, number)
        extra = instructions.get(asin, {})
        return cls(
            asin=asin,
            name=field(record, "name", str, path, number),
            description=field(record, "full_description", str, path, number),
            bullets=tuple(map(str, bullets)) if isinstance(bullets, list) else (bullets,),
            category=field(record, "category", str, path, number),
            query=field(record, "query", str, path, number).lower().strip(),
            product_category=field(record, "product_category", str, path, number),
            prices=_prices(record.get("pricing"), path, number),
            options=_options(record.get("customization_options"), path, number),
            attributes=tuple(extra.get("attributes", ("DUMMY_ATTR",))),
            instruction=extra.get("instruction"),
            instruction_attributes=tuple(extra.get("instruction_attributes") or ()),
        )


def _prices(pricing: Any, path: Path, number: int) -> tuple[float, ...]:
    """Read '$1.00' or '$1.00$2.00'; of more than two prices the first two count."""
    if not pricing:
        return (DEFAULT_PRICE,)
    try:
        return tuple(float(_NOT_PRICE.sub("", part)) for part in pricing.split("$")[1:])[:2]
    except (AttributeError, ValueError) as error:
        raise UsageError(
            f"{path}: record {number}, field 'pricing': expected text like '$9.99$19.99', got {pricing!r:.80}"
        ) from error


def _options(customization: Any, path: Path, number: int) -> dict[str, tuple[str, ...]]:
    """Read the options; the original lowers them and puts blanks and a bar for a slash."""
    if not customization:
        return {}
    try:
        return {
            name.lower(): tuple(value["value"].strip().replace("/", " | ").lower() for value in values)
            for name, values in customization.items()
            if values is not None
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: record {number}, field 'customization_options': expected"
            f" {{name: [{{'value': text}}]}}, got {customization!r:.80}"
        ) from error
