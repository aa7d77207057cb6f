"""A model's weights divided over the ranks, by fully_shard of torch (FSDP2).

Each rank holds a part of every weight, of its gradient and of what the optimizer keeps for it. A layer is
gathered for its own passes; the embeddings and the head, which belong to the whole, from the first layer to
the end of the backward pass: so the head may be computed in any number of pieces, and its gradient is
summed once. What the ranks find is summed and not averaged, since the loss is weighted over all of them.

The parts are in float32 where the recipe asks for copies in float32; passes then compute in its dtype.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import (
    FSDPModule,
    MixedPrecisionPolicy,
    fully_shard,
    register_fsdp_forward_method,
)
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map

from ...agents.models import CausalLM, TransformersLM
from ..learner.config import OptimConfig
from ..learner.copies import copies_in


@dataclass(frozen=True, slots=True)
class Shards:
    """A model of which this rank holds a part.

    Args:
        model: computes with all ranks.
        parameters: the part of each weight that trains.
        has_copies: whether the parts are finer than what the model computes with.
    """

    model: CausalLM
    parameters: Sequence[DTensor]
    has_copies: bool

    @torch.no_grad()
    def deliver(self, face: CausalLM | None) -> None:
        """Write the weights that train into a model that has them whole; only rank 0 has one."""
        targets: Sequence[Tensor | None] = [None] * len(self.parameters)
        if face is not None:
            targets = [weight for weight in face.parameters() if weight.requires_grad]
        for part, target in zip(self.parameters, targets, strict=True):
            weight = part.full_tensor()
            if target is not None:
                target.copy_(weight)

    @torch.no_grad()
    def load_copies(self, state: Mapping[str, Any]) -> None:
        """Take over the weights in float32 of a learner's state, where there are any.

        Raises:
            CheckpointError: if there are none in it, and the recipe asks for them.
        """
        if self.has_copies:
            for part, saved in zip(self.parameters, copies_in(state), strict=True):
                part.copy_(part_of(saved, part))

    def optimizer_parts(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return this rank's part of the whole state of an optimizer."""
        parts = {
            number: {name: part_of(value, self.parameters[number]) for name, value in values.items()}
            for number, values in state["state"].items()
        }
        return {**state, "state": parts}


def shard(model: CausalLM, optim: OptimConfig, mesh: DeviceMesh) -> Shards:
    """Divide a model over the ranks; all call this at once, with the same weights.

    Args:
        model: whole, on the CPU or the device; changed in place.
        optim: whether weights of 16 bits have float32 copies.
        mesh: of the ranks.
    """
    assert isinstance(model, nn.Module), "a model that is divided is a module of torch"
    dtype = next(iter(model.parameters())).dtype
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    coarse = torch.finfo(dtype).bits < 32
    has_copies = coarse and optim.master == "float32" and any(weight.dtype == dtype for weight in trained)
    if has_copies:
        model.to(torch.float32)
    computed = dtype if coarse else None
    policy = MixedPrecisionPolicy(computed, torch.float32 if coarse else None, cast_forward_inputs=False)
    for module in [*_layers(model), model]:
        fully_shard(module, mesh=mesh, mp_policy=policy)
        assert isinstance(module, FSDPModule)
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)  # gloo knows no other
    register_fsdp_forward_method(model, "hidden")
    parts = [weight for weight in model.parameters() if weight.requires_grad and isinstance(weight, DTensor)]
    return Shards(model, parts, has_copies)


def reshard(model: CausalLM) -> None:
    """Give the memory free of what passes without gradient have gathered."""
    assert isinstance(model, FSDPModule)
    model.reshard()


def part_of(value: Any, like: DTensor) -> Any:
    """Return this rank's part of a whole tensor, divided like another; what has another shape as it is."""
    if not isinstance(value, Tensor) or value.shape != like.shape or not value.dim():
        return value
    whole = value.to(like.device, like.dtype)
    part = distribute_tensor(whole, like.device_mesh, like.placements, src_data_rank=None)
    return part.clone()  # of its own memory, so that the whole is freed


def whole_of(state: Any, keep: bool) -> Any:
    """Return a state with all its tensors whole, on the CPU, on the rank that keeps it; all ranks call this.

    One tensor is gathered at a time, and dropped at once where it is not kept.
    """

    def gathered(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        whole = value.full_tensor() if isinstance(value, DTensor) else value
        return whole.detach().cpu() if keep else None

    return tree_map(gathered, state)


def digest(model: CausalLM) -> str:
    """Return the SHA-256 of a model's weights, bit by bit."""
    found = hashlib.sha256()
    for name, weight in model.named_parameters():
        found.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        bits = weight.detach().cpu().contiguous().flatten().view(torch.uint8)
        found.update(bits.numpy().tobytes())
    return found.hexdigest()


def _layers(model: nn.Module) -> list[nn.Module]:
    """Return the layers of a model of transformers; a small one of ours is divided as a whole."""
    if not isinstance(model, TransformersLM):
        return []
    from transformers.modeling_layers import GradientCheckpointingLayer

    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
