"""One training loop, written out: rollout, turn table, credit, sequences, loss, step.

    python docs/examples/loop.py

Everything between a policy's message and the change of its weights stands below, in the
order in which it happens, with the functions that `turnwise train` uses too. A policy of
30 000 random weights learns in ten seconds to push the button of the colour that a lamp
shows.

Left out, and found in turnwise.trainers: recipes, the log, checkpoints and resuming;
evaluation while training; a warm start from demonstrations; environments on a server;
samplers, trees whose episodes share turns, horizons, mixtures of environments; reward
transforms, token weights and critics; mini-batches, epochs, schedules, a reference model,
and the guards that stop a step before it spoils the weights.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import torch

from turnwise import TextEnv
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.rollout import RolloutConfig, TaskItem, rollout
from turnwise.agents.tiny import TinyConfig, TinyLM, TinyPolicy, TinyTokenizer
from turnwise.agents.types import Trajectory
from turnwise.credit import TurnTable, gigpo
from turnwise.servers.client import SessionClient, connect
from turnwise.trainers.learner.forward import group_units, micro_batches, score
from turnwise.trainers.learner.minibatch import MiniBatch
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.losses import Objective
from turnwise.trainers.objective_config import ObjectiveConfig

COLOURS = ["green", "red"]
NUM_UPDATES, NUM_TASKS, GROUP_SIZE = 30, 8, 8  # tasks an update, episodes of each task
HELD_OUT = range(1_000_000, 1_000_128)  # seeds of tasks that are never trained on
PLAY = RolloutConfig(max_turns=3, constraint="admissible")


class Lamp(TextEnv):
    """A lamp that shows a colour three times; each time the button of that colour is right."""

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.turn = self.right = 0
        return self._show()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        is_right = action == f"push {self.colour}"
        self.turn, self.right = self.turn + 1, self.right + is_right
        text, info = self._show()
        return text, float(is_right), self.turn == 3, False, {**info, "won": self.right == 3}

    def _show(self) -> tuple[str, dict[str, Any]]:
        self.colour = COLOURS[self.np_random.integers(2)]
        return f"The lamp is {self.colour}.", {"admissible": [f"push {colour}" for colour in COLOURS]}


async def play(
    client: SessionClient, policy: TinyPolicy, seeds: Sequence[int], size: int
) -> list[Trajectory]:
    """Play each task `size` times, all at once; episodes of one seed are a group."""
    tasks = [TaskItem(f"{__file__}:Lamp", seed=seed) for seed in seeds for _ in range(size)]
    result = await rollout(client, policy, tasks, PLAY, prompt=PromptConfig())
    return [trajectory for trajectory in result.trajectories if trajectory.counts]


def learn(
    model: TinyLM, optimizer: torch.optim.Optimizer, objective: Objective, played: Sequence[Trajectory]
) -> float:
    """Take one step on a batch of episodes; return the norm of the gradient."""
    # Credit: one number a turn, from the episodes of its group and the turns in its state.
    advantage_R = gigpo(TurnTable.from_trajectories(played), gamma=0.5).advantage
    # Sequences: turns whose prompts continue each other are read once; the tokens that the
    # policy chose are the targets of the loss, and each has the advantage of its turn.
    batch = pack(played)
    units = group_units(batch, objective.unit)
    step = MiniBatch(batch, units, advantage_R[batch.row_N], old_N=batch.behaviour_N, reference_N=None)
    weights_N = step.weights(objective)  # of each token in the mean over the batch
    # Loss and step: the micro-batches add up to the gradient of the whole.
    optimizer.zero_grad()
    for micro in micro_batches(batch, units, 4096, torch.device("cpu")):
        tokens = step.tokens(micro, score(model, micro), weights_N)
        torch.autograd.backward(objective(tokens).loss)
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(norm)


def success(played: Sequence[Trajectory]) -> float:
    """Return the share of episodes in which all three buttons were right."""
    told = [trajectory.success for trajectory in played if trajectory.success is not None]
    return sum(told) / len(told)


async def main() -> None:
    """Train, and print the success on held-out tasks before and after."""
    torch.set_num_threads(1)
    tokenizer = TinyTokenizer.train([f"The lamp is {colour}. push {colour}" for colour in COLOURS] * 2, 300)
    sizes = TinyConfig(tokenizer.vocab_size, hidden_size=32, num_layers=2, num_heads=2, intermediate_size=64)
    model = TinyLM(sizes, seed=0)
    policy, client = TinyPolicy(model, tokenizer), connect("local:")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    objective = Objective(ObjectiveConfig(name="ppo"))
    before = success(await play(client, policy, HELD_OUT, 1))
    for number in range(NUM_UPDATES):
        seeds = range(number * NUM_TASKS, (number + 1) * NUM_TASKS)
        played = await play(client, policy, seeds, GROUP_SIZE)
        norm = learn(model, optimizer, objective, played)
        policy.update_weights(model.state_dict(), number + 1)  # the next episodes are played with them
        print(f"update {number + 1:2d}  success {success(played):.2f}  gradient {norm:.2f}")
    after = success(await play(client, policy, HELD_OUT, 1))
    print(f"success on {len(HELD_OUT)} held-out tasks: {before:.2f} before, {after:.2f} after")
    await policy.aclose()
    await client.aclose()


if __name__ == "__main__":
    asyncio.run(main())
