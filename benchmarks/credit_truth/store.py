"""Make the turns with true advantages that `turnwise truth` scores a method against.

One cell of the benchmark, rolled out more often: its episodes with what critics see of them,
the truth of each turn, and redraws (other episodes, other continuations) for bias and variance.
Seeded: the same code writes the same file.

    OMP_NUM_THREADS=1 python benchmarks/credit_truth/store.py [--rollouts 128] [--out FILE]
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

from cell import ENVIRONMENT, Cell, States, choose, play_starts, start
from episodes import Episode, record
from reader import ROLES

import turnwise
from turnwise.trainers.reports.truth.measures import Truth

OUT = Path(turnwise.__file__).resolve().parent / "trainers/reports/truth/household.json.gz"
DIGITS = 6


class Codes:
    """Numbers of values by first appearance."""

    def __init__(self) -> None:
        self.known: dict[Any, int] = {}

    def of(self, value: Any) -> int:
        return self.known.setdefault(value, len(self.known))


class Writer:
    """Episodes in small: what is met again has a number."""

    def __init__(self) -> None:
        self.states, self.sights, self.acts = Codes(), Codes(), Codes()

    def episode(self, episode: Episode) -> dict[str, Any]:
        """Return the numbers of an episode, or of the rest of one."""
        steps = episode.steps
        rewards = [step.reward for step in steps]
        won = bool(steps) and steps[-1].terminated
        if rewards != [0.0] * (len(steps) - 1) + [float(won)] * bool(steps):
            raise RuntimeError("expected a reward of 1 for a solved task alone")
        rows = zip(steps, episode.feature_TF, episode.role_T, episode.stage_T, strict=True)
        sights, acts = [], []
        for step, feature_F, role, stage in rows:
            seen = (self.states.of(step.state_key), int(stage), tuple(round(float(x), 4) for x in feature_F))
            sights.append(self.sights.of(seen))
            acts.append(self.acts.of((step.action, int(role))))
        last = [self.states.of(steps[-1].next_state_key)] if steps else []
        return {"s": sights, "a": acts, "l": last, "w": int(won)}


def truth_of(truth: Truth) -> dict[str, list[float]]:
    """Return the truth as rounded lists."""
    named = {
        "advantage": truth.advantage_N,
        "first": truth.first_N,
        "second": truth.second_N,
        "error": truth.error_N,
    }
    return {name: [round(float(x), DIGITS) for x in values] for name, values in named.items()}


def document(cell: Cell) -> dict[str, Any]:
    """Play, roll out and redraw; return what is stored."""
    draw = Random(f"{cell.seed} {cell.difficulty} {cell.strength}")
    starts = [start(cell, task) for task in range(cell.num_tasks)]
    states = States(cell)
    episodes, _ = play_starts(cell, starts, states, draw)
    truth = states.truth(episodes)
    spots = choose(cell, episodes, states, draw)
    writer = Writer()
    stored = [writer.episode(episode) for episode in episodes]
    redraws = []
    for _ in range(cell.num_redraws):
        others = [
            [writer.episode(record(task, begun, draw)[0]) for _ in range(cell.group_size - 1)]
            for task, begun in enumerate(starts)
        ]
        rests = [writer.episode(record(spot.episode.task, spot.after, draw)[0]) for spot in spots]
        redraws.append({"others": others, "rests": rests})
    place = {id(episode): number for number, episode in enumerate(episodes)}
    return {
        "about": {
            "environment": ENVIRONMENT,
            "fingerprint": turnwise.make(ENVIRONMENT).fingerprint,
            "difficulty": cell.difficulty,
            "max_turns": cell.num_turns,
            "strength": cell.strength,
            "tasks": cell.num_tasks,
            "group_size": cell.group_size,
            "rollouts": cell.num_rollouts,
            "redraws": cell.num_redraws,
            "seed": cell.seed,
            "roles": len(ROLES),
        },
        "states": list(writer.states.known),
        "sights": [[state, stage, list(feature)] for state, stage, feature in writer.sights.known],
        "acts": [list(act) for act in writer.acts.known],
        "episodes": stored,
        "truth": truth_of(truth),
        "spots": [[place[id(spot.episode)], spot.turn] for spot in spots],
        "redraws": redraws,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rollouts", type=int, default=128, help="from each state; an even number")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    cell = Cell("small", 20, 0.4, num_rollouts=options.rollouts, redrawn_turns=6, num_redraws=6, seed=1)
    text = json.dumps(document(cell), separators=(",", ":"))
    options.out.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(options.out, options.out.stat().st_size)


if __name__ == "__main__":
    main()
