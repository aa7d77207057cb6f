"""Play hundreds of games on both engines and demand the same reply to every action.

    python benchmarks/household/oracle_diff.py            # the full run, about ten minutes
    python benchmarks/household/oracle_diff.py --games 12 --bent 6 --no-result

Generated games of all six types, exported to the original's format, bent copies
of the example files (see mutants.py), and the example files themselves; random,
expert and adversarial actions. Observation, admissible commands, score and won
are compared at every step. Needs the original: `make oracle`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from differential import KINDS, REPOSITORY, Difference, Oracle, compare, oracle_python, sequence
from machine import machine, today
from mutants import mutate, older

from turnwise.envs.household import engine, text
from turnwise.envs.household.export import to_original
from turnwise.envs.household.game import TASK_TYPES, Game
from turnwise.envs.household.generate import generate
from turnwise.envs.household.loader import GameFileError, parse_game

RESULT = REPOSITORY / "benchmarks" / "results" / "household-oracle.md"
DATA = Path(os.environ.get("TURNWISE_DATA", REPOSITORY.parent / "shared" / "data")) / "alfworld"
_SPLITS, _DIFFICULTIES = ("train", "seen", "unseen"), ("full", "medium", "small")
_CHUNK = 16  # games a process of the original plays before a fresh one takes over


@dataclass(frozen=True, slots=True)
class Job:
    """A game to make, and how to play it."""

    source: str  # generated, bent or example
    number: int
    kind: str
    num_steps: int


@dataclass(slots=True)
class Outcome:
    """Counts of what was played."""

    games: Counter[str] = field(default_factory=Counter)
    steps: Counter[str] = field(default_factory=Counter)
    verbs: Counter[str] = field(default_factory=Counter)
    differences: list[tuple[Job, Difference]] = field(default_factory=list)
    failures: list[tuple[Job, str]] = field(default_factory=list)
    refused_by_both: int = 0
    original_s: float = 0.0
    original_load_s: float = 0.0
    ours_s: float = 0.0

    def add(self, other: Outcome) -> None:
        """Add the counts of another."""
        for mine, theirs in ((self.games, other.games), (self.steps, other.steps), (self.verbs, other.verbs)):
            mine.update(theirs)
        self.differences += other.differences
        self.failures += other.failures
        self.refused_by_both += other.refused_by_both
        self.original_s += other.original_s
        self.original_load_s += other.original_load_s
        self.ours_s += other.ours_s


def documents(
    job: Job, logic: Path, examples: list[dict[str, Any]]
) -> tuple[str, dict[str, Any], Game | None]:
    """Return (label, game file, the game before it was exported) of a job."""
    wording = "put" if job.number % 5 == 4 else "move"
    if job.source == "example":
        return "example files", examples[job.number], None
    if job.source == "bent":
        return "bent files", mutate(examples[job.number % len(examples)], job.number, wording), None
    task_type = TASK_TYPES[job.number % len(TASK_TYPES)]
    round_ = job.number // len(TASK_TYPES)
    game = generate(task_type, job.number, _SPLITS[round_ % 3], _DIFFICULTIES[round_ // 3 % 3])
    document = to_original(game, logic)
    if wording == "put":
        document["grammar"] = older(document["grammar"])
    return task_type, document, replace(game, wording=wording)


def play(jobs: list[Job], logic: Path, examples: list[dict[str, Any]]) -> Outcome:
    """Play jobs on both engines, with one process of the original."""
    outcome = Outcome()
    python = oracle_python()
    assert python is not None
    with Oracle(python) as oracle, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "game.tw-pddl")
        for job in jobs:
            _play_one(job, oracle, file, documents(job, logic, examples), outcome)
    return outcome


def _play_one(
    job: Job, oracle: Oracle, file: Path, made: tuple[str, dict[str, Any], Game | None], outcome: Outcome
) -> None:
    label, document, generated = made
    file.write_text(json.dumps(document))
    try:
        loaded = parse_game(file.read_bytes(), file=label)
    except GameFileError as error:
        if oracle.ask({"plan": str(file)}).get("plan"):
            outcome.failures.append((job, f"refused by us alone: {error}"))
        else:  # its loader fails on most goals that cannot be reached, its planner on the rest
            outcome.refused_by_both += 1
        return
    game = generated or loaded
    actions = sequence(loaded, job.kind, job.number, job.num_steps)
    answer = oracle.play(file, actions)
    if "error" in answer:
        outcome.failures.append((job, f"the original failed: {answer['error']}"))
        return
    started = time.process_time()
    difference = compare(game, actions, answer["replies"])
    outcome.ours_s += time.process_time() - started
    outcome.original_s += answer["step_s"]
    outcome.original_load_s += answer["load_s"]
    outcome.games[label] += 1
    outcome.steps[f"{label}\t{job.kind}"] += len(actions)
    outcome.verbs.update(_verbs(game, actions))
    if difference is not None:
        outcome.differences.append((job, difference))


def _verbs(game: Game, actions: list[str]) -> Iterator[str]:
    state = game.initial
    for action in actions:
        observation, state = engine.step(game, state, action)
        yield action.split()[0] if observation != text.NOTHING_HAPPENS else "(refused)"


def run(jobs: list[Job], num_workers: int) -> Outcome:
    """Play jobs in several processes."""
    python = oracle_python()
    if python is None:
        raise SystemExit("the original is not here: run `make oracle`, or set TURNWISE_ORACLE to its python")
    examples = [json.loads(path.read_bytes()) for path in sorted(DATA.glob("*/game.tw-pddl"))]
    if not examples:
        raise SystemExit(f"no example game in {DATA}: set TURNWISE_DATA")
    total = Outcome()
    with Oracle(python) as oracle, tempfile.TemporaryDirectory() as folder:
        logic = oracle.ask({"logic": True})
        Path(folder, "alfred.pddl").write_text(logic["pddl_domain"])
        Path(folder, "alfred.twl2").write_text(logic["grammar"])
        chunks = [(jobs[i : i + _CHUNK], Path(folder), examples) for i in range(0, len(jobs), _CHUNK)]
        with multiprocessing.get_context("spawn").Pool(num_workers) as pool:
            for done, outcome in enumerate(pool.imap_unordered(_star, chunks), start=1):
                total.add(outcome)
                print(f"{done}/{len(chunks)}: {total.steps.total()} steps", file=sys.stderr, flush=True)
    return total


def _star(arguments: tuple[list[Job], Path, list[dict[str, Any]]]) -> Outcome:
    return play(*arguments)


def report(total: Outcome) -> str:
    """Write the result as Markdown."""
    num_games, num_steps = sum(total.games.values()), total.steps.total()
    rate, our_rate = num_steps / total.original_s, num_steps / total.ours_s
    kinds = [kind for kind in KINDS if any(key.endswith(kind) for key in total.steps)]
    lines = [
        "# Household: every reply compared with the original engine",
        "",
        f"{today()}, `python benchmarks/household/oracle_diff.py`, {machine()}; "
        "original: alfworld 0.4.2 on textworld 1.7.0, in a process of its own.",
        "",
        f"**{num_games} games, {num_steps} steps, {len(total.differences)} differences** "
        "in observation, admissible commands, score or won. "
        f"{total.refused_by_both} bent games are refused by us, and the original cannot load or solve them; "
        f"{len(total.failures)} games failed on one side alone.",
        "",
        "| games of | games | " + " | ".join(f"{kind} steps" for kind in kinds) + " |",
        "|---|---|" + "---|" * len(kinds),
    ]
    for label in sorted(total.games):
        counts = " | ".join(str(total.steps[f"{label}\t{kind}"]) for kind in kinds)
        lines.append(f"| {label} | {total.games[label]} | {counts} |")
    verbs = ", ".join(f"{verb} {count}" for verb, count in total.verbs.most_common())
    lines += [
        "",
        f"Actions: {verbs}.",
        "",
        f"The original took {total.original_s:.0f} s for the steps ({rate:.1f} a second) and "
        f"{total.original_load_s / num_games:.2f} s to load a game; ours {total.ours_s:.2f} s for the same "
        f"steps, comparison included ({our_rate:.0f} a second).",
        "",
    ]
    lines += [f"- DIFFERENCE {job}: {difference}" for job, difference in total.differences[:20]]
    lines += [f"- FAILURE {job}: {reason}" for job, reason in total.failures[:20]]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Run from the command line; 0 when nothing differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--games", type=int, default=216, help="generated games")
    parser.add_argument("--bent", type=int, default=72, help="bent copies of the example files")
    parser.add_argument("--steps", type=int, default=50, help="steps a game")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-result", action="store_true", help="print the result, write no file")
    given = parser.parse_args()
    counts = {"example": 2 * len(KINDS), "generated": given.games, "bent": given.bent}
    jobs = [
        Job(
            source,
            i % 2 if source == "example" else i,
            KINDS[i // 6 % 3 if source == "generated" else i % 3],
            given.steps,
        )
        for source, count in counts.items()
        for i in range(count)
    ]
    total = run(jobs, given.workers)
    written = report(total)
    print(written)
    if not given.no_result:
        RESULT.parent.mkdir(parents=True, exist_ok=True)
        RESULT.write_text(written)
    return 1 if total.differences or total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
