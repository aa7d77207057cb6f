"""Measure an update of SmolLM2 beside TRL's GRPOTrainer, on the same tokens in the same run.

    make smollm2
    python -m venv /tmp/trl && /tmp/trl/bin/pip install torch==2.13.0 trl==1.16.0
    python benchmarks/learner/trl_update.py --trl /tmp/trl/bin/python [--episodes 16] [--rounds 3]

The work: one optimizer step of clipped policy gradient, every token alike, on whole episodes of
household_smollm2: its teacher's thoughts and actions in the tokens of SmolLM2, learned from the agent's
tokens alone, one advantage an episode. One thread each, layers computed again, as many padded tokens at
once. The learner keeps float32 copies of bfloat16 weights, as the recipe says; TRL is given bfloat16
weights without copies, the fastest that it has here. Processor seconds, in turn, the median of the rounds
after a first one. That both do the same is seen by the loss and the norm of the gradient of the first.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from turnwise.agents.types import Trajectory
from turnwise.trainers.learner.sequences import PackedBatch, pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.policies.kinds import agent_settings
from turnwise.trainers.recipe import Recipe, load
from turnwise.trainers.warmstart.students import Student, load_student, source_of
from turnwise.trainers.warmstart.warmstart import play_demonstrations

HERE = Path(__file__).parent
RATE = 1e-6


def episodes_of(recipe: Recipe, student: Student, num: int) -> list[Trajectory]:
    """Return episodes of the recipe's teacher in the model's tokens."""
    section = replace(recipe.warmstart, episodes=num)
    played = play_demonstrations(
        recipe.env, section, "plan", recipe.rollout.max_turns, 0, lambda text, share: None
    )
    return student.encode(played, recipe.prompt, agent_settings(recipe.prompt, recipe.rollout))


def rows_of(batch: PackedBatch, episodes: list[Trajectory], advantages: np.ndarray) -> list[dict[str, Any]]:
    """Return the sequences of a batch as TRL takes them."""
    rows = []
    for sequence in batch.sequences:
        last = int(batch.token_N[sequence.targets[-1]])
        ids = [*sequence.ids_L.tolist(), last]
        said = {place + 1 for place in sequence.place_N.tolist()}
        start = len(episodes[sequence.trajectory].turns[0].generation.prompt_ids)
        rows.append(
            {
                "prompt": ids[:start],
                "completion": ids[start:],
                "mask": [int(place in said) for place in range(start, len(ids))],
                "advantage": float(advantages[sequence.trajectory]),
            }
        )
    return rows


def measure(trl: str, num: int, rounds: int, overrides: list[str]) -> dict[str, Any]:
    """Return processor seconds of both, and what shows that they did the same."""
    torch.set_num_threads(1)
    recipe = load("household_smollm2", overrides)
    source = source_of(recipe, None)
    student = load_student(recipe, source)
    assert student is not None
    episodes = episodes_of(recipe, student, num)
    advantages = np.random.default_rng(1).normal(size=num)
    batch = pack(episodes)
    optim = replace(
        recipe.optim, learning_rate=RATE, num_minibatches=1, mismatch_limit=1e9, checkpointing=True
    )
    learner = Learner(student.model, optim, ObjectiveConfig(aggregation="token_mean"))
    seconds: dict[str, list[float]] = {"turnwise": [], "trl": []}
    first: dict[str, Any] = {}
    command = [trl, str(HERE / "trl_worker.py"), source, str(optim.micro_tokens), str(RATE)]
    with (
        tempfile.NamedTemporaryFile("w", suffix=".json") as file,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker,
    ):
        json.dump(rows_of(batch, episodes, advantages), file)
        file.flush()
        assert worker.stdin is not None and worker.stdout is not None
        for number in range(rounds + 1):
            begun = time.process_time()
            log = learner.update(pack(episodes), advantages[batch.trajectory_N])
            seconds["turnwise"].append(time.process_time() - begun)
            worker.stdin.write(f"{file.name}\n")
            worker.stdin.flush()
            told = json.loads(worker.stdout.readline())
            seconds["trl"].append(told["seconds"])
            first = first or {"turnwise": log, "trl": told}
            print(
                f"round {number}: turnwise {seconds['turnwise'][-1]:.1f} s, TRL {told['seconds']:.1f} s",
                flush=True,
            )
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    return {"seconds": medians, "first": first, "tokens": batch.num_tokens, "targets": batch.num_targets}


def report(found: dict[str, Any], num: int, rounds: int) -> str:
    """Return the page."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    seconds, first = found["seconds"], found["first"]
    lines = [
        f"| {name} | {seconds[key]:.1f} | {first[key]['loss']:.5f} | {first[key]['grad_norm']:.4f} |"
        for name, key in (("TRL 1.16.0, GRPOTrainer", "trl"), ("turnwise", "turnwise"))
    ]
    return f"""# An update of SmolLM2 beside TRL's

{day}, `python benchmarks/learner/trl_update.py --episodes {num} --rounds {rounds}`,
torch {torch.__version__}, {platform.machine()}, one thread each. {num} episodes of household in words,
{found["tokens"]} tokens, of which {found["targets"]} are the agent's. What is alike and what is not is
said at the head of the script.

| | CPU s an update (median of {rounds}) | loss of the first | norm of its gradient |
|---|---|---|---|
{chr(10).join(lines)}

Ratio turnwise / TRL: **{seconds["turnwise"] / seconds["trl"]:.2f}**.
"""


def main() -> None:
    """Measure, print the page, and write it where --markdown says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trl", required=True, help="a Python that has TRL")
    parser.add_argument("--episodes", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="overrides")
    given = parser.parse_args()
    text = report(
        measure(given.trl, given.episodes, given.rounds, given.overrides), given.episodes, given.rounds
    )
    print(text)
    if given.markdown:
        given.markdown.write_text(text)


if __name__ == "__main__":
    main()
