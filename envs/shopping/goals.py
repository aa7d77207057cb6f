"""What a shopper wants, and where goals come from: frozen files, the products, people's words.

The original draws goals and price caps from random numbers it does not seed, so
a file of frozen goals fixes them. Without one, caps are drawn from a hash of the
goal: the same in every process and for every order of the products.
"""

from __future__ import annotations

import bisect
import itertools
import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from ...errors import UsageError
from ..retrieval.draws import draw
from ..retrieval.jsonio import field, read_json
from .product import Product

NO_CAP = 1_000_000.0
_SHUFFLE_SEED = 233  # the original's
_CAPS = [10.0 * i for i in range(1, 100)]


@dataclass(frozen=True, slots=True)
class Goal:
    """One task: a product to buy, with attributes, options and a price cap in dollars.

    `options` maps names to values; goals in people's words have values without names.
    """

    asin: str
    instruction: str
    attributes: tuple[str, ...]
    options: Mapping[str, str] | tuple[str, ...]
    price_upper: float
    name: str
    query: str
    category: str
    product_category: str

    @classmethod
    def of(cls, goal: Goal | Mapping[str, Any]) -> Goal:
        """Take a goal, or a record of the original's form.

        Raises:
            UsageError: naming a field that is missing.
        """
        return goal if isinstance(goal, Goal) else cls.from_record(dict(goal), Path("goal"), 0)

    @classmethod
    def from_record(cls, record: dict[str, Any], path: Path, number: int) -> Goal:
        """Read a record of a goals file.

        Raises:
            UsageError: naming file, record and field.
        """
        options = field(record, "goal_options", (dict, list, tuple), path, number)
        return cls(
            asin=field(record, "asin", str, path, number),
            instruction=field(record, "instruction_text", str, path, number),
            attributes=tuple(field(record, "attributes", (list, tuple), path, number)),
            options=dict(options) if isinstance(options, dict) else tuple(options),
            price_upper=float(field(record, "price_upper", (int, float), path, number)),
            name=field(record, "name", str, path, number),
            query=field(record, "query", str, path, number),
            category=str(record.get("category", "")),
            product_category=field(record, "product_category", str, path, number),
        )


def load_goals(path: Path, products: Mapping[str, Product]) -> list[Goal]:
    """Read a file of frozen goals.

    Raises:
        UsageError: if a goal wants a product that the catalogue lacks.
    """
    records = read_json(path)
    if not isinstance(records, list):
        raise UsageError(f"{path}: expected a JSON array of goals, got {type(records).__name__}")
    goals = [Goal.from_record(record, path, number) for number, record in enumerate(records)]
    for number, goal in enumerate(goals):
        if goal.asin not in products:
            raise UsageError(f"{path}: goal {number} wants {goal.asin!r}, which the products do not hold")
    return goals


def human_goals(path: Path, products: Mapping[str, Product], prices: Mapping[str, float]) -> list[Goal]:
    """Read goals in people's words (`items_human_ins.json`), shuffled as the original does."""
    instructions = read_json(path)
    if not isinstance(instructions, dict):
        raise UsageError(f"{path}: expected an object from product id to instructions")
    goals = []
    for asin in products:
        for number, record in enumerate(instructions.get(asin, ())):
            attributes = tuple(field(record, "instruction_attributes", list, path, number))
            if attributes:
                text = field(record, "instruction", str, path, number).strip(".")
                options = tuple(field(record, "instruction_options", list, path, number))
                key = f"{asin} human {number}"
                goals.append(_goal(products[asin], text, attributes, options, prices[asin], key))
    random.Random(_SHUFFLE_SEED).shuffle(goals)
    return goals


class LazyGoals(Sequence[Goal], ABC):
    """Goals that are built when they are looked at."""

    @abstractmethod
    def asin(self, index: int) -> str:
        """Return the product that goal `index` wants, without building the goal."""

    @abstractmethod
    def build(self, index: int) -> Goal:
        """Build goal `index`, which is from 0 to below the number of goals."""

    @overload
    def __getitem__(self, index: int) -> Goal: ...

    @overload
    def __getitem__(self, index: slice) -> list[Goal]: ...

    def __getitem__(self, index: int | slice) -> Goal | list[Goal]:
        if isinstance(index, slice):
            return [self.build(i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"goal {index} of {len(self)}")
        return self.build(index % len(self))


class ProductGoals(LazyGoals):
    """A goal for every way to choose the options of every product that has an instruction.

    Nothing is stored per goal but its place in the shuffled order, so the goals
    of a million products fit in memory.
    """

    def __init__(self, wanted: Sequence[str], products: Mapping[str, Product], prices: Mapping[str, float]):
        self._wanted = wanted
        self._products = products
        self._prices = prices
        counts = (products[asin].num_combinations for asin in wanted)
        self._ends = list(itertools.accumulate(counts))
        self._order = list(range(self._ends[-1] if self._ends else 0))
        random.Random(_SHUFFLE_SEED).shuffle(self._order)

    def __len__(self) -> int:
        return len(self._order)

    def build(self, index: int) -> Goal:
        """Build goal `index`."""
        number = self._order[index]
        place = bisect.bisect_right(self._ends, number)
        product = self._products[self._wanted[place]]
        combination = number - (self._ends[place - 1] if place else 0)
        return self._goal(product, combination)

    def asin(self, index: int) -> str:
        """Return the product that goal `index` wants, without building the goal."""
        return self._wanted[bisect.bisect_right(self._ends, self._order[index])]

    def _goal(self, product: Product, combination: int) -> Goal:
        options: dict[str, str] = {}
        for name in sorted(product.options, reverse=True):  # the last name turns fastest
            combination, choice = divmod(combination, len(product.options[name]))
            options[name] = product.options[name][choice]
        options = dict(sorted(options.items()))
        wanted = ", and ".join(f"{name}: {value}" for name, value in options.items())
        text = f"{product.instruction}{' with ' + wanted if wanted else ''}"
        key = f"{product.asin} {wanted}"
        return _goal(product, text, product.instruction_attributes, options, self._prices[product.asin], key)


def _goal(
    product: Product,
    text: str,
    attributes: Iterable[str],
    options: Mapping[str, str] | tuple[str, ...],
    price: float,
    key: str,
) -> Goal:
    cap = price_cap(price, key)
    return Goal(
        asin=product.asin,
        instruction=text + (f", and price lower than {cap:.2f} dollars" if cap < NO_CAP else ""),
        attributes=tuple(attributes),
        options=options,
        price_upper=cap,
        name=product.name,
        query=product.query,
        category=product.category,
        product_category=product.product_category,
    )


def price_cap(price: float, key: str) -> float:
    """Draw a cap as the original does: the greater of two of the next four multiples of ten."""
    above = [cap for cap in _CAPS if cap > price][:4]
    if len(above) < 2:
        return NO_CAP
    pairs = list(itertools.combinations(above, 2))
    return pairs[draw("cap " + key, len(pairs))][1]
