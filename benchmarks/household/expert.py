"""Measure the household's expert, explorer and splits; write benchmarks/results/household-expert.md.

    .venv/bin/python benchmarks/household/expert.py
    .venv/bin/python benchmarks/household/expert.py --games 360 --oracle-games 0 --out -

The original's planner takes part where its interpreter is found: the environment
variable TURNWISE_ORACLE, or .oracle/bin/python of the checkout (make oracle).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import numpy as np
from machine import machine, today

from turnwise.envs.household import engine, text
from turnwise.envs.household.explore import Explorer
from turnwise.envs.household.export import write_original
from turnwise.envs.household.game import TASK_TYPES, Game, State, TaskType
from turnwise.envs.household.generate import STEP_LIMIT, generate, layout_of
from turnwise.envs.household.plan import next_action, plan
from turnwise.envs.household.rooms import DIFFICULTIES, SPLITS

REPOSITORY = Path(__file__).resolve().parents[2]
PLANNER_TIMEOUT_S = 300
NUM_DISTURBED = 10


@dataclass
class Tally:
    """The outcomes of one kind of game."""

    turns: list[int] = field(default_factory=list)
    wins: int = 0
    games: int = 0

    def add(self, won: bool, turns: int) -> None:
        self.games += 1
        self.wins += won
        if won:
            self.turns.append(turns)

    def row(self) -> list[str]:
        mean = f"{statistics.mean(self.turns):.2f}" if self.turns else "-"
        return [
            str(self.games),
            f"{100 * self.wins / self.games:.1f} %",
            mean,
            str(max(self.turns, default=0)),
        ]


def expert_episode(game: Game, state: State, limit: int) -> tuple[bool, int]:
    """Let the expert play, planning again before each action, as an environment's hint does."""
    for turn in range(limit):
        if engine.won(game, state):
            return True, turn
        action = next_action(game, state)
        if action is None:
            return False, turn
        state = engine.step(game, state, action)[1]
    return engine.won(game, state), limit


def explorer_episode(game: Game, seed: int) -> tuple[bool, int]:
    explorer = Explorer(game.instruction, np.random.default_rng(seed))
    state, observation = game.initial, text.intro(game)
    for turn in range(STEP_LIMIT):
        if engine.won(game, state):
            return True, turn
        observation, state = engine.step(
            game, state, explorer.act(observation, engine.admissible(game, state))
        )
    return engine.won(game, state), STEP_LIMIT


def disturbed(game: Game, seed: int) -> State:
    """Return the state after a few random actions."""
    rng, state = random.Random(seed), game.initial
    for _ in range(NUM_DISTURBED):
        following = engine.step(game, state, rng.choice(engine.admissible(game, state)))[1]
        state = state if engine.won(game, following) else following
    return state


def play_all(num_games: int) -> tuple[dict[str, dict[str, Tally]], list[float], list[float]]:
    """Play expert, disturbed expert and explorer; return tallies and CPU times of generate and plan in ms."""
    tallies: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    generating, planning = [], []
    kinds = list(product(TASK_TYPES, DIFFICULTIES, SPLITS))
    per_kind = -(-num_games // len(kinds))
    for task_type, difficulty, split in kinds:
        generate(task_type, 0, split, difficulty)  # furnishes the rooms once per process
        for seed in range(1000, 1000 + per_kind):
            started = time.process_time()
            game = generate(task_type, seed, split, difficulty)
            generated = time.process_time()
            plan(game, game.initial)
            generating.append(1e3 * (generated - started))
            planning.append(1e3 * (time.process_time() - generated))
            key = f"{task_type}|{difficulty}"
            tallies["expert"][key].add(*expert_episode(game, game.initial, STEP_LIMIT))
            tallies["disturbed"][key].add(
                *expert_episode(game, disturbed(game, seed), STEP_LIMIT - NUM_DISTURBED)
            )
            tallies["explorer"][key].add(*explorer_episode(game, seed))
    return tallies, generating, planning


def shared_layouts(num_games: int) -> dict[str, set[str]]:
    """Return the layouts of num_games games of each split."""
    kinds = list(product(TASK_TYPES, DIFFICULTIES))
    return {
        split: {
            layout_of(
                generate(*_cycled(kinds, number), split=split, difficulty=kinds[number % len(kinds)][1])
            )
            for number in range(num_games)
        }
        for split in SPLITS
    }


def _cycled(kinds: list[tuple[TaskType, str]], number: int) -> tuple[TaskType, int]:
    return kinds[number % len(kinds)][0], number // len(kinds)


def original_plans(
    num_games: int, python: Path, template: str | None
) -> list[tuple[Game, dict[str, object]]]:
    """Export games and have the original's planner plan them; one that runs out of time gives no plan."""
    found = []
    template = template or _package_data(python)
    kinds = [(t, d) for d in DIFFICULTIES for t in TASK_TYPES]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(num_games):
            task_type, difficulty = kinds[number % len(kinds)]
            game = generate(task_type, 2000 + number // len(kinds), "unseen", difficulty)
            file = write_original(game, Path(folder) / str(number), template)
            found.append((game, _ask(python, file, folder)))
    return found


def _package_data(python: Path) -> str:
    """Return the folder where the original's package keeps its domain and grammar."""
    code = "import importlib.util as u; print(u.find_spec('alfworld').submodule_search_locations[0])"
    ran = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return str(Path(ran.stdout.strip()) / "data")


def _ask(python: Path, file: Path, folder: str) -> dict[str, object]:
    try:
        ran = subprocess.run(
            [str(python), str(Path(__file__).with_name("oracle_plans.py")), str(file)],
            env={**os.environ, "ALFWORLD_DATA": folder},
            capture_output=True,
            text=True,
            timeout=PLANNER_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no plan within {PLANNER_TIMEOUT_S} s"}
    if ran.returncode:
        return {"error": ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else "the process failed"}
    answer: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return answer


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def tally_table(tallies: dict[str, Tally]) -> str:
    rows = [[*key.split("|"), *tally.row()] for key, tally in tallies.items()]
    return table(["task type", "difficulty", "games", "won", "mean turns", "most turns"], rows)


def original_section(found: list[tuple[Game, dict[str, object]]]) -> str:
    groups: dict[str, list[tuple[Game, dict[str, object]]]] = defaultdict(list)
    failures = []
    for game, answer in found:
        if "error" in answer:
            failures.append(f"- {game.task}: {answer['error']}")
        else:
            groups[game.task_type].append((game, answer))
    rows, longer = [], []
    for task_type, members in groups.items():
        ours = [len(game.walkthrough) for game, _ in members]
        theirs = [int(str(answer["plan_length"])) for _, answer in members]
        waits = [float(str(answer["reset_s"])) for _, answer in members]
        times = []
        for game, _ in members:
            started = time.perf_counter()
            plan(game, game.initial)
            times.append(time.perf_counter() - started)
        rows.append(
            [
                task_type,
                str(len(members)),
                f"{statistics.mean(ours):.2f}",
                f"{statistics.mean(theirs):.2f}",
                f"{statistics.median(times) * 1e3:.2f} ms",
                f"{statistics.median(waits):.2f} s (most {max(waits):.1f} s)",
                str(sum(bool(answer["walkthrough_wins"]) for _, answer in members)),
                str(sum(answer["intro"] == text.intro(game) for game, answer in members)),
            ]
        )
        longer += [game.task for (game, _), a, b in zip(members, ours, theirs, strict=True) if a > b]
    header = ["task type", "games", "our plan", "original's plan", "our time", "original's reset with plan"]
    out = table([*header, "our walkthrough wins there", "same intro"], rows)
    out += f"\n\nGames where our plan is longer than the original's: {len(longer)}"
    out += (" (" + ", ".join(longer) + ")" if longer else "") + "."
    return out + ("\n\nNo plan:\n" + "\n".join(failures) if failures else "")


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(arguments: argparse.Namespace) -> tuple[str, bool]:
    """Measure everything; return the text and whether all promises hold."""
    tallies, generating, planning = play_all(arguments.games)
    rooms = shared_layouts(arguments.layout_games)
    experts = [tally for kind in ("expert", "disturbed") for tally in tallies[kind].values()]
    perfect = all(tally.wins == tally.games for tally in experts)
    apart = not rooms["train"] & rooms["unseen"] and not (rooms["train"] | rooms["unseen"]) & rooms["test"]
    total = sum(tally.games for tally in tallies["expert"].values())
    num_won = sum(tally.wins for tally in tallies["expert"].values())
    parts = [
        "# Household: expert, explorer, splits",
        f"{today()}, {machine()}. Written by benchmarks/household/expert.py.",
        f"## Expert\n\n{total} generated games (all task types, difficulties and splits), planning again "
        f"before each action: {num_won} won within {STEP_LIMIT} turns ({100 * num_won / total:.2f} %).",
        tally_table(tallies["expert"]),
        f"## Expert from disturbed states\n\nThe same games after {NUM_DISTURBED} random actions that do not "
        "win; turns are counted from there.",
        tally_table(tallies["disturbed"]),
        "## Explorer\n\nKnows only the texts: instruction, observations, admissible actions.",
        tally_table(tallies["explorer"]),
        "## Time\n\nCPU time of the process.\n\n"
        + table(
            ["", "median", "99 %", "most"],
            [
                [name, *(f"{value:.2f} ms" for value in (statistics.median(t), percentile(t, 0.99), max(t)))]
                for name, t in (("generate, with its plan", generating), ("plan from the start", planning))
            ],
        )
        + "\n\nThe first game of a room type and difficulty in a process also furnishes its 120 layouts.",
        f"## Splits\n\nDifferent layouts (multisets of receptacles) in {arguments.layout_games} games of "
        "each split, and how many of them also occur in those of train (seen draws from the layouts of "
        "train, which a sample does not exhaust):",
        table(
            ["split", "layouts", "also in train"],
            [[split, str(len(keys)), str(len(keys & rooms["train"]))] for split, keys in rooms.items()],
        ),
    ]
    if arguments.oracle_games:
        python = Path(os.environ.get("TURNWISE_ORACLE", REPOSITORY / ".oracle" / "bin" / "python"))
        parts.append(
            "## Beside the original's planner\n\nMean plan lengths on the same games, exported "
            "(Fast Downward inside textworld 1.7.0, alfworld 0.4.2)."
        )
        if python.is_file():
            parts.append(original_section(original_plans(arguments.oracle_games, python, arguments.template)))
        else:
            parts.append("Not run: the original's interpreter was not found.")
    return "\n\n".join(parts) + "\n", perfect and apart


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--games", type=int, default=5040, help="generated games to play")
    parser.add_argument("--layout-games", type=int, default=1000, help="games per split to compare layouts")
    parser.add_argument("--oracle-games", type=int, default=54, help="games for the original's planner")
    parser.add_argument(
        "--template", default=None, help="original game file, or folder of domain and grammar"
    )
    parser.add_argument(
        "--out",
        default=str(REPOSITORY / "benchmarks" / "results" / "household-expert.md"),
        help="- for stdout",
    )
    arguments = parser.parse_args()
    if arguments.out != "-":
        Path(arguments.out).parent.mkdir(parents=True, exist_ok=True)
    content, good = report(arguments)
    if arguments.out == "-":
        sys.stdout.write(content)
    else:
        Path(arguments.out).write_text(content, encoding="utf-8")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
