"""How shoppers of the generated shop ask, at three difficulties.

easy    names brand and line, one property and at most one option
medium  names the kind of goods, two properties and every option, in the shop's own words
hard    the same, but properties are described in other words, values are rephrased, the
        price is written out, and the shopper talks about other things too
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal

from .goods import OTHER_WORDS, Family, Kind

Difficulty = Literal["easy", "medium", "hard"]

_EASY = (
    "please buy the {brand} {line} {noun} for me, {properties}{options}",
    "i want the {brand} {line} {noun}, {properties}{options}",
    "get me the {noun} from {brand}, the {line} one, {properties}{options}",
)
_MEDIUM = (
    "i am looking for {wanted}, {properties}{options}",
    "find me {wanted}, {properties}{options}",
    "i need {wanted}. the page should say {properties}. i take it{options}",
    "can you get me {wanted}? it has to be listed as {properties}{options}",
)
_HARD = (
    "{chat} i could use {wanted} that {properties}{options}",
    "{chat} so i want {wanted}, one that {properties}{options}",
    "hi, {chat} would you find {wanted} that {properties}{options}",
)
_CHAT = (
    "my sister's birthday is on friday and she has everything.",
    "we moved last month and half the boxes are still shut.",
    "the old one gave up yesterday.",
    "my neighbor keeps telling me about hers.",
    "i start a new job next week.",
    "we have guests coming for the holidays.",
    "i have been putting this off since spring.",
    "the shop around the corner has closed.",
)
_CAP = (", and price lower than {cap:.2f} dollars", ", for less than {cap:.0f} dollars", " under ${cap:.0f}")
_HARD_CAP = (", and i will not pay more than {words} dollars", ", {words} dollars is the most i can spend")
_OPTION = {
    "size": ("in size {value}", "size {value}"),
    "color": ("in {value}", "in the color {value}"),
    "width": ("in {value} width", "with {value} width"),
    "scent": ("with {value} scent", "that smells of {value}"),
    "flavor name": ("in {value} flavor", "with the flavor {value}"),
    "style": ("in {value} style", "the {value} version"),
    "capacity": ("that holds {value}", "with {value} capacity"),
}
_ONES = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS: tuple[str, ...] = (
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
)
_TEENS += ("nineteen",)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def ask(
    rng: random.Random,
    difficulty: Difficulty,
    family: Family,
    kind: Kind,
    title: tuple[str, str],
    properties: Sequence[str],
    options: Mapping[str, str],
    cap: float | None,
) -> str:
    """Write an instruction.

    Args:
        rng: decides among the wordings.
        difficulty: easy, medium or hard.
        family: the goods' family.
        kind: the kind of goods.
        title: (brand, line) of the goods.
        properties: the attributes wanted.
        options: name -> value wanted.
        cap: the price in dollars that must not be exceeded, or None.
    """
    hard = difficulty == "hard"
    wordings = {"easy": _EASY, "medium": _MEDIUM, "hard": _HARD}[difficulty]
    said = [rng.choice(family.properties[name]) if hard else name for name in properties]
    chosen = [_say_option(rng, name, value, hard=hard) for name, value in options.items()]
    text = rng.choice(wordings).format(
        brand=title[0].lower(),
        line=title[1].lower(),
        noun=kind.noun,
        wanted=kind.wanted,
        properties=" and ".join(said),
        options=(" " + ", ".join(chosen)) if chosen else "",
        chat=rng.choice(_CHAT),
    )
    if cap is None:
        return text
    return text + rng.choice(_HARD_CAP if hard else _CAP).format(cap=cap, words=in_words(round(cap)))


def in_words(number: int) -> str:
    """Write a number from 1 to 999 in words."""
    if number >= 100:
        rest = number % 100
        return f"{_ONES[number // 100]} hundred" + (f" and {in_words(rest)}" if rest else "")
    if number >= 20:
        return _TENS[number // 10] + (f"-{_ONES[number % 10]}" if number % 10 else "")
    return _TEENS[number - 10] if number >= 10 else _ONES[number]


def _say_option(rng: random.Random, name: str, value: str, *, hard: bool) -> str:
    if hard and value in OTHER_WORDS:
        return (
            f"in {OTHER_WORDS[value]}"
            if name != "size" or "pack" not in value
            else f"as {OTHER_WORDS[value]}"
        )
    return rng.choice(_OPTION[name]).format(value=value)
