"""The policy that is measured: a softmax over the admissible actions, of what was read so far.

Each admissible action has a role in the chore (go where the thing was seen, open
what was not looked into, put down what is not wanted, ...) that follows from the
texts alone: the instruction, and what the observations have said up to now. The
logit of an action is `strength` times the weight of its role, so one number makes
the policy weak or strong, and log-probabilities and their gradients are exact.
Nothing is downloaded and nothing needs torch.

The policy remembers: its state is the environment and this memory, not the
observation. Shapes: _A admissible actions, _P parameters, _F features of a state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from math import exp
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from turnwise.envs.household.catalogue import HOLDS, OBJECT_CLASSES, likelihood
from turnwise.envs.household.explore import Chore, parse_instruction

__all__ = ["KINDS", "NUM_FEATURES", "NUM_PARAMETERS", "ROLES", "Reader"]

ROLES: dict[str, float] = {
    "go where the thing was seen": 4.0,
    "go to a likely place": 2.5,
    "go to a possible place": 1.0,
    "go to an unlikely place": -1.0,
    "go where nothing was": -1.0,
    "go to the target": 4.0,
    "go to the appliance": 4.0,
    "go elsewhere with the thing": -1.0,
    "open what was not seen": 4.0,
    "open the target": 5.0,
    "open again": -1.0,
    "close": -2.0,
    "take the thing": 6.0,
    "take it back": -2.0,
    "take another thing": -1.5,
    "put it into the target": 6.0,
    "put it elsewhere": -2.0,
    "put another thing down": 2.0,
    "treat it as asked": 6.0,
    "treat it otherwise": -2.0,
    "use the lamp asked for": 6.0,
    "use another": -2.0,
    "slice": -2.0,
    "look": -1.0,
}
"""What an action does for the chore, and its weight in the logit."""

KINDS = ("place", "two", "light", "heat", "cool", "clean")
STAGES = ("search", "treat", "deliver", "rid")
(
    _GO_FETCH,
    _GO_LIKELY,
    _GO_POSSIBLE,
    _GO_UNLIKELY,
    _GO_SEEN,
    _GO_TARGET,
    _GO_APPLIANCE,
    _GO_AWAY,
    _OPEN_UNSEEN,
    _OPEN_TARGET,
    _OPEN_AGAIN,
    _CLOSE,
    _TAKE,
    _TAKE_BACK,
    _TAKE_OTHER,
    _PUT,
    _PUT_ASTRAY,
    _PUT_DOWN,
    _TREAT,
    _TREAT_OTHER,
    _USE,
    _USE_OTHER,
    _SLICE,
    _LOOK,
) = range(len(ROLES))  # in the order of ROLES
_GO_UNSEEN = {5: _GO_LIKELY, 1: _GO_POSSIBLE, 0: _GO_UNLIKELY}
_SIMPLE = {"close": _CLOSE, "slice": _SLICE}
_WEIGHTS = tuple(ROLES.values())
_APPLIANCES = {"heat": "microwave", "cool": "fridge", "clean": "sinkbasin"}
_LAMP_STANDS = ("desk", "sidetable", "dresser", "coffeetable")
_RECEPTACLES = {name.lower(): name for name in HOLDS}
_OBJECTS = {name.lower(): name for name in OBJECT_CLASSES}
_CLASS = {name: number for number, name in enumerate(sorted(_RECEPTACLES))}
_VERBS = ("go", "open", "take", "put")

# One weight a role, one a role and kind of chore, one a verb and class of place.
_BY_KIND = len(ROLES)
_BY_CLASS = _BY_KIND + len(ROLES) * len(KINDS)
NUM_PARAMETERS = _BY_CLASS + len(_VERBS) * len(_CLASS)
NUM_FEATURES = len(KINDS) + 2 * len(STAGES) + 6

_SEEN = re.compile(r"(?:On the|The) (\w+ \d+)(?: is open\. In it)?, you see ([^.]*)\.")
_TAKEN = re.compile(r"You pick up the (\w+ \d+) from the (\w+ \d+)\.")
_PUT_TEXT = re.compile(r"You (?:move|put) the (\w+ \d+) (?:to|in/on) the (\w+ \d+)\.")
_TREATED = re.compile(r"You (heat|cool|clean) the (\w+ \d+) using")
_ACTION = re.compile(r"(\w+)(?: to)?(?: (\w+ \d+))?(?: (?:from|to|in/on|with) (\w+ \d+))?")


class _Facts(NamedTuple):
    taken: tuple[str, str] | None
    put: tuple[str, str] | None
    treated: str
    seen: tuple[str, tuple[str, ...]] | None


class _Act(NamedTuple):
    verb: str
    thing: str  # what is named first
    place: str  # what is named last


class Reader:
    """A memory of what one episode has said so far, and a choice by it.

    Args:
        instruction: the task, in the words of the six task types.
        num_turns: the length of an episode, in turns.
        strength: multiplies all logits; 0 is uniform over the admissible actions.
    """

    __slots__ = ("chore", "contents", "held", "num_turns", "placed", "strength", "treated", "turn")

    def __init__(self, instruction: str, num_turns: int, strength: float) -> None:
        self.chore: Chore = parse_instruction(instruction)
        self.num_turns, self.strength = num_turns, strength
        self.contents: dict[str, tuple[str, ...]] = {}
        self.held, self.placed, self.turn = "", "", 0
        self.treated: frozenset[str] = frozenset()

    def fork(self) -> Reader:
        """Return an independent copy of this memory."""
        copy = object.__new__(Reader)
        copy.chore, copy.num_turns, copy.strength = self.chore, self.num_turns, self.strength
        copy.contents = dict(self.contents)
        copy.held, copy.placed, copy.turn, copy.treated = self.held, self.placed, self.turn, self.treated
        return copy

    def observe(self, observation: str) -> None:
        """Take in the environment's reply to the last action."""
        self.turn += 1
        facts = _facts(observation)
        if facts.taken:
            self.held, place = facts.taken
            left = tuple(thing for thing in self.contents.get(place, ()) if thing != self.held)
            self.contents[place] = left
            if place == self.placed:
                self.placed = ""
        elif facts.put:
            thing, place = facts.put
            self.held = ""
            self.contents[place] = (*self.contents.get(place, ()), thing)
            if _class(thing) == self.chore.obj and _class(place) == self.chore.target:
                self.placed = place
        elif facts.treated:
            self.treated |= {facts.treated}
        if facts.seen:
            place, things = facts.seen
            self.contents[place] = things

    def act(self, admissible: Sequence[str], draw: Random) -> str:
        """Draw an action."""
        weights = [_weight(self.strength, self.role(action)) for action in admissible]
        action: str = draw.choices(admissible, cum_weights=list(accumulate(weights)))[0]
        return action

    def probabilities(self, admissible: Sequence[str]) -> NDArray[np.float64]:
        """Return the chance of each admissible action [A]."""
        weight_A = np.array([_weight(self.strength, self.role(action)) for action in admissible])
        chance_A: NDArray[np.float64] = weight_A / weight_A.sum()
        return chance_A

    def gradient(self, admissible: Sequence[str], action: str) -> NDArray[np.float64]:
        """Return the gradient of the action's log-probability [P]."""
        slope_P = np.zeros(NUM_PARAMETERS)
        for offered, chance in zip(admissible, self.probabilities(admissible).tolist(), strict=True):
            slope_P[self._active(offered)] -= chance
        slope_P[self._active(action)] += 1.0
        return self.strength * slope_P

    def stage(self) -> int:
        """Return the place in STAGES of what is to be done now."""
        if not self.held:
            return 0
        if _class(self.held) != self.chore.obj:
            return 3
        return 2 if self._ready() else 1

    def features(self, admissible: Sequence[str]) -> NDArray[np.float64]:
        """Return what a critic is told of the state [F]."""
        left = 1.0 - self.turn / self.num_turns
        stage = self.stage()
        places = {_act(action).thing for action in admissible if action.startswith("go to ")}
        unseen = sum(place not in self.contents for place in places) / max(len(places), 1)
        found = float(any(self._fetchable(place) for place in self.contents))
        feature_F = np.zeros(NUM_FEATURES)
        feature_F[KINDS.index(self.chore.kind)] = 1.0
        feature_F[len(KINDS) + stage] = 1.0
        feature_F[len(KINDS) + len(STAGES) + stage] = left
        feature_F[-6:] = (left * left, found, found * left, unseen, unseen * left, bool(self.placed))
        return feature_F

    def role(self, action: str) -> int:
        """Return the number of an action's role for the chore, by what has been read."""
        verb, thing, place = _act(action)
        if verb == "go":
            return self._role_of_going(thing)
        if verb == "open":
            if thing not in self.contents:
                return _OPEN_UNSEEN
            return _OPEN_TARGET if self._is_target(thing) else _OPEN_AGAIN
        if verb == "take":
            if _class(thing) != self.chore.obj:
                return _TAKE_OTHER
            return _TAKE_BACK if self._done_at(place) else _TAKE
        if verb == "put":
            if _class(self.held) != self.chore.obj:
                return _PUT_DOWN
            return _PUT if self._is_target(place) else _PUT_ASTRAY
        if verb in _APPLIANCES:
            asked = verb == self.chore.kind and self.held == thing and not self._ready()
            return _TREAT if asked and _class(thing) == self.chore.obj else _TREAT_OTHER
        if verb == "use":
            lit = self.chore.kind == "light" and _class(self.held) == self.chore.obj
            return _USE if lit and _class(thing) == self.chore.target else _USE_OTHER
        return _SIMPLE.get(verb, _LOOK)

    def _role_of_going(self, place: str) -> int:
        seen = place in self.contents
        if not self.held:
            if seen:
                return _GO_FETCH if self._fetchable(place) else _GO_SEEN
            return _GO_UNSEEN[_chance(self.chore.obj, _class(place))]
        if _class(self.held) != self.chore.obj:
            return _GO_AWAY
        if not self._ready():
            return _GO_APPLIANCE if _class(place) == _APPLIANCES[self.chore.kind] else _GO_AWAY
        if self._is_target(place):
            return _GO_TARGET
        if self.chore.kind == "light" and not seen:
            return _GO_UNSEEN[5 if _class(place) in _LAMP_STANDS else 1]
        return _GO_AWAY

    def _ready(self) -> bool:
        """Tell whether what is held is the thing, as it should be."""
        return _class(self.held) == self.chore.obj and (
            self.chore.kind not in _APPLIANCES or self.held in self.treated
        )

    def _is_target(self, place: str) -> bool:
        """Tell whether what is held belongs there now."""
        if not self._ready():
            return False
        if self.chore.kind == "light":
            return any(_class(thing) == self.chore.target for thing in self.contents.get(place, ()))
        return place == self.placed if self.placed else _class(place) == self.chore.target

    def _fetchable(self, place: str) -> bool:
        wanted = any(_class(thing) == self.chore.obj for thing in self.contents[place])
        return wanted and not self._done_at(place)

    def _done_at(self, place: str) -> bool:
        if self.chore.kind == "two":
            return place == self.placed
        return self.chore.kind == "place" and _class(place) == self.chore.target

    def _active(self, action: str) -> list[int]:
        """Return which parameters an action's logit is the sum of."""
        role = self.role(action)
        active = [role, _BY_KIND + role * len(KINDS) + KINDS.index(self.chore.kind)]
        verb, thing, place = _act(action)
        number = _CLASS.get(_class(place or thing))
        if verb in _VERBS and number is not None:
            active.append(_BY_CLASS + _VERBS.index(verb) * len(_CLASS) + number)
        return active


@cache
def _weight(strength: float, role: int) -> float:
    return exp(strength * _WEIGHTS[role])


@cache
def _class(name: str) -> str:
    return name.rpartition(" ")[0]


@cache
def _chance(obj: str, receptacle: str) -> int:
    """Return how likely a thing of a class lies in a receptacle of a class: 0, 1 or 5."""
    return likelihood(_OBJECTS[obj], _RECEPTACLES[receptacle])


@cache
def _act(action: str) -> _Act:
    match = _ACTION.match(action)
    verb, thing, place = match.groups(default="") if match else (action, "", "")
    return _Act("put" if verb == "move" else verb, thing, place)


@cache
def _facts(observation: str) -> _Facts:
    taken, put = _TAKEN.search(observation), _PUT_TEXT.search(observation)
    treated, seen = _TREATED.search(observation), _SEEN.search(observation)
    return _Facts(
        taken=(taken[1], taken[2]) if taken else None,
        put=(put[1], put[2]) if put else None,
        treated=treated[2] if treated else "",
        seen=(seen[1], _things(seen[2])) if seen else None,
    )


def _things(listing: str) -> tuple[str, ...]:
    """Return the names in `a mug 1, a egg 2, and a pan 1`."""
    if listing == "nothing":
        return ()
    return tuple(part.removeprefix("and ").removeprefix("a ") for part in listing.split(", "))
