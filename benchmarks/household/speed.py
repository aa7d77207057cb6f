"""Measure the household: steps a second beside the original's, resets, clones, bytes a game.

    python benchmarks/household/speed.py

The original is measured in the same run, through its own process (see
differential.py), on the same game and the same actions. Medians of several.
Both are timed by their process's processor clock, which neighbours on the
machine do not disturb; opening a folder is timed by the wall clock.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from differential import REPOSITORY, Oracle, oracle_python, sequence
from machine import machine, today

import turnwise
from turnwise.envs.household import engine
from turnwise.envs.household.export import to_original
from turnwise.envs.household.game import TASK_TYPES, Game, State
from turnwise.envs.household.generate import generate
from turnwise.envs.household.index import open_index
from turnwise.envs.household.loader import parse_game

RESULT = REPOSITORY / "benchmarks" / "results" / "household-speed.md"
_ROUNDS = 3
_ORIGINAL_STEPS = 60
_OUR_STEPS = 20_000
_FILES = 3_553


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    target: str
    met: bool


def main() -> int:
    """Measure, print and write the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--no-result", action="store_true", help="print the table, write no file")
    given = parser.parse_args()
    python = oracle_python()
    if python is None:
        print(
            "the original is not here: run `make oracle`, or set TURNWISE_ORACLE to its python",
            file=sys.stderr,
        )
        return 2
    with Oracle(python) as oracle, tempfile.TemporaryDirectory() as folder:
        logic = oracle.ask({"logic": True})
        for name, key in (("alfred.pddl", "pddl_domain"), ("alfred.twl2", "grammar")):
            Path(folder, name).write_text(logic[key])
        game = generate("pick_heat_then_place_in_recep", 0, "train", "full")
        file = Path(folder, "game.tw-pddl")
        file.write_text(json.dumps(to_original(game, folder)))
        rows = [*_steps(game, file, oracle), *_resets(file), *_sizes(), *_folder(Path(folder), file)]
    lines = [
        "# Household: speed",
        "",
        f"{today()}, `python benchmarks/household/speed.py`, {machine()}; "
        "original: alfworld 0.4.2 on textworld 1.7.0, same game and actions, same run. "
        f"One core, processor time, medians of {_ROUNDS} rounds.",
        "",
        f"The first game has {len(game.receptacles)} receptacles and {len(game.objects)} objects.",
        "",
        "| what | measured | target | met |",
        "|---|---|---|---|",
        *(f"| {row.what} | {row.measured} | {row.target} | {'yes' if row.met else 'NO'} |" for row in rows),
    ]
    written = "\n".join(lines) + "\n"
    print(written)
    if not given.no_result:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(written)
    return 0 if all(row.met for row in rows) else 1


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    started = time.process_time()
    work()
    return time.process_time() - started


def _steps(game: Game, file: Path, oracle: Oracle) -> list[Row]:
    """Interleave rounds of both engines, so that a busy machine is busy for both."""
    actions = sequence(game, "random", 0, _ORIGINAL_STEPS)
    env = turnwise.make("household/pick_heat_then_place_in_recep-v0", max_turns=100_000)
    original, ours, whole = [], [], []
    for _ in range(_ROUNDS):
        answer = oracle.play(file, actions)
        original.append(len(actions) / answer["step_s"])
        ours.append(_OUR_STEPS / _timed(lambda: _play(game, _OUR_STEPS)))
        whole.append(_OUR_STEPS / _timed(lambda: _play_env(env, _OUR_STEPS)))
    rate, env_rate, their_rate = (statistics.median(values) for values in (ours, whole, original))
    ratio = statistics.median(a / b for a, b in zip(ours, original, strict=True))
    return [
        Row("steps/s, text and admissible list", f"{rate:,.0f}", ">= 20,000", rate >= 20_000),
        Row("steps/s of the original", f"{their_rate:.1f}", "", True),
        Row("ratio", f"{ratio:,.0f}", ">= 700", ratio >= 700),
        Row("steps/s of the environment, all of info", f"{env_rate:,.0f}", "", True),
    ]


def _play(game: Game, num_steps: int) -> State:
    draw, state = random.Random(0).random, game.initial
    commands = engine.admissible(game, state)
    for _ in range(num_steps):
        _, state = engine.step(game, state, commands[int(draw() * len(commands))])
        commands = engine.admissible(game, state)
    return state


def _play_env(env: turnwise.envs.Checked[turnwise.TextEnv], num_steps: int) -> None:
    draw = random.Random(0).random
    _, info = env.reset(seed=0)
    for turn in range(num_steps):
        commands = info["admissible"]
        *_, terminated, _, info = env.step(commands[int(draw() * len(commands))])
        if terminated:
            _, info = env.reset(seed=turn)


def _resets(file: Path) -> list[Row]:
    rows = []
    for difficulty in ("full", "small"):
        env = turnwise.make("household/mix-v0", difficulty=difficulty)
        for seed in range(60):  # furnishes the rooms, once a process
            env.reset(seed=seed)
        times = sorted(_timed_seeds(env, range(1_000, 1_400)))
        middle, late = statistics.median(times) * 1e3, times[int(len(times) * 0.99)] * 1e3
        rows.append(
            Row(
                f"reset from a new seed, {difficulty}",
                f"{middle:.2f} ms (99 %: {late:.1f} ms)",
                "<= 3 ms",
                middle <= 3,
            )
        )
    data = file.read_bytes()
    first = statistics.median(_timed(lambda: parse_game(data)) for _ in range(_ROUNDS)) * 1e3
    rows.append(Row("parse of an original file, first time", f"{first:.1f} ms", "", True))
    env = turnwise.make("household/alfworld-v0", game_file=str(file))
    again = statistics.median(_timed_seeds(env, range(200))) * 1e3
    rows.append(Row("reset from a loaded file", f"{again:.3f} ms", "<= 1 ms", again <= 1))
    return rows


def _timed_seeds(env: turnwise.envs.Checked[turnwise.TextEnv], seeds: range) -> list[float]:
    times = []
    for seed in seeds:
        started = time.process_time()
        env.reset(seed=seed)
        times.append(time.process_time() - started)
    return times


def _sizes() -> list[Row]:
    env = turnwise.make("household/mix-v0")
    env.reset(seed=0)
    clones = [_timed(lambda: [env.clone() for _ in range(1_000)]) / 1_000 for _ in range(_ROUNDS)]
    clone_us = statistics.median(clones) * 1e6
    rows = [Row("clone of an environment", f"{clone_us:.1f} us", "<= 20 us", clone_us <= 20)]
    for label, difficulty in (("full", "full"), ("small", "small")):
        kbytes = _bytes_a_game(difficulty) / 1e3
        rows.append(
            Row(f"live game with its environment, {label}", f"{kbytes:.1f} KB", "<= 20 KB", kbytes <= 20)
        )
    return rows


def _bytes_a_game(difficulty: str, count: int = 1_000) -> float:
    """Return the bytes that each of many environments adds, each in the midst of a game of its own."""
    for seed in range(300):  # what all games of a process share is not theirs
        generate(TASK_TYPES[seed % 6], 90_000 + seed, "train", difficulty)
    envs = []
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for seed in range(count):
        env = turnwise.make("household/mix-v0", difficulty=difficulty)
        _, info = env.reset(seed=seed)
        for turn in range(5):
            *_, info = env.step(info["admissible"][turn])
        envs.append(env)
    del info
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / len(envs)


def _folder(folder: Path, file: Path) -> list[Row]:
    """Open as many files as the original's training split has; all copies of one, each parsed."""
    games = folder / "games"
    for number in range(_FILES):
        trial = games / "train" / f"task_{number % 50}" / f"trial_{number}"
        trial.mkdir(parents=True)
        shutil.copyfile(file, trial / file.name)
    first, *later = [_opened(games, folder / "cache") for _ in range(1 + _ROUNDS)]
    again = statistics.median(later)
    return [
        Row(f"index of {_FILES:,} files, first time", f"{first:.1f} s", "", True),
        Row(f"index of {_FILES:,} files, from then on", f"{again:.2f} s", "< 1 s", again < 1),
    ]


def _opened(games: Path, cache: Path) -> float:
    started = time.perf_counter()
    open_index(games, cache=cache)
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
