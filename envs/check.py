"""Check an environment: Gymnasium's contract, seeding, determinism, expert, teacher, clone.

Each check is a function from a maker of environments to a verdict. A trace is
the list of replies to a fixed sequence of actions, one JSON text each; two
traces are equal when every byte of every reply is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import TurnwiseError
from ..signals import interrupt_when_told_to_end
from .core import Checked, TeacherFactory, TextEnv
from .info import faults, no_json
from .registry import make, teacher_of
from .teacher import Teaching

Make = Callable[[], Checked[TextEnv]]
HOSTILE = ("", " ", "\x00", "go to", "<action></action>", "\u202e\U0001f600", "a" * 10_000, "\n" * 100)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CHILD_TIMEOUT_S, _CHILD_CLOSE_S = 120, 5
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
        ("same seed, same episode", lambda: _seeding(build, seeds, num_turns)),
        (
            "same bytes across processes and hash seeds",
            lambda: _processes(env_id, arguments, seeds, num_turns),
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


def trace(env: Checked[TextEnv], seed: int, num_turns: int, key: int = 0) -> list[str]:
    """Play actions drawn by (seed, key) and return each reply as JSON text."""
    rng = np.random.default_rng([seed, key, 7])
    observation, info = env.reset(seed=seed)
    replies = [_encode(observation, info)]
    for _ in range(num_turns):
        observation, reward, terminated, truncated, info = env.step(_draw(rng, info))
        replies.append(_encode(observation, reward, terminated, truncated, info))
        if terminated or truncated:
            break
    return replies


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
                *_, terminated, truncated, info = env.step(_draw(rng, info))
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


def _processes(env_id: str, kwargs: dict[str, Any], seeds: tuple[int, ...], num_turns: int) -> None:
    program = "import sys; from turnwise.envs.check import _print_digest; _print_digest(sys.argv[1])"
    job = json.dumps({"env": env_id, "kwargs": kwargs, "seeds": seeds, "num_turns": num_turns})
    digests = {}
    for hash_seed in ("1", "4242"):
        path = os.pathsep.join([p for p in sys.path if p] + [str(os.getcwd())])  # noqa: PTH109 - an entry of sys.path
        code, out, err = _run([sys.executable, "-c", program, job], hash_seed, path)
        assert code == 0, f"a fresh process failed: {(err.strip().splitlines() or [f'exit code {code}'])[-1]}"
        digests[hash_seed] = out.strip()
    here = _digest(env_id, kwargs, seeds, num_turns)
    assert set(digests.values()) == {here}, (
        f"replies differ between processes: here {here}, "
        + ", ".join(f"PYTHONHASHSEED={k} {v}" for k, v in digests.items())
        + "; look for sets, dict order from hashes, id(), time or global random state"
    )


def _run(command: list[str], hash_seed: str, path: str) -> tuple[int, str, str]:
    """Run a process to its end, which is also ours: it is asked to close what it has open."""
    child = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            out, err = child.communicate(timeout=_CHILD_TIMEOUT_S)
        except BaseException:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(_CHILD_CLOSE_S)
            child.kill()
            raise
    return child.returncode, out, err


def _clone(build: Make, seeds: tuple[int, ...], num_turns: int) -> str | None:
    no_clone = None
    for seed in seeds:
        with build() as live, build() as replayed:
            for env in (live, replayed):
                _, info = env.reset(seed=seed)
            rng = np.random.default_rng([seed, 11])
            for turn in range(num_turns):
                action = _draw(rng, info)
                copied = _step_of_copy(live, action)
                *rest, terminated, truncated, info = live.step(action)
                expected = [_encode(*rest, terminated, truncated, info)]
                _same(expected * len(copied), copied, f"seed {seed}, turn {turn}, clone: {_CLONE_CURE}")
                _same(expected, [_encode(*replayed.step(action))], f"seed {seed}, turn {turn}, replay")
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
        return [_encode(*copy.step(action))]


def _hostile(build: Make, seed: int) -> None:
    with build() as env:
        for action in HOSTILE:
            env.reset(seed=seed)
            found = _judge(f"the action {_cut(repr(action))}", partial(_only_step, env, action))
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
                    played = _draw(rng, info) if rng.random() < 0.5 else action
                    observation, _, terminated, truncated, info = env.step(played)
                    if terminated or truncated:
                        break


def _draw(rng: np.random.Generator, info: dict[str, Any]) -> str:
    admissible = info.get("admissible")
    if admissible:
        return str(admissible[int(rng.integers(len(admissible)))])
    return bytes(rng.integers(97, 123, size=int(rng.integers(1, 9)), dtype=np.uint8)).decode("ascii")


def _encode(*reply: Any) -> str:
    unfit = no_json(reply[-1])
    assert unfit is None, unfit
    return json.dumps(reply, sort_keys=True, ensure_ascii=True, allow_nan=False, default=_plain)


def _plain(value: np.generic | np.ndarray[Any, Any]) -> Any:
    return value.tolist()


def _same(first: list[str], second: list[str], where: str) -> None:
    for turn, (a, b) in enumerate(zip(first, second, strict=False)):
        assert a == b, f"{where}: replies differ at turn {turn}: {_cut(a)} against {_cut(b)}"
    assert len(first) == len(second), f"{where}: {len(first)} against {len(second)} replies"


def _cut(text: str) -> str:
    return text if len(text) <= 200 else text[:197] + "..."


def _digest(env_id: str, kwargs: dict[str, Any], seeds: tuple[int, ...], num_turns: int) -> str:
    digest = hashlib.sha256()
    with make(env_id, **kwargs) as env:
        for seed in seeds:
            for reply in trace(env, seed, num_turns):
                digest.update(reply.encode() + b"\0")
    return digest.hexdigest()[:16]


def _print_digest(job: str) -> None:
    interrupt_when_told_to_end()
    spec = json.loads(job)
    try:
        found = _digest(spec["env"], spec["kwargs"], tuple(spec["seeds"]), spec["num_turns"])
    except (AssertionError, TurnwiseError) as error:
        sys.exit(str(error))
    sys.stdout.write(found + "\n")
