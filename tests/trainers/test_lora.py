"""An adapter trains alone, its base is the reference, and a run with one goes on bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.places import policy_folder
from turnwise.errors import CheckpointError, UsageError
from turnwise.trainers.policies import load_reference, load_trained
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.reports.export import export
from turnwise.trainers.train import train
from turnwise.trainers.validate import validate
from turnwise.trainers.warmstart.warmstart import warm_start

IDS = torch.arange(5, 25)[None]
Lights = Callable[..., Recipe]


def recipe_for(lights: Lights, base: Path, **changes: dict) -> Recipe:
    tables = {
        "policy": {"kind": "transformers", "checkpoint": str(base), "lora_rank": 2},
        "rollout": {
            "num_groups": 3,
            "group_size": 4,
            "max_turns": 2,
            "max_tokens": 8,
            "max_episode_tokens": 400,
        },
        "loss": {"kl": "k3", "kl_coef": 0.01},
        "optim": {"num_minibatches": 1, "learning_rate": 1e-2},
        "train": {"num_updates": 2, "save_every": 1},
        "eval": {"every": 0, "episodes": 4},
    }
    for name, table in changes.items():
        tables[name] = {**tables.get(name, {}), **table}
    return lights(**tables)


def logits(model: TransformersLM) -> torch.Tensor:
    with torch.inference_mode():
        return model.head(model.hidden(IDS, torch.tensor([IDS.shape[1]])))[0]


def test_the_base_below_an_adapter_is_the_reference(lights: Lights, chat_model: Path) -> None:
    recipe = recipe_for(lights, chat_model)
    base = logits(TransformersLM.load(str(chat_model)))
    trained = load_trained(chat_model, recipe.policy, recipe.prompt, recipe.rollout)
    model = trained.model
    assert torch.equal(logits(model), base)
    learning = [name for name, weight in model.named_parameters() if weight.requires_grad]
    assert learning
    assert all("lora_" in name for name in learning)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight += 0.05
    assert float((logits(model) - base).abs().max()) > 1e-3
    with load_reference(chat_model, recipe.policy, model)() as reference:
        assert reference is model  # no copy
        assert torch.equal(logits(reference), base)
    adapted = logits(model)
    model.merge()
    assert torch.allclose(logits(model), adapted, atol=1e-5)


def test_an_adapter_is_saved_loaded_and_refused_by_another_base(
    lights: Lights, chat_model: Path, tmp_path: Path
) -> None:
    recipe = recipe_for(lights, chat_model)
    trained = load_trained(chat_model, recipe.policy, recipe.prompt, recipe.rollout)
    with torch.no_grad():
        for weight in trained.model.parameters():
            if weight.requires_grad:
                weight += 0.05
    trained.save(tmp_path / "adapter")
    assert policy_folder(tmp_path / "adapter") == tmp_path / "adapter"
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    again = TransformersLM.load(str(tmp_path / "adapter"))
    assert torch.equal(logits(again), logits(trained.model))
    other = recipe_for(lights, chat_model, policy={"lora_rank": 3})
    with pytest.raises(UsageError, match="has rank 2"):
        load_trained(tmp_path / "adapter", other.policy, recipe.prompt, recipe.rollout)
    base = TransformersLM.load(str(chat_model))
    with torch.no_grad():
        next(iter(base.parameters())).add_(1.0)
    base.save(chat_model)
    with pytest.raises(CheckpointError, match="an adapter for another base"):
        TransformersLM.load(str(tmp_path / "adapter"))


def test_a_run_with_an_adapter_goes_on_bit_for_bit_and_is_exported(
    lights: Lights, chat_model: Path, tmp_path: Path
) -> None:
    recipe = recipe_for(lights, chat_model)
    train(recipe, tmp_path / "whole")
    train(recipe_for(lights, chat_model, train={"num_updates": 1}), tmp_path / "two")
    train(recipe, tmp_path / "two", resume=True)
    weights = "checkpoints/update-000002/policy/adapter_model.safetensors"
    assert (tmp_path / "whole" / weights).read_bytes() == (tmp_path / "two" / weights).read_bytes()
    source = export(tmp_path / "whole", tmp_path / "merged")
    export(tmp_path / "whole", tmp_path / "adapter", adapter=True)
    trained, merged = TransformersLM.load(str(source)), TransformersLM.load(str(tmp_path / "merged"))
    assert merged.adapter is None
    assert torch.allclose(logits(merged), logits(trained), atol=1e-5)
    assert (tmp_path / "adapter" / "adapter_config.json").is_file()


def test_cloning_through_an_adapter_leaves_a_merged_model(
    taught: Lights, chat_model: Path, tmp_path: Path
) -> None:
    recipe = recipe_for(
        taught,
        chat_model,
        policy={"checkpoint": ""},
        warmstart={"base": str(chat_model), "max_steps": 2, "batch_size": 2, "episodes": 8},
        rollout={"constraint": "none", "max_tokens": 64, "max_turns": 4},
    )
    assert warm_start(recipe, tmp_path / "warm").num_steps == 2
    tuned, base = TransformersLM.load(str(tmp_path / "warm")), TransformersLM.load(str(chat_model))
    assert tuned.adapter is None
    assert not torch.equal(logits(tuned), logits(base))
    with pytest.raises(UsageError, match="lora_rank"):
        validate(taught(policy={"lora_rank": 2}))
