"""The generated shop: products and goals made from word lists, the same for the same seed.

Everything about a product follows from the seed and its number, so a product
does not change when the catalogue grows.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from string import capwords

from ...errors import UsageError
from .catalogue import Catalogue
from .goals import NO_CAP, Goal, LazyGoals, price_cap
from .goods import Family, Kind
from .product import Product, Review
from .stock import FAMILIES
from .wording import Difficulty, ask

NUM_PRODUCTS = 5_400
GOALS_PER_PRODUCT = 2
_MAX_PRODUCTS = 1_000_000
_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_SYLLABLES = (
    ("Bel", "Cor", "Dal", "Fen", "Hal", "Jor", "Kel", "Lum", "Mar", "Nor", "Or", "Pel", "Quin", "Ros"),
    ("a", "e", "i", "o", "u", "an", "en", "el", "ar"),
    ("dine", "ford", "gate", "ko", "lane", "mont", "nix", "ra", "son", "tek", "via", "wick"),
)
_LINES: tuple[str, ...] = (
    "Harbor",
    "Juniper",
    "Summit",
    "Willow",
    "Ember",
    "Meridian",
    "Atlas",
    "Clover",
    "Drift",
    "Echo",
)
_LINES += ("Falcon", "Grove", "Haven", "Isle", "Kindle", "Lark", "Mesa", "Nova", "Orchard", "Prairie")
_KINDS: tuple[tuple[Family, Kind], ...] = tuple(
    (family, kind) for family in FAMILIES for kind in family.kinds
)
_PRAISE = ("Does what it should.", "Better than the one I had.", "Arrived early.", "Would buy again.",
           "Good value.", "My family likes it.", "Looks like the picture.")  # fmt: skip
_BLAME = ("Smaller than I thought.", "Took two weeks to arrive.", "Not for me.", "The box was dented.")


@functools.lru_cache(maxsize=4)
def generated_catalogue(seed: int = 0, num_products: int = NUM_PRODUCTS) -> Catalogue:
    """Make the catalogue of a seed, once per process.

    Raises:
        UsageError: if num_products is out of range.
    """
    if not 1 <= num_products <= _MAX_PRODUCTS:
        raise UsageError(f"num_products must be from 1 to {_MAX_PRODUCTS}, got {num_products}")
    return Catalogue.of(make_product(seed, number) for number in range(num_products))


def make_product(seed: int, number: int) -> Product:
    """Make product `number` of a seed; kinds take turns."""
    family, kind = _KINDS[number % len(_KINDS)]
    rng = random.Random(f"shop {seed} product {number}")
    brand, line = _title(rng)
    material, use = rng.choice(family.materials), rng.choice(family.uses)
    properties = sorted(rng.sample(sorted(family.properties), rng.randint(4, 6)))
    name = rng.choice(
        (
            f"{brand} {line} {material} {capwords(kind.noun)} for {use}",
            f"{brand} {line} {capwords(kind.noun)}, {material}, {properties[0].title()}",
            f"{brand} {capwords(kind.noun)} {line} - {material} {capwords(kind.noun)} for {use}",
        )
    )
    return Product(
        asin=_identifier(number),
        name=name,
        description=_description(rng, family, kind, brand, material, use, properties),
        bullets=tuple(_bullets(rng, family, kind, properties)),
        category=family.category,
        query=kind.query,
        product_category=" \u203a ".join((*family.path, capwords(kind.query))),
        prices=_prices(rng, kind),
        options=_options(rng, family),
        attributes=tuple(properties),
        rating=f"{rng.randint(28, 50) / 10} out of 5 stars",
        reviews=tuple(_reviews(rng)),
    )


class GeneratedGoals(LazyGoals):
    """Two goals of each chosen difficulty for every generated product."""

    def __init__(self, catalogue: Catalogue, seed: int, difficulties: Sequence[Difficulty]) -> None:
        self._catalogue = catalogue
        self._asins = list(catalogue.products)
        self._seed = seed
        self._difficulties = tuple(difficulties)

    def __len__(self) -> int:
        return len(self._asins) * GOALS_PER_PRODUCT * len(self._difficulties)

    def asin(self, index: int) -> str:
        """Return the product that goal `index` wants, without building the goal."""
        return self._asins[index // (GOALS_PER_PRODUCT * len(self._difficulties))]

    def build(self, index: int) -> Goal:
        """Build goal `index`."""
        turn = index % (GOALS_PER_PRODUCT * len(self._difficulties))
        difficulty = self._difficulties[turn % len(self._difficulties)]
        product = self._catalogue.products[self.asin(index)]
        key = f"shop {self._seed} goal {product.asin} {difficulty} {turn // len(self._difficulties)}"
        return _make_goal(random.Random(key), product, self._catalogue.prices[product.asin], difficulty, key)


def _make_goal(rng: random.Random, product: Product, price: float, difficulty: Difficulty, key: str) -> Goal:
    family, kind = _KINDS[_number_of(product.asin) % len(_KINDS)]
    easy = difficulty == "easy"
    properties = rng.sample(product.attributes, 1 if easy else 2)
    names = sorted(product.options)
    if easy:
        names = rng.sample(names, min(len(names), 1))
    options = {name: rng.choice(product.options[name]) for name in names}
    cap = price_cap(price, key)
    words = product.name.replace(",", "").split(" ")
    line = next(word for word in words if word in _LINES)
    title = (words[0], line)
    text = ask(rng, difficulty, family, kind, title, properties, options, cap if cap < NO_CAP else None)
    return Goal(
        asin=product.asin,
        instruction=text,
        attributes=tuple(properties),
        options=options,
        price_upper=cap,
        name=product.name,
        query=product.query,
        category=product.category,
        product_category=product.product_category,
    )


def _identifier(number: int) -> str:
    """Write a number as an id of ten characters; the multiplier scatters neighbours."""
    scattered = number * 48_271 % len(_DIGITS) ** 5
    letters = []
    for _ in range(5):
        scattered, digit = divmod(scattered, len(_DIGITS))
        letters.append(_DIGITS[digit])
    return "B0TW" + "".join(letters) + _DIGITS[sum(map(_DIGITS.index, letters)) % len(_DIGITS)]


@functools.lru_cache(maxsize=1)
def _scatter_inverse() -> int:
    return pow(48_271, -1, len(_DIGITS) ** 5)


def _number_of(asin: str) -> int:
    """Return the number that `_identifier` wrote."""
    scattered = 0
    for letter in reversed(asin[4:9]):
        scattered = scattered * len(_DIGITS) + _DIGITS.index(letter)
    return scattered * _scatter_inverse() % len(_DIGITS) ** 5


def _title(rng: random.Random) -> tuple[str, str]:
    return "".join(rng.choice(part) for part in _SYLLABLES), rng.choice(_LINES)


def _prices(rng: random.Random, kind: Kind) -> tuple[float, ...]:
    low = round(rng.uniform(kind.low, kind.high), 2)
    return (low,) if rng.random() < 0.75 else (low, round(low * rng.uniform(1.1, 1.6), 2))


def _options(rng: random.Random, family: Family) -> dict[str, tuple[str, ...]]:
    options = {}
    for name, values in family.options.items():
        if rng.random() < 0.9:
            kept = set(rng.sample(values, rng.randint(2, len(values))))
            options[name] = tuple(value for value in values if value in kept)
    return options


def _description(
    rng: random.Random,
    family: Family,
    kind: Kind,
    brand: str,
    material: str,
    use: str,
    properties: Sequence[str],
) -> str:
    said = rng.choice(family.properties[properties[1]])
    return " ".join(
        rng.sample(
            (
                f"{brand} makes this {kind.noun} with {material.lower()} for {use.lower()}.",
                f"It {said}.",
                f"Our {kind.noun} is {properties[2]} and built to last.",
                "If anything is wrong, write to us and we will make it right.",
            ),
            rng.randint(2, 4),
        )
    )


def _bullets(rng: random.Random, family: Family, kind: Kind, properties: Sequence[str]) -> list[str]:
    bullets = [f"{name.upper()}: it {rng.choice(family.properties[name])}" for name in properties]
    rng.shuffle(bullets)
    return [
        *bullets[: rng.randint(2, len(bullets))],
        f"What you get: {kind.wanted}, instructions, our thanks",
    ]


def _reviews(rng: random.Random) -> list[Review]:
    reviews = []
    for _ in range(rng.randint(0, 2)):
        good = rng.random() < 0.7
        score = float(rng.randint(4, 5) if good else rng.randint(1, 3))
        reviews.append(Review(rng.choice(("Nice", "Good", "Fine") if good else ("Meh", "No")), score,
                              rng.choice(_PRAISE if good else _BLAME)))  # fmt: skip
    return reviews
