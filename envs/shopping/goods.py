"""Goods of the generated shop: what a kind and a family of them are, and the words they share.

Two things are kept from every word list, because the original reward cuts a
bought option down to the first colour whose name it contains: no option holds a
colour's name inside another word, and colours are named by one of the reward's own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of goods: `wanted` as a shopper says it, `query` as the shop files it; dollars."""

    wanted: str
    query: str
    low: int
    high: int

    @property
    def noun(self) -> str:
        """Return the bare name: without article, "some" or "a pair of"."""
        words = self.wanted.removeprefix("a pair of ").removeprefix("a set of ").split(" ")
        return " ".join(words[1:] if words[0] in ("a", "an", "some") else words)


@dataclass(frozen=True, slots=True)
class Family:
    """Kinds that share a department, materials, properties and options.

    `properties` maps an attribute to other ways of saying it.
    """

    category: str
    path: tuple[str, ...]
    kinds: tuple[Kind, ...]
    materials: tuple[str, ...]
    uses: tuple[str, ...]
    properties: dict[str, tuple[str, str]]
    options: dict[str, tuple[str, ...]]


COLOURS = ("black", "white", "navy", "olive", "burgundy", "teal", "grey", "mustard", "lavender", "coral")
SIZES = ("x-small", "small", "medium", "large", "x-large", "xx-large")
BEDS = ("twin", "full", "queen", "king")
PACKS = ("pack of 1", "pack of 3", "pack of 6", "pack of 12")

OTHER_WORDS = {
    "x-small": "extra small", "x-large": "extra large", "xx-large": "double extra large",
    "pack of 1": "a single pack", "pack of 3": "a three pack", "pack of 6": "a six pack",
    "pack of 12": "a dozen packs",
}  # fmt: skip
"""Other ways of saying an option's value, for hard instructions."""
