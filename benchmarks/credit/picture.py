"""Make the picture of the microscope in the documentation from real episodes.

Plays groups of household episodes with an agent that follows the expert some of
the time and else acts at random, stores them, and examines them.

    python benchmarks/credit/picture.py [--share 0.3] [--out docs/microscope.png]
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import turnwise
from turnwise.agents.types import Trajectory, Turn
from turnwise.trainers.reports.microscope import examine, picture

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "household/mix-v0"
GROUP_SIZE, TURNS = 8, 20


def play(seed: int, share: float, draw: random.Random) -> Trajectory:
    """Play one episode; each action is the expert's with probability `share`."""
    env = turnwise.make(ENVIRONMENT, difficulty="small")
    observation, info = env.reset(seed=seed, options={"expert": True})
    turns: list[Turn] = []
    ended = False
    while not ended and len(turns) < TURNS:
        followed = draw.random() < share
        action = info["private"]["expert"] if followed else draw.choice(info["admissible"])
        key, before = info["state_key"], observation
        observation, reward, ended, _, info = env.step(action)
        turns.append(
            Turn(
                index=len(turns),
                observation=before,
                state_key=key,
                action=action,
                reward=float(reward),
                next_state_key=info["state_key"],
            )
        )
    won = bool(info["won"])
    return Trajectory(
        env_id=ENVIRONMENT,
        task=info["task"],
        task_seed=seed,
        group=f"seed {seed}",
        turns=tuple(turns),
        end="terminated" if ended else "horizon",
        success=won,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=0.3)
    parser.add_argument("--groups", type=int, default=8)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/microscope.png")
    options = parser.parse_args()
    draw = random.Random(0)
    trajectories = [
        play(seed, options.share, draw) for seed in range(options.groups) for _ in range(GROUP_SIZE)
    ]
    examination = examine(trajectories)
    won = dict.fromkeys(map(str, examination.table.group_names), 0)
    for trajectory in trajectories:
        won[trajectory.group] += bool(trajectory.success)
    mixed = min(won, key=lambda group: abs(won[group] - GROUP_SIZE / 2))
    print(won, picture(examination, mixed, options.out))


if __name__ == "__main__":
    main()
