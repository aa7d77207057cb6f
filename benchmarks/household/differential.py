"""Compare the household engine with the original, step by step.

The original runs in a process of its own, with its own interpreter: the path in
the environment variable TURNWISE_ORACLE, or `.oracle/bin/python` of the checkout
(`make oracle` installs it). It is driven through tests/envs/household/oracle_driver.py.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from turnwise.envs.household import engine, text
from turnwise.envs.household.game import Game, State
from turnwise.envs.household.plan import next_action

REPOSITORY = Path(__file__).resolve().parents[2]
DRIVER = REPOSITORY / "tests" / "envs" / "household" / "oracle_driver.py"
KINDS = ("random", "expert", "adversarial")
_WEIGHTS = {"go": 6, "take": 6, "examine": 2, "look": 1, "inventory": 1, "help": 1}
_JUNK = (
    "",
    " ",
    "look around",
    "go to",
    "go to ",
    "go to nowhere 1",
    "take",
    "LOOK",
    "\u00e9\u4e2d",
    "help me",
    "xyzzy",
)


def oracle_python() -> Path | None:
    """Return the interpreter that has the original, or None."""
    named = os.environ.get("TURNWISE_ORACLE")
    path = Path(named) if named else REPOSITORY / ".oracle" / "bin" / "python"
    return path if path.exists() else None


class Oracle:
    """The original engine behind a pipe; one request at a time.

    Args:
        python: the interpreter that has `textworld[pddl]` and `alfworld`.
    """

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._process.stdout.close()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the original engine ended with {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def play(self, file: Path, actions: list[str]) -> dict[str, Any]:
        """Play a game file from its start."""
        return self.ask({"play": str(file), "actions": actions})


def sequence(game: Game, kind: str, seed: int, num_steps: int) -> list[str]:
    """Return actions of one kind: random, expert (then random), or adversarial."""
    rng = random.Random(f"{kind} {seed}")
    state, actions = game.initial, []
    for _ in range(num_steps):
        action = None
        if kind == "expert" and not engine.won(game, state):
            action = next_action(game, state)
        elif kind == "adversarial" and rng.random() < 0.5:
            action = _hostile(game, state, rng)
        if action is None:
            action = _by_verb(engine.admissible(game, state), rng)
        actions.append(action)
        _, state = engine.step(game, state, action)
    return actions


def _by_verb(admissible: tuple[str, ...], rng: random.Random) -> str:
    """Draw the verb first, so that going somewhere does not crowd out the rest."""
    verbs: dict[str, list[str]] = {}
    for action in admissible:
        verbs.setdefault(action.partition(" ")[0], []).append(action)
    names = sorted(verbs)
    weights = [_WEIGHTS.get(name, 4) for name in names]
    return rng.choice(verbs[rng.choices(names, weights)[0]])


def _hostile(game: Game, state: State, rng: random.Random) -> str:
    """Make up an action that is probably refused: known words in wrong places."""
    places = [place.name for place in game.receptacles]
    things = [thing.name for thing in game.objects]
    thing, place, other = rng.choice(things), rng.choice(places), rng.choice(things)
    if state.held >= 0 and rng.random() < 0.5:
        thing = game.objects[state.held].name
    here = [place.name for place in game.receptacles if place.location == state.location]
    if here and rng.random() < 0.6:
        place = rng.choice(here)
    made = [
        f"take {thing} from {place}",
        f"move {thing} to {place}",
        f"put {thing} in/on {place}",
        f"go to {place}",
        f"go to {thing}",
        f"open {place}",
        f"close {place}",
        f"open {thing}",
        f"examine {thing}",
        f"examine {place}",
        f"use {thing}",
        f"use {place}",
        f"heat {thing} with {place}",
        f"cool {thing} with {place}",
        f"clean {thing} with {place}",
        f"slice {thing} with {other}",
        f"  {rng.choice(engine.admissible(game, state))}\t\n",
        rng.choice(engine.admissible(game, state)).upper(),
        rng.choice(engine.admissible(game, state)) + ".",
        rng.choice(engine.admissible(game, state)).replace(" ", "  "),
        rng.choice(_JUNK),
    ]
    return rng.choice(made)


@dataclass(frozen=True, slots=True)
class Difference:
    """The place where the two engines part."""

    step: int
    action: str
    what: str
    ours: object
    original: object


def replies(game: Game, actions: list[str]) -> list[list[Any]]:
    """Return what our engine replies: [observation, admissible, score, won], reset's first.

    As in the original, reset reports no score, even where the goal is reached from the start.
    """
    state = game.initial
    made = [[text.intro(game), list(engine.admissible(game, state)), 0, engine.won(game, state)]]
    for action in actions:
        observation, state = engine.step(game, state, action)
        won = engine.won(game, state)
        made.append([observation, list(engine.admissible(game, state)), int(won), won])
    return made


def compare(game: Game, actions: list[str], originals: list[list[Any]]) -> Difference | None:
    """Replay actions on our engine against the original's replies; return the first difference."""
    names = ("observation", "admissible", "score", "won")
    pairs = zip(replies(game, actions), originals, strict=True)
    for step, (ours, original) in enumerate(pairs):
        for what, value, other in zip(names, ours, original, strict=True):
            if value != other:
                return Difference(step, actions[step - 1] if step else "", what, value, other)
    return None
