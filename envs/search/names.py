"""Names for the generated world, made of syllables; none is given twice."""

from __future__ import annotations

import random
from collections.abc import Callable

from .relations import Kind


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


INSTRUMENTS = _words(
    "cello oboe harp lute viola trombone accordion clarinet zither bassoon mandolin flute organ tuba "
    "violin dulcimer piccolo banjo"
)
_STARTS = _words(
    "Al Ber Cal Dor El Fal Gar Hel Ir Jas Kor Lin Mor Nev Ost Per Quil Ran Sel Tor Ul Ver Wil Yor Zan "
    "Bri Cre Dru Fen Gre"
)
_MIDDLES = _words("a e i o u an en in on ar er or al el il as es is")
_FIRST_ENDS = ("a", "ia", "ra", "na", "la", "us", "an", "in", "el", "or", "is", "o")
_LAST_ENDS = _words("berg dal feld gard holm kov lund mann nik quist rud sen stad thorpe vik wald worth zek")
_CITY_ENDS = _words("burg ford haven mere mouth port stead ton vale wick minster gate")
_REGION_ENDS = ("ia", "mark", "land", "shire", "ona", "avia")
_RIVER_ENDS = ("e", "ach", "une", "ova", "ine", "ask")
_ADJECTIVES = _words(
    "Silent Last Copper Broken Hidden Winter Salt Paper Burning Distant Patient Glass Crooked Seventh "
    "Velvet Hollow Northern Borrowed Painted Sleeping Golden Iron Forgotten Restless Empty Wandering "
    "Blue Scarlet"
)
_THINGS = _words(
    "Orchard Harbor Lantern Staircase Orphan Clockmaker Garden Letter Bridge Mirror Archive Ferry "
    "Violinist Map Window Sparrow Mill Station Island Ledger Tailor Comet Kitchen Tower Widow Carpenter "
    "Notebook Meadow Well Chorus Painter Key Frontier Oath Market Umbrella Baker Balcony Compass Bell"
)
_INSTITUTIONS = (
    "University",
    "Institute",
    "Academy",
    "College",
    "Conservatory",
    "Press",
    "Publishing House",
    "Foundation",
    "Laboratories",
    "Shipyards",
    "Trading Company",
    "Observatory",
)


class Namer:
    """Names of each kind of thing, never one twice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._given: set[str] = set()
        self._surnames = self._pool(500, _LAST_ENDS)
        self._firsts = self._pool(140, _FIRST_ENDS)
        self._makers: dict[Kind, Callable[[], str]] = {
            "person": lambda: f"{rng.choice(self._firsts)} {rng.choice(self._surnames)}",
            "city": lambda: self._word(_CITY_ENDS),
            "region": lambda: self._word(_REGION_ENDS),
            "work": self._work,
            "organisation": self._organisation,
        }

    def name(self, kind: Kind) -> str:
        """Return a name that was not given before."""
        while True:
            name = self._makers[kind]()
            if name not in self._given:
                self._given.add(name)
                return name

    def river(self) -> str:
        """Return the name of a river, which several cities may share."""
        return self._word(_RIVER_ENDS)

    def _word(self, ends: tuple[str, ...]) -> str:
        return self._rng.choice(_STARTS) + self._rng.choice(_MIDDLES) + self._rng.choice(ends)

    def _pool(self, size: int, ends: tuple[str, ...]) -> list[str]:
        pool: dict[str, None] = {}
        while len(pool) < size:
            pool[self._word(ends)] = None
        return list(pool)

    def _work(self) -> str:
        rng = self._rng
        form = rng.randrange(4)
        if form == 0:
            return f"The {rng.choice(_ADJECTIVES)} {rng.choice(_THINGS)}"
        if form == 1:
            return f"The {rng.choice(_THINGS)} of {self._word(_CITY_ENDS)}"
        if form == 2:
            return f"A {rng.choice(_THINGS)} for {rng.choice(self._firsts)}"
        first, second = (f"{rng.choice(_ADJECTIVES)} {rng.choice(_THINGS)}" for _ in range(2))
        return f"{first}, {second}"

    def _organisation(self) -> str:
        rng = self._rng
        if rng.random() < 0.3:
            return (
                f"{rng.choice(self._surnames)} and {rng.choice(self._surnames)} {rng.choice(_INSTITUTIONS)}"
            )
        return f"{rng.choice(self._surnames)} {rng.choice(_INSTITUTIONS)}"
