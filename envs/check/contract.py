"""Check an environment: Gymnasium's contract, seeding, determinism, expert, teacher, clone.

Each check is a function from a maker of environments to a verdict. A trace is
the list of replies to a fixed sequence of actions, one JSON text each; two
traces are equal when every byte of every reply is.
"""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...errors import TurnwiseError
from ..core import Checked, TeacherFactory, TextEnv
from ..info import faults
from ..registry import make, teacher_of
from ..teacher import Teaching
from .processes import same_across_processes
from .trace import cut, draw, encode, trace

Make = Callable[[], Checked[TextEnv]]
HOSTILE = ("", " ", "\x00", "go to", "<action></action>", "\u202e\U0001f600", "a" * 10_000, "\n" * 100)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_MAX_EXPERT_TURNS = 1_000
_TEACHER_EPISODES = 4  # of each seed; a warm start plays hundreds
_CLONE_CURE = (
    "write a clone() that copies what the state is and opens the rest anew, or say no_clone = 'REASON' "
    "in the class: turns are then played anew instead"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found."""

    name: str
    outcome: Literal["passed", "failed", "skipped"]
    detail: str = ""


def check_environment(
    env_id: str,
    kwargs: dict[str, Any] | None = None,
    *,
    seeds: tuple[int, ...] = (0, 1, 2),
    num_turns: int = 20,
) -> list[Verdict]:
    """Run every check on one environment.

    Args:
        env_id: an id, `package.module:Class` or `file.py:Class`.
        kwargs: arguments of the environment.
        seeds: the tasks that are tried.
        num_turns: length of a trace in turns.

    Raises:
        UsageError: if there is no such environment.
    """
    arguments = dict(kwargs or {})
    make(env_id, **arguments).close()

    def build() -> Checked[TextEnv]:
        return make(env_id, **arguments)

    checks: list[tuple[str, Callable[[], str | None]]] = [
        ("gymnasium contract", lambda: _gymnasium(build)),
        ("keys of info", lambda: _keys(build, seeds, num_turns)),
        ("says who has won", lambda: _tells(build, seeds, num_turns)),
        ("same seed, same episode", lambda: _seeding(build, seeds, num_turns)),
        (
            "same bytes across processes and hash seeds",
            lambda: same_across_processes(env_id, arguments, seeds, num_turns),
        ),
        ("clone equals replay", lambda: _clone(build, seeds, num_turns)),
        ("any text as an action", lambda: _hostile(build, seeds[0])),
        ("expert solves it", lambda: _expert(build, seeds)),
    ]
    teacher = teacher_of(env_id)
    if teacher is not None:
        asked = partial(_teacher, build, env_id, teacher, seeds, num_turns)
        checks.append(("teacher answers in any state", asked))
    return [_judge(name, check) for name, check in checks]


def expert_episode(env: Checked[TextEnv], seed: int) -> tuple[bool | None, int] | None:
    """Follow the environment's expert.

    Returns:
        (won, number of turns), where won is None if the environment does not say, or
        None when it offers no expert.
    """
    _, info = env.reset(seed=seed, options={"expert": True})
    for turn in range(_MAX_EXPERT_TURNS):
        action = (info.get("private") or {}).get("expert")
        if not isinstance(action, str):
            return None if turn == 0 else (False, turn)
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            won = info.get("won")
            return None if won is None else bool(won), turn + 1
    return False, _MAX_EXPERT_TURNS


def _judge(name: str, check: Callable[[], str | None]) -> Verdict:
    try:
        skipped = check()
    except (AssertionError, TurnwiseError) as error:
        return Verdict(name, "failed", str(error))
    except Exception as error:  # noqa: BLE001 - the environment is foreign code; whatever it raises is the finding
        return Verdict(name, "failed", _raised(error))
    return Verdict(name, "skipped", skipped) if skipped else Verdict(name, "passed")


def _raised(error: Exception) -> str:
    """Say what was raised, and where."""
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"raised {type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"


def _gymnasium(build: Make) -> None:
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with build() as env:
            check_env(env.unwrapped, skip_render_check=True)
    assert not caught, "; ".join(_COLOURS.sub("", str(warning.message)) for warning in caught)


def _keys(build: Make, seeds: tuple[int, ...], num_turns: int) -> None:
    with build() as env:
        for seed in seeds:
            rng = np.random.default_rng([seed, 13])
            _, info = env.reset(seed=seed)
            _right_keys(info, "reset")
            lists = "admissible" in info
            for turn in range(1, num_turns + 1):
                *_, terminated, truncated, info = env.step(draw(rng, info))
                _right_keys(info, f"turn {turn}")
                if terminated or truncated:
                    break
                assert "admissible" in info or not lists, (
                    f"turn {turn}: info['admissible'] is missing, which reset gave; give it in every reply, "
                    "None where any text may be tried"
                )


def _right_keys(info: dict[str, Any], where: str) -> None:
    found = faults(info)
    assert not found, f"{where}: {'; '.join(found)}"


def _seeding(build: Make, seeds: tuple[int, ...], num_turns: int) -> None:
    with build() as env:
        for seed in seeds:
            first, again = trace(env, seed, num_turns), trace(env, seed, num_turns)
            with build() as another:
                other = trace(another, seed, num_turns)
            _same(first, again, f"seed {seed}, reset twice")
            _same(first, other, f"seed {seed}, another instance")


def _clone(build: Make, seeds: tuple[int, ...], num_turns: int) -> str | None:
    no_clone = None
    for seed in seeds:
        with build() as live, build() as replayed:
            for env in (live, replayed):
                _, info = env.reset(seed=seed)
            rng = np.random.default_rng([seed, 11])
            for turn in range(num_turns):
                action = draw(rng, info)
                copied = _step_of_copy(live, action)
                *rest, terminated, truncated, info = live.step(action)
                expected = [encode(*rest, terminated, truncated, info)]
                _same(expected * len(copied), copied, f"seed {seed}, turn {turn}, clone: {_CLONE_CURE}")
                _same(expected, [encode(*replayed.step(action))], f"seed {seed}, turn {turn}, replay")
                if terminated or truncated:
                    break
            no_clone = live.text_env.no_clone
    return no_clone and f"it cannot be cloned: {no_clone}; turns are played anew instead"


def _step_of_copy(env: Checked[TextEnv], action: str) -> list[str]:
    """Step a clone and close it, which must not concern the original; [] where there is none to have."""
    try:
        copy = env.clone()
    except Exception as error:
        if env.text_env.no_clone:
            return []
        raise AssertionError(f"clone() raised {type(error).__name__}: {error}; {_CLONE_CURE}") from error
    with copy:
        return [encode(*copy.step(action))]


def _tells(build: Make, seeds: tuple[int, ...], num_turns: int) -> str | None:
    """Say it where no reply has told whether the episode is won, which is no fault but seldom meant."""
    with build() as env:
        for seed in seeds:
            rng = np.random.default_rng([seed, 17])
            _, info = env.reset(seed=seed)
            for _ in range(num_turns):
                *_, terminated, truncated, info = env.step(draw(rng, info))
                if info.get("won") is not None:
                    return None
                if terminated or truncated:
                    break
    return (
        "info['won'] was in no reply; without it success is unknown, and evaluations and trainings tell "
        "returns alone: let every reply, or the last one, say it"
    )


def _hostile(build: Make, seed: int) -> None:
    with build() as env:
        for action in HOSTILE:
            env.reset(seed=seed)
            found = _judge(f"the action {cut(repr(action))}", partial(_only_step, env, action))
            assert found.outcome == "passed", (
                f"{found.name} {found.detail}; an agent may write anything: answer what you do not know with "
                "an observation that says so"
            )


def _only_step(env: Checked[TextEnv], action: str) -> None:
    env.step(action)


def _expert(build: Make, seeds: tuple[int, ...]) -> str | None:
    with build() as env:
        for seed in seeds:
            result = expert_episode(env, seed)
            if result is None:
                return env.text_env.no_expert or (
                    "it offers none: put the expert's action into info['private']['expert'] when asked"
                )
            solved, turns = result
            if solved is None:
                return "it does not say info['won'], so whether the expert wins is unknown, and so is success"
            assert solved, f"seed {seed}: not solved after {turns} turns"
    return None


def _teacher(
    build: Make, env_id: str, factory: TeacherFactory, seeds: tuple[int, ...], num_turns: int
) -> None:
    """Ask the teacher in every turn, and play another action in place of every other of its own."""
    with build() as env:
        for seed in seeds:
            for key in range(_TEACHER_EPISODES):
                rng = np.random.default_rng([seed, key, 13])
                observation, info = env.reset(seed=seed)
                teaching = Teaching(env_id, factory, str(info.get("instruction") or ""), rng)
                for _ in range(num_turns):
                    action, _ = teaching.act(observation, info.get("admissible") or ())
                    played = draw(rng, info) if rng.random() < 0.5 else action
                    observation, _, terminated, truncated, info = env.step(played)
                    if terminated or truncated:
                        break


def _same(first: list[str], second: list[str], where: str) -> None:
    for turn, (a, b) in enumerate(zip(first, second, strict=False)):
        assert a == b, f"{where}: replies differ at turn {turn}: {cut(a)} against {cut(b)}"
    assert len(first) == len(second), f"{where}: {len(first)} against {len(second)} replies"
