"""The policy that is trained: weights under the learner, and the engine that samples with them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..agents.causal_lm import CausalLM
from ..agents.types import TokenPolicy
from .sections import Recipe

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


def load_trainee(folder: Path, recipe: Recipe, version: int = 0) -> Trainee:
    """Read a policy folder as the policy that a recipe trains.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
    """
    return (
        _tiny(folder, recipe, version)
        if recipe.policy.kind == "tiny"
        else _transformers(folder, recipe, version)
    )


def _tiny(folder: Path, recipe: Recipe, version: int) -> Trainee:
    from ..agents.tiny.checkpoint import load_checkpoint, save_checkpoint
    from ..agents.tiny.policy import TinyPolicy

    model, tokenizer = load_checkpoint(folder)
    slots = recipe.rollout.slots
    policy = TinyPolicy(model, tokenizer, version=version, num_slots=slots, max_batch=slots)
    return Trainee(
        model=model,
        policy=policy,
        publish=lambda number: policy.update_weights(model.state_dict(), number),
        save=lambda target: save_checkpoint(model, tokenizer, target),
    )


def _transformers(folder: Path, recipe: Recipe, version: int) -> Trainee:
    raise AssertionError
