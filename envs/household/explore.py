"""Explore: an agent that knows only what it reads, searches with common sense and errs.

It is a scripted stand-in for a person who enters an unknown room: it looks
where such a thing would be likely, opens what is closed, remembers what it has
seen and does the chore when it can. Its plays are what a warm start is cloned
from, so it must not use anything that the texts do not say.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ...errors import UsageError
from .catalogue import HOLDS, OBJECT_CLASSES, likelihood

_RECEPTACLES = {name.lower(): name for name in HOLDS}
_OBJECTS = {name.lower(): name for name in OBJECT_CLASSES}
_LAMP_STANDS = ("desk", "sidetable", "dresser", "coffeetable")
_APPLIANCES = {"heat": "microwave", "cool": "fridge", "clean": "sinkbasin"}

_PATTERNS = (
    (re.compile(r"(?:look at|examine the) (?P<obj>\w+) (?:under|with) the (?P<target>\w+)"), "light"),
    (re.compile(r"(?:put|find) two (?P<obj>\w+) (?:in|and put them in) (?P<target>\w+)"), "two"),
    (re.compile(r"put a clean (?P<obj>\w+) in (?P<target>\w+)"), "clean"),
    (re.compile(r"put a hot (?P<obj>\w+) in (?P<target>\w+)"), "heat"),
    (re.compile(r"put a cool (?P<obj>\w+) in (?P<target>\w+)"), "cool"),
    (re.compile(r"clean some (?P<obj>\w+) and put it in (?P<target>\w+)"), "clean"),
    (re.compile(r"heat some (?P<obj>\w+) and put it in (?P<target>\w+)"), "heat"),
    (re.compile(r"cool some (?P<obj>\w+) and put it in (?P<target>\w+)"), "cool"),
    (re.compile(r"put (?:a|some) (?P<obj>\w+) (?:in|on) (?P<target>\w+)"), "place"),
)
_SEEN = re.compile(r"(?:On the|The) (?P<place>\w+ \d+)(?: is open\. In it)?, you see (?P<list>[^.]*)\.")
_CLOSED = re.compile(r"The (?P<place>\w+ \d+) is closed\.")
_TAKEN = re.compile(r"You pick up the (?P<obj>\w+ \d+) from the (?P<place>\w+ \d+)\.")
_PUT = re.compile(r"You (?:move|put) the (?P<obj>\w+ \d+) (?:to|in/on) the (?P<place>\w+ \d+)\.")
_TREATED = re.compile(r"You (?P<verb>heat|cool|clean) the (?P<obj>\w+ \d+) using")


class Chore(NamedTuple):
    """What an instruction asks for; classes are in lower case."""

    kind: str
    """place, two, light, heat, cool or clean"""
    obj: str
    target: str
    """class of the receptacle, or of the lamp"""


def parse_instruction(instruction: str) -> Chore:
    """Read an instruction in the words of the six task types' templates.

    Raises:
        UsageError: if it is worded otherwise.
    """
    for pattern, kind in _PATTERNS:
        match = pattern.search(instruction)
        if match:
            return Chore(kind, match["obj"], match["target"])
    raise UsageError(
        f"instruction {instruction!r}: expected the words of a household task, like "
        "'put a mug in desk.' or 'heat some egg and put it in fridge.'"
    )


class Explorer:
    """A player of one game who knows its texts alone.

    Args:
        instruction: the text that states the task, e.g. `Your task is to: put a mug in desk.`
        rng: decides between places that are about as likely.
        slip: chance per turn of doing a random admissible action instead.

    Raises:
        UsageError: if the instruction is in unknown words.
    """

    def __init__(self, instruction: str, rng: np.random.Generator, *, slip: float = 0.0) -> None:
        self.chore = parse_instruction(instruction)
        self._rng, self._slip = rng, slip
        self._places: list[str] = []
        self._contents: dict[str, list[str]] = {}
        self._closed: set[str] = set()
        self._lamps: dict[str, str] = {}
        self._held = ""
        self._treated: set[str] = set()
        self._target = ""
        self._taste: dict[str, float] = {}
        self._step = "find"

    @property
    def subgoal(self) -> str:
        """Return what the last action was for: find, put down, clean, heat, cool, light or put."""
        obj, target = self.chore.obj, self.chore.target
        phrases = {
            "find": f"find {obj}",
            "put down": f"put down {_kind(self._held)}",
            "light": f"find {target}",
            "put": f"put {obj} in {target}",
        }
        return phrases.get(self._step, f"{self._step} {obj}")

    def act(self, observation: str, admissible: Iterable[str]) -> str:
        """Return the next action.

        Args:
            observation: the environment's last words.
            admissible: the actions that are possible now.
        """
        options = list(admissible)
        self._read(observation)
        for option in options:
            if option.startswith("go to "):
                self._learn_place(option[6:])
        if self._slip and self._rng.random() < self._slip:
            return options[int(self._rng.integers(len(options)))]
        action = self._deliver(options) if self._held else self._seek(options)
        return action if action in options else "look"

    def _learn_place(self, name: str) -> None:
        if name not in self._taste:
            self._places.append(name)
            self._taste[name] = float(self._rng.gumbel())

    def _read(self, text: str) -> None:
        """Remember what the observation says about places and the hand."""
        if match := _TAKEN.search(text):
            self._held = match["obj"]
            contents = self._contents.get(match["place"], [])
            if match["obj"] in contents:
                contents.remove(match["obj"])
        elif match := _PUT.search(text):
            self._held = ""
            self._contents.setdefault(match["place"], []).append(match["obj"])
            if self._wanted(match["obj"]) and _kind(match["place"]) == self.chore.target:
                self._target = match["place"]
        elif match := _TREATED.search(text):
            self._treated.add(match["obj"])
        if match := _CLOSED.search(text):
            self._closed.add(match["place"])
        if match := _SEEN.search(text):
            place, things = match["place"], _things(match["list"])
            self._closed.discard(place)
            self._contents[place] = things
            self._lamps.update({thing: place for thing in things if _kind(thing) == self.chore.target})
            if self.chore.kind == "two" and _kind(place) == self.chore.target and not self._target:
                self._target = place if any(map(self._wanted, things)) else ""

    def _wanted(self, thing: str) -> bool:
        return _kind(thing) == self.chore.obj

    def _seek(self, options: list[str]) -> str:
        """Take the wanted object where it is seen, or search on."""
        self._step = "find"
        for option in options:
            match = re.fullmatch(r"take (\w+ \d+) from (\w+ \d+)", option)
            if match and self._wanted(match[1]) and not self._done_with(match[1], match[2]):
                return option
        for place, things in self._contents.items():
            if any(self._wanted(thing) and not self._done_with(thing, place) for thing in things):
                return self._approach(place, options)
        return self._search(self.chore.obj, options)

    def _done_with(self, thing: str, place: str) -> bool:
        """Tell whether an object lies where the task wants it."""
        if self.chore.kind == "two":
            return place == self._target
        return self.chore.kind == "place" and _kind(place) == self.chore.target

    def _deliver(self, options: list[str]) -> str:
        """Do with the object in hand what the task asks for."""
        chore, held = self.chore, self._held
        if not self._wanted(held):
            self._step = "put down"
            return self._put_down(options)
        if chore.kind == "light":
            self._step = "light"
            return self._light(options)
        if chore.kind in _APPLIANCES and held not in self._treated:
            self._step = chore.kind
            return self._treat(options)
        self._step = "put"
        targets = [place for place in self._places if _kind(place) == chore.target]
        if self._target:
            targets = [self._target]
        if not targets:
            return "look"
        return self._put_into(min(targets, key=lambda place: self._effort(place, options)), options)

    def _effort(self, place: str, options: list[str]) -> tuple[int, float]:
        here = f"examine {place}" in options
        return (0 if here else 1) + (place in self._closed), -self._taste[place]

    def _put_into(self, place: str, options: list[str]) -> str:
        for option in (f"move {self._held} to {place}", f"put {self._held} in/on {place}", f"open {place}"):
            if option in options:
                return option
        return self._approach(place, options)

    def _put_down(self, options: list[str]) -> str:
        for option in options:
            if option.startswith(("move ", "put ")):
                return option
        accepting = [p for p in self._places if self._accepts(p, self._held) and p not in self._closed]
        return self._approach(self._draw(accepting or self._places), options)

    def _accepts(self, place: str, thing: str) -> bool:
        holds = HOLDS.get(_RECEPTACLES.get(_kind(place), ""), frozenset())
        return _OBJECTS.get(_kind(thing), "") in holds

    def _treat(self, options: list[str]) -> str:
        verb = self.chore.kind
        for option in options:
            if option.startswith(f"{verb} {self._held} with "):
                return option
        appliances = [place for place in self._places if _kind(place) == _APPLIANCES[verb]]
        if not appliances:
            return "look"
        return self._approach(min(appliances, key=lambda place: self._effort(place, options)), options)

    def _light(self, options: list[str]) -> str:
        for option in options:
            if option.startswith(f"use {self.chore.target} "):
                return option
        for place in self._lamps.values():
            return self._approach(place, options)
        return self._search(self.chore.target, options)

    def _search(self, wanted: str, options: list[str]) -> str:
        """Look into the likeliest place not seen yet; when all are seen, begin again."""
        unseen = [place for place in self._places if place not in self._contents]
        if wanted.endswith("lamp"):
            unseen = [place for place in unseen if place not in self._closed]
        if not unseen:
            self._contents.clear()
            self._taste = {place: float(self._rng.gumbel()) for place in self._places}
            unseen = self._places
        if not unseen:
            return "look"
        return self._approach(max(unseen, key=lambda p: self._score(wanted, p)), options)

    def _score(self, wanted: str, place: str) -> float:
        """Return the Gumbel-perturbed log chance, so that the best is a draw by chance."""
        return math.log(self._chance(wanted, place) + 0.01) + self._taste[place]

    def _chance(self, wanted: str, place: str) -> float:
        if wanted.endswith("lamp"):
            return 5.0 if _kind(place) in _LAMP_STANDS else 0.1
        receptacle, obj = _RECEPTACLES.get(_kind(place)), _OBJECTS.get(wanted)
        if receptacle is None or obj is None:
            return 1.0
        return float(likelihood(obj, receptacle))

    def _draw(self, places: list[str]) -> str:
        return places[int(self._rng.integers(len(places)))] if places else ""

    def _approach(self, place: str, options: list[str]) -> str:
        """Return the action that brings a place into view."""
        for option in (f"go to {place}", f"open {place}", f"examine {place}"):
            if option in options:
                return option
        return "look"


def _kind(name: str) -> str:
    return name.rpartition(" ")[0]


def _things(listing: str) -> list[str]:
    """Return the names in `a mug 1, a egg 2, and a pan 1`."""
    if listing == "nothing":
        return []
    return [part.removeprefix("and ").removeprefix("a ") for part in listing.split(", ")]
