"""What several ranks and one process are asked alike: models, recipes, batches that no number divides."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import advantages, qwen2, sampled_by

from turnwise.agents.models import CausalLM
from turnwise.agents.tiny.checkpoint import save_model
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.trainers.learner.critic import Critic
from turnwise.trainers.learner.sequences import PackedBatch
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.parallel.begin import Begin
from turnwise.trainers.parallel.group import Ranks
from turnwise.trainers.parallel.lead import lead
from turnwise.trainers.parallel.learner import RankLearner
from turnwise.trainers.policies import get as get_kind
from turnwise.trainers.policies import load_reference
from turnwise.trainers.recipe import Recipe, dump, from_tables
from turnwise.trainers.runs import checkpoint

at_length = pytest.mark.skipif(
    not os.environ.get("TURNWISE_LEARNERS"), reason="its processes cost too much: make test-learners"
)
SIZES = TinyConfig(
    vocab_size=256, hidden_size=24, num_layers=2, num_heads=2, num_kv_heads=1, intermediate_size=30
)
LOOSE = {"mismatch_limit": 1e9, "spike_limit": 1e9, "learning_rate": 1e-3}
# episodes of a batch, by update: many, one (so that every other rank has nothing), few
EPISODES = (5, 1, 2)

CASES: dict[str, dict[str, Any]] = {
    "clipped": {
        "optim": {"num_minibatches": 3, "num_epochs": 2, "micro_tokens": 90, "max_grad_norm": 0.01},
        "loss": {"entropy_coef": 0.01},
    },
    "reference": {
        "policy": {"tie_word_embeddings": False},
        "optim": {"micro_tokens": 200, "head_chunk": 3, "checkpointing": True},
        "loss": {"kl": "k3", "kl_coef": 0.1},
    },
    "adapter": {
        "policy": {"lora_rank": 2},
        # what has no gradient but rounding would move as far as Adam lets it
        "optim": {"num_minibatches": 2, "micro_tokens": 90, "adam_epsilon": 1e-4},
        "loss": {"kl": "k3", "kl_coef": 0.1, "aggregation": "trajectory_mean"},
    },
    "groups": {"optim": {"micro_tokens": 90}, "loss": {"name": "disco"}},
    "trajectories": {
        "optim": {"old_logprobs": "behaviour", "micro_tokens": 60, "schedule": "linear"},
        "loss": {"ratio_level": "trajectory"},
    },
    "tiny": {
        "policy": {"kind": "tiny", "dtype": "float32"},
        "optim": {"micro_tokens": 90, "adam_epsilon": 1e-4, "num_minibatches": 2},
    },
}


def recipe_of(name: str, **policy: Any) -> Recipe:
    """Return the recipe of a case."""
    tables = CASES[name]
    chosen = {"kind": "transformers", "dtype": "float64", **tables.get("policy", {}), **policy}
    chosen.pop("tie_word_embeddings", None)
    optim = {**LOOSE, **tables.get("optim", {})}
    return from_tables({"policy": chosen, "optim": optim, "loss": tables.get("loss", {})})


def policy_in(folder: Path, name: str) -> str:
    """Write the model of a case into a folder."""
    tables = CASES[name].get("policy", {})
    if tables.get("kind") == "tiny":
        save_model(TinyLM(SIZES, seed=3), folder)
    else:
        qwen2(torch.float64, tie_word_embeddings=tables.get("tie_word_embeddings", True)).save(folder)
    return str(folder)


def batches(model: CausalLM, num: int) -> list[tuple[PackedBatch, np.ndarray]]:
    """Return batches of several sizes as the model would have sampled them, with advantages; some are 0."""
    found = []
    for number in range(num):
        episodes = EPISODES[number % len(EPISODES)]
        batch = sampled_by(model, episodes, turns=1 + number % 3, seed=number)
        batch = replace(batch, group_T=np.arange(episodes) // 3, won_T=np.arange(episodes) % 2.0)
        advantage_N = advantages(batch, seed=number) * (batch.row_N % 3 > 0)
        found.append((batch, advantage_N if advantage_N.any() else np.ones_like(advantage_N)))
    return found


def load(recipe: Recipe, policy: str) -> CausalLM:
    """Load the model of a recipe whole."""
    weights = get_kind(recipe.policy.kind).weights
    assert weights is not None
    return weights(policy, recipe.policy)


def alone(recipe: Recipe, policy: str, model: CausalLM, critic: Critic | None = None) -> Learner:
    """Return a learner in one process."""
    needed = recipe.loss.kl_coef > 0
    return Learner(
        model,
        recipe.optim,
        recipe.loss,
        critic=critic,
        reference=load_reference(policy, recipe.policy, model) if needed else None,
        total_updates=recipe.train.num_updates,
        seed=recipe.train.seed,
    )


def together(
    group: Ranks,
    recipe: Recipe,
    policy: str,
    face: CausalLM,
    saved: checkpoint.Saved | None = None,
    critic: Critic | None = None,
) -> RankLearner:
    """Return the learner of all ranks, as it begins or from a checkpoint."""
    places = (str(saved.policy), str(saved.folder)) if saved else (policy, "")
    asked = Begin(dump(recipe), policy, *places, recipe.loss.kl_coef > 0, None)
    return lead(group, asked, face, critic=critic)


def flat(model: CausalLM) -> np.ndarray:
    """Return all weights."""
    return torch.cat([weight.detach().double().flatten() for weight in model.parameters()]).numpy()
