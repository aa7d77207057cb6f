"""A game of TextArena as one of ours: `textarena:GuessTheNumber-v0`.

    turnwise eval --env textarena:GuessTheNumber-v0 --agent AGENT

What a player is shown in a turn are the messages of the game since the last one; the rules, which
TextArena calls the prompt, are the instruction. The games draw from Python's one generator of random
numbers: here each has a state of it to itself, put in place for as long as a call takes. TextArena:
Guertler et al., arXiv 2504.11442.
"""

from __future__ import annotations

import hashlib
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from ...errors import EnvironmentFault, UnknownName, UsageError
from ...files import load_object
from ..core import MAX_TEXT_CHARS, Info
from .named import NamedEnv

Opponent = Callable[[str], str]

_ONE_AT_A_TIME = threading.RLock()
_MAX_TURNS_OF_OTHERS = 10_000
_SEED_END = 2**31


class TextArena(NamedEnv):
    """A game of TextArena, played from one seat.

    The reward comes at the end and is the game's own, mostly 1 for what was won; `won` says whether it is
    at least 1. `state_key` is the last board that was shown, or else everything that was said.

    Args:
        players: how many play.
        seat: the number of the agent's, from 0.
        opponent: who plays the others: a function of this process, or `file.py:function`, from what that
            player is shown to an action.

    Raises:
        UsageError: if TextArena is not installed, or the game needs words of NLTK, which is told.
        UnknownName: if it has no such game, with the closest names.
    """

    no_expert = "TextArena's games do not say what the best action is"
    package, module = "TextArena", "textarena"
    for_operators = ("opponent",)

    def __init__(self, players: int = 1, seat: int = 0, opponent: str | Opponent | None = None) -> None:
        if not 0 <= seat < players:
            raise UsageError(f"seat {seat} of {players} players: expected one from 0 to {players - 1}")
        if players > 1 and opponent is None:
            raise UsageError(
                f"{players} players: say who plays the others, e.g. -k opponent=file.py:function"
            )
        self._players, self._seat = players, seat
        self._opponent = load_object(opponent, given="opponent") if isinstance(opponent, str) else opponent
        self._chance = random.Random(0).getstate()
        with self._own_chance():
            self._game, self._brackets = self._made()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Begin a game; what the others do before the agent's first turn has been done."""
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(_SEED_END))
        self.reseed(drawn)
        self._over, self._reward, self._board, self._said = False, 0.0, "", ""
        with self._own_chance():
            try:
                self._game.reset(num_players=self._players, seed=drawn)
            except (AssertionError, ValueError) as error:
                raise UsageError(f"{self.named} with {self._players} players: {error}") from error
            rules, shown = self._turn_comes()
        self._rules = rules
        return shown or rules, self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take one turn, and let the others take theirs."""
        if self._over:
            return "", 0.0, True, False, self._info()
        with self._own_chance():
            self._act(action)
            _, shown = self._turn_comes()
        return shown, self._reward, self._over, False, self._info()

    def reseed(self, seed: int) -> None:
        """Give the game fresh randomness from here on."""
        super().reseed(seed)
        self._chance = random.Random(seed).getstate()

    def _made(self) -> tuple[Any, bool]:
        """Return the game without wrappers, and whether its actions stand in brackets."""
        package = self.imported()
        known = package.envs.registration.ENV_REGISTRY
        if self.named not in known:
            raise UnknownName("game of TextArena", self.named, known)
        try:
            game = package.make(self.named)
        except LookupError as error:
            raise UsageError(
                f"{self.named} needs word lists of NLTK, which are not there: "
                "python -m nltk.downloader words averaged_perceptron_tagger_eng"
            ) from error
        wrappers = known[self.named].default_wrappers or ()
        while isinstance(game, package.Wrapper):
            game = game.env
        return game, any(wrapper.__name__ == "ActionFormattingWrapper" for wrapper in wrappers)

    def _act(self, action: str) -> None:
        """Give the game an action of whoever's turn it is."""
        bare = self._brackets and not ("[" in action or "]" in action)
        done, _ = self._game.step(action=f"[{action}]" if bare else action)
        if done:
            self._over = True
            rewards, _ = self._game.close()
            reward = (rewards or {}).get(self._seat) or 0.0
            if not isinstance(reward, int | float):
                raise EnvironmentFault(f"{self.named} gave the reward {reward!r}; expected a number")
            self._reward = float(reward)

    def _turn_comes(self) -> tuple[str, str]:
        """Let the others play until it is the agent's turn; return the rules and what it is shown."""
        for _ in range(_MAX_TURNS_OF_OTHERS):
            player = self._game.state.current_player_id
            if self._over or player == self._seat:
                return self._read()
            seen = "\n".join(message for _, message, _ in self._taken(player))
            assert self._opponent is not None, "with one player it is always the agent's turn"
            self._act(str(self._opponent(seen)))
        raise EnvironmentFault(f"{self.named}: the others took {_MAX_TURNS_OF_OTHERS} turns in a row")

    def _read(self) -> tuple[str, str]:
        """Return what the agent has not seen yet, rules apart; its own actions are known to it."""
        kinds = self.imported().ObservationType
        rules, shown = list[str](), list[str]()
        for sender, message, kind in self._taken(self._seat):
            own = kind is kinds.PLAYER_ACTION and sender == self._seat
            self._said = _digest(f"{self._said} {sender} {message}")
            if kind is kinds.GAME_BOARD:
                self._board = message
            if not own:
                (rules if kind is kinds.PROMPT else shown).append(message)
        return _text(rules), _text(shown)

    def _taken(self, player: int) -> list[Any]:
        waiting = self._game.state.observations
        messages, waiting[player] = waiting[player], []
        return [(sender, str(message), kind) for sender, message, kind in messages]

    def _info(self) -> Info:
        return {
            "admissible": None,
            "instruction": self._rules,
            "state_key": _text([self._board or self._said]),
            "won": self._over and self._reward >= 1,
            "score": self._reward,
        }

    @contextmanager
    def _own_chance(self) -> Iterator[None]:
        """Let the game draw from a state of its own, and say what it prints on standard error."""
        with _ONE_AT_A_TIME, redirect_stdout(sys.stderr):
            others = random.getstate()
            random.setstate(self._chance)
            try:
                yield
            finally:
                self._chance = random.getstate()
                random.setstate(others)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _text(messages: list[str]) -> str:
    return "\n\n".join(messages)[:MAX_TEXT_CHARS].encode("utf-8", "replace").decode("utf-8")
