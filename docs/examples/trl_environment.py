"""Train with TRL's GRPOTrainer in one of our environments, with GiGPO's credit for every turn.

    pip install trl
    python docs/examples/trl_environment.py MODEL OUT

MODEL is a folder or a name on the hub, of a model that calls tools (e.g. Qwen/Qwen3-0.6B).
"""

import sys

import torch
from datasets import Dataset
from trl import GRPOConfig

from turnwise.integrations.trl import CreditTrainer, environment_factory, tasks

if __name__ == "__main__":
    model, out = sys.argv[1:]
    gpu = torch.cuda.is_available()
    trainer = CreditTrainer(
        model=model,
        args=GRPOConfig(out, max_steps=2, num_generations=4, report_to=[], bf16=gpu, use_cpu=not gpu),
        train_dataset=Dataset.from_list(tasks(range(64))),
        environment_factory=environment_factory("household/demo-v0"),
        credit="gigpo",
        credit_params={"gamma": 0.95},
    )
    trainer.train()
    for trajectory in trainer.trajectories:
        print(trajectory.group, [(turn.action, turn.reward) for turn in trajectory.turns])
