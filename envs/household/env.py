"""The household as environments: generated games, and the original's game files.

    turnwise.make("household/pick_heat_then_place_in_recep-v0", split="unseen")
    turnwise.make("household/alfworld-v0", game_file="game.tw-pddl")

The scalar reward is the benchmark's: nothing until the goal is reached. The way
there is reported apart from it, in `info`: `rewards` has the sub-goals `pick`,
`prepare`, `place` and `won`, each 1.0 in the turn that reaches it for the first
time; `score` is the share of goal conditions that hold.

`state_key` is the observation, as in the papers that group turns by it (GiGPO,
arXiv 2505.10978). Observations merge states: `Nothing happens.` is the key of
every refused action, wherever it was taken. `state_key="hash"` uses the exact
state instead; `info["state_hash"]` has it in any case.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from ...errors import UnknownName, UsageError
from ..core import MAX_TEXT_CHARS, Info, TeacherFactory, TextEnv
from . import engine, text
from .explore import Explorer
from .game import TASK_TYPES, Game, State, TaskType, Wording
from .generate import generate
from .index import SPLIT_NAMES, GameIndex, IndexedGame, open_index
from .loader import load_game
from .plan import find_plan

_OPTIONS = ("expert", "task")
_TASK_LINE = "Your task is to: "
_MAX_TURNS = 100_000
_TIERS = (*engine.SUBGOALS, "won")
_NOTHING_REACHED = (False,) * len(_TIERS)

_generated = functools.lru_cache(maxsize=256)(generate)


class HouseholdEnv(TextEnv):
    """Generated household games.

    Args:
        task_types: of pick_and_place_simple, look_at_obj_in_light, pick_clean_then_place_in_recep,
            pick_heat_then_place_in_recep, pick_cool_then_place_in_recep and pick_two_obj_and_place one
            name or several; all by default.
        split: train, seen, unseen or test; the original's names are accepted.
        difficulty: small, medium or full.
        wording: `move` (`move O to R`) or `put` (`put O in/on R`).
        max_turns: an episode ends after so many turns.
        reward: what winning gives; trainers of the literature use 10.
        state_key: what `info["state_key"]` tells states apart by: `observation`, the text, or `hash`, the
            exact state.

    Raises:
        UnknownName: if a name is not one of those.
        UsageError: if a number is out of range.
    """

    def __init__(
        self,
        task_types: str | Sequence[str] | None = None,
        split: str = "train",
        difficulty: str = "full",
        wording: Wording = "move",
        max_turns: int = 50,
        reward: float = 1.0,
        state_key: Literal["observation", "hash"] = "observation",
    ) -> None:
        self._task_types = _task_types(task_types)
        self._split = SPLIT_NAMES[_known("split", split, SPLIT_NAMES)]
        self._difficulty = _known("difficulty", difficulty, ("small", "medium", "full"))
        self._set_episode(wording, max_turns, reward, state_key)

    @classmethod
    def teacher(cls) -> TeacherFactory:
        """Return the Explorer, which plays from the texts alone."""
        return Explorer

    def _set_episode(self, wording: Wording | None, max_turns: int, reward: float, state_key: str) -> None:
        if wording is not None:
            _known("wording", wording, get_args(Wording))
        if not 1 <= max_turns <= _MAX_TURNS:
            raise UsageError(f"max_turns {max_turns!r}: expected 1 to {_MAX_TURNS}")
        if not math.isfinite(reward):
            raise UsageError(f"reward {reward!r}: expected a finite number")
        self._wording = wording
        self._max_turns, self._reward = max_turns, float(reward)
        self._key_is_hash = _known("state_key", state_key, ("observation", "hash")) == "hash"
        self._game: Game | None = None
        self._root, self._num_resets = 0, 0
        self._over, self._expert = True, False

    @property
    def game(self) -> Game:
        """Return the game that is being played.

        Raises:
            UsageError: before the first reset.
        """
        if self._game is None:
            raise UsageError("no game yet: call reset first")
        return self._game

    @property
    def state(self) -> State:
        """Return the exact state of the game; UsageError before the first reset."""
        self.game  # noqa: B018 - raises before the first reset
        return self._state

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Start an episode.

        Args:
            seed: the task; with several task types or files, they take turns. None
                goes on to another task, which the last seed decides.
            options: `expert`: put the expert's next action into
                `info["private"]["expert"]`; `task`: the name of a task, as in
                `info["task"]`, instead of the seed's.
        """
        given = dict(options or {})
        for name in given:
            _known("option", name, _OPTIONS)
        super().reset(seed=seed)
        if seed is not None:
            self._root, self._num_resets = seed, 0
        elif not self._num_resets:
            self._root = self.np_random_seed
        number = self._root if seed is not None else _derived(self._root, self._num_resets)
        self._num_resets += 1
        named = given.get("task")
        self._game = self._named(named) if named is not None else self._numbered(number)
        self._state = self._game.initial
        self._turn, self._reached = 0, _NOTHING_REACHED
        self._expert, self._over = bool(given.get("expert")), False
        self._plan: tuple[str, ...] | None = None
        observation = text.intro(self._game)
        info = self._info(observation, "", engine.won(self._game, self._state))
        return observation, {**info, "tools": text.commands(self._game.wording)}

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Take a turn; what is not admissible answers `Nothing happens.` and costs the turn.

        Raises:
            UsageError: if the action is not a text or too long, or the episode is over.
        """
        if not isinstance(action, str):
            raise UsageError(f"action {action!r}: expected a text, such as 'go to fridge 1'")
        if len(action) > MAX_TEXT_CHARS:
            raise UsageError(f"an action of {len(action)} characters; expected at most {MAX_TEXT_CHARS}")
        if self._over or self._game is None:
            raise UsageError("the episode is over or has not begun: call reset")
        observation, self._state = engine.step(self._game, self._state, action)
        won = engine.won(self._game, self._state)
        self._turn += 1
        truncated = not won and self._turn >= self._max_turns
        self._over = won or truncated
        info = self._info(observation, action, won)
        return observation, self._reward if won else 0.0, won, truncated, info

    def clone(self) -> Self:
        """Return an independent copy in the same state; game and state are shared, both immutable."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def reseed(self, seed: int) -> None:
        """Decide by another seed which tasks follow this episode; nothing in it is random."""
        super().reseed(seed)
        self._root = seed

    def _numbered(self, number: int) -> Game:
        task_type = self._task_types[number % len(self._task_types)]
        return _generated(task_type, number, self._split, self._difficulty, wording=self._wording or "move")

    def _named(self, task: object) -> Game:
        parts = task.split("/") if isinstance(task, str) else []
        if len(parts) != 5 or not parts[4].lstrip("-").isdecimal():
            raise UsageError(
                f"task {task!r}: expected generated-vN/TASK TYPE/SPLIT/DIFFICULTY/SEED, as in info['task']"
            )
        task_type = _task_types(parts[1])[0]
        game = _generated(task_type, int(parts[4]), parts[2], parts[3], wording=self._wording or "move")
        if game.task != task:
            raise UsageError(f"task {task!r} is of another generator; this one makes {game.task!r}")
        return game

    def _info(self, observation: str, action: str, won: bool) -> Info:
        game, state = self.game, self._state
        exact = engine.state_hash(game, state)
        info: Info = {
            "state_key": exact if self._key_is_hash else observation,
            "state_hash": exact,
            "admissible": list(engine.admissible(game, state)),
            "rewards": self._tiers(won),
            "task": game.task,
            "instruction": game.instruction.removeprefix(_TASK_LINE),
            "won": won,
            "score": engine.goal_condition_rate(game, state),
        }
        if self._expert and not won:
            following = self._expert_action(action)
            if following is not None:
                info["private"] = {"expert": following}
        return info

    def _tiers(self, won: bool) -> dict[str, float]:
        """Return 1.0 for each sub-goal that is reached now and was not before."""
        holds = (*engine.subgoals(self.game, self._state), won)
        new = [now and not before for now, before in zip(holds, self._reached, strict=True)]
        if self._turn == 0:
            new = [False] * len(_TIERS)  # what holds from the start is nobody's merit
        self._reached = tuple(now or before for now, before in zip(holds, self._reached, strict=True))
        return {tier: float(flag) for tier, flag in zip(_TIERS, new, strict=True)}

    def _expert_action(self, action: str) -> str | None:
        """Follow the plan as long as the agent does; plan again when it leaves it."""
        if self._plan and action.strip() == self._plan[0]:
            self._plan = self._plan[1:]
        else:
            self._plan = tuple(find_plan(self.game, self._state) or ())
        return self._plan[0] if self._plan else None


class AlfworldEnv(HouseholdEnv):
    """The original's game files.

    Args:
        game_file: one file game.tw-pddl.
        games: a folder in the original layout, e.g. json_2.1.1; instead of game_file.
        split: which games of the folder: train, seen, unseen or test, or the original's names; all by
            default.
        task_types: which of the folder, one name or several, called as in household/mix-v0; all by default.
        wording: `move` or `put`; by default what each file has.
        max_turns: an episode ends after so many turns.
        reward: what winning gives.
        state_key: what `info["state_key"]` tells states apart by: `observation`, the text, or `hash`, the
            exact state.
        strict: refuse files whose rules or sentences are not those of ALFWorld 0.4.2.

    Raises:
        UsageError: if neither or both of game_file and games are given, or hold no game.
    """

    def __init__(
        self,
        game_file: str | Path | None = None,
        games: str | Path | None = None,
        split: str | None = None,
        task_types: str | Sequence[str] | None = None,
        wording: Wording | None = None,
        max_turns: int = 50,
        reward: float = 1.0,
        state_key: Literal["observation", "hash"] = "observation",
        strict: bool = True,
    ) -> None:
        if (game_file is None) == (games is None):
            raise UsageError(
                "household/alfworld-v0 plays files of the original: give game_file=, one game.tw-pddl, "
                "or games=, a folder of them"
            )
        self._strict = strict
        self._index: GameIndex | None = None
        self._chosen: tuple[IndexedGame, ...] = ()
        self._files: tuple[Path, ...] = ()
        self._set_episode(wording, max_turns, reward, state_key)
        if game_file is not None:
            self._files = (Path(game_file),)
            load_game(self._files[0], wording=wording, strict=strict)
            return
        self._index = open_index(str(games), strict=strict)
        types = None if task_types is None else _task_types(task_types)
        self._files = tuple(self._index.folder / entry.path for entry in self._index.select(split, types))

    @property
    def index(self) -> GameIndex | None:
        """Return the index of the folder, with what is broken in it; None for a single file."""
        return self._index

    def _numbered(self, number: int) -> Game:
        return self._load(self._files[number % len(self._files)])

    def _named(self, task: object) -> Game:
        for file in self._files:
            if f"{file.parent.parent.name}/{file.parent.name}" == task:
                return self._load(file)
        names = [f"{file.parent.parent.name}/{file.parent.name}" for file in self._files]
        raise UnknownName("task", str(task), names)

    def _load(self, file: Path) -> Game:
        return load_game(file, wording=self._wording, strict=self._strict)


def _task_types(given: str | Sequence[str] | None) -> tuple[TaskType, ...]:
    if given is None:
        return TASK_TYPES
    names = (given,) if isinstance(given, str) else tuple(given)
    if not names:
        raise UsageError("task_types is empty; give at least one, or None for all")
    for name in names:
        _known("task type", name, TASK_TYPES)
    return tuple(task_type for name in names for task_type in TASK_TYPES if task_type == name)


def _known(kind: str, given: str, known: Sequence[str] | dict[str, str]) -> str:
    if given not in known:
        raise UnknownName(kind, str(given), known)
    return given


def _derived(root: int, count: int) -> int:
    """Return the number of the task that follows `count` others after a seed."""
    return int(np.random.SeedSequence([root, count]).generate_state(1)[0])
