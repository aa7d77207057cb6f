"""Train with TRL's GRPOTrainer on episodes that our rollout plays, with SALT's credit for every turn.

    pip install trl
    python docs/examples/trl_rollout.py MODEL OUT

MODEL is a folder or a name on the hub. Commands are told in words, so any chat model will do.
"""

import sys

import torch
from datasets import Dataset
from trl import GRPOConfig

from turnwise.agents.rollout.config import RolloutConfig
from turnwise.integrations.trl import CreditTrainer, episode_return, rollout_func, tasks

if __name__ == "__main__":
    model, out = sys.argv[1:]
    gpu = torch.cuda.is_available()
    trainer = CreditTrainer(
        model=model,
        args=GRPOConfig(out, max_steps=2, num_generations=4, report_to=[], bf16=gpu, use_cpu=not gpu),
        train_dataset=Dataset.from_list(tasks(range(64))),
        rollout_func=rollout_func("household/demo-v0", config=RolloutConfig(max_turns=4, max_tokens=24)),
        reward_funcs=episode_return,
        credit="salt",
    )
    trainer.train()
    for trajectory in trainer.trajectories:
        print(trajectory.group, [(turn.action, turn.reward) for turn in trajectory.turns])
