"""The policy that is trained: weights under the learner, and the engine that samples with them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..agents.models import CausalLM
from ..agents.policies import TokenPolicy, write_settings
from .recipe import Recipe
from .setup import agent_settings

__all__ = ["Trainee", "load_trainee"]


@dataclass(frozen=True, slots=True)
class Trainee:
    """Hold a model, the policy that samples with its weights, and how to save both.

    Args:
        model: what the learner updates.
        policy: what the rollout asks.
        publish: brings the model's weights into the policy under a version.
        save: writes model and tokenizer into a folder.
    """

    model: CausalLM
    policy: TokenPolicy
    publish: Callable[[int], None]
    save: Callable[[Path], None]

    def frozen_copy(self) -> CausalLM:
        """Return a copy of the weights as they are now, for a reference model."""
        twin = copy.deepcopy(self.model)
        twin.train(False)
        for parameter in twin.parameters():
            parameter.requires_grad_(False)
        return twin


def load_trainee(source: str | Path, recipe: Recipe, version: int = 0) -> Trainee:
    """Read a policy as the one that a recipe trains.

    Args:
        source: the folder of a policy, or for kind `transformers` a name in the local cache of the hub.
        recipe: its [policy], [prompt] and [rollout].
        version: of the weights.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
    """
    kind = _tiny if recipe.policy.kind == "tiny" else _transformers
    return kind(str(source), recipe, version)


def _tiny(source: str, recipe: Recipe, version: int) -> Trainee:
    from ..agents.tiny.checkpoint import load_checkpoint, save_checkpoint
    from ..agents.tiny.policy import TinyPolicy

    model, tokenizer = load_checkpoint(Path(source))
    slots = recipe.rollout.slots
    policy = TinyPolicy(model, tokenizer, version=version, num_slots=slots, max_batch=slots)

    def save(folder: Path) -> None:
        save_checkpoint(model, tokenizer, folder)
        write_settings(folder, agent_settings(recipe))

    return Trainee(model, policy, lambda number: policy.update_weights(model.state_dict(), number), save)


def _transformers(source: str, recipe: Recipe, version: int) -> Trainee:
    import torch

    from ..agents.models import TransformersLM
    from ..agents.policies.transformers import TransformersPolicy, load_tokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    # learner and policy share one set of weights: nothing has to be copied after an update
    model = TransformersLM.load(source, getattr(torch, recipe.policy.dtype)).to(device).eval()
    policy = TransformersPolicy(source, version=version, max_batch=recipe.rollout.slots, model=model)
    tokenizer = load_tokenizer(source)

    def save(folder: Path) -> None:
        model.save(folder)
        tokenizer.save_pretrained(folder)
        write_settings(folder, agent_settings(recipe))

    return Trainee(model, policy, lambda number: policy.update_weights(None, number), save)
