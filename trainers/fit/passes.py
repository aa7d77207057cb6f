"""The passes of learner and engine on tensors without content: what each would hold.

The learner's own code runs (`score`, checkpointing, copies), so that a change there changes what is
found. Two models of few layers are run; what a layer adds is the same for each.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ...agents.models import TransformersLM
from ..learner.config import OptimConfig
from ..learner.copies import copies_for
from ..learner.forward import MicroBatch, score
from .live import Live

_FEW, _MORE = 2, 3  # layers
_CHUNKS = 3
_LOGIT_COPIES = 4  # that sampling makes, in float32


@dataclass(frozen=True, slots=True)
class Learned:
    """Bytes of an update: what stays, and what its passes add at most."""

    weights: int
    copies: int
    gradients: int
    moments: int  # of Adam: two for each number that it moves
    activations: int  # what the forward pass keeps for the backward pass, logits apart
    logits: int  # and all else that exists for a moment


@dataclass(frozen=True, slots=True)
class Sampled:
    """Bytes of a rollout beside the weights."""

    cache: int  # keys and values of the batch
    forward: int  # what exists for a moment, with the longest prompt


@dataclass(frozen=True, slots=True)
class Pass:
    """The size of a pass: rows, their length in tokens, and how many of these are targets or prompt."""

    rows: int
    length: int
    chosen: int


class Model:
    """The shape of a model in a dtype, to be built with any number of layers.

    Args:
        config: of transformers.
        dtype: of the weights, as torch names it.
    """

    def __init__(self, config: Any, dtype: str) -> None:
        self._config, self._dtype = config, getattr(torch, dtype)
        self.num_layers = int(config.get_text_config().num_hidden_layers)
        self.vocabulary = int(config.get_text_config().vocab_size)
        self.context = int(config.get_text_config().max_position_embeddings)

        self._known: dict[Any, Any] = {}

    def learned(self, size: Pass, optim: OptimConfig) -> Learned:
        """Return what an update holds."""
        key = size, optim.head_chunk, optim.checkpointing, optim.master, optim.adam
        if key not in self._known:
            few, more = (_learn(self._build(layers), size, optim) for layers in (_FEW, _MORE))
            self._known[key] = Learned(**self._at_full_depth(few, more))
        learned: Learned = self._known[key]
        return learned

    def sampled(self, size: Pass) -> Sampled:
        """Return what a rollout holds; `chosen` of the size is the longest prompt."""
        if size not in self._known:
            few, more = (_sample(self._build(layers), size) for layers in (_FEW, _MORE))
            found = Sampled(**self._at_full_depth(few, more))
            logits = _LOGIT_COPIES * 4 * size.rows * self.vocabulary
            self._known[size] = Sampled(found.cache, found.forward + logits)
        sampled: Sampled = self._known[size]
        return sampled

    def _at_full_depth(self, few: Any, more: Any) -> dict[str, int]:
        found = {}
        for field in fields(few):
            low, high = getattr(few, field.name), getattr(more, field.name)
            found[field.name] = low + (self.num_layers - _FEW) * (high - low)
        return found

    def _build(self, layers: int) -> Any:
        """Return a function that builds the model; called where tensors have no content."""

        def build() -> TransformersLM:
            from transformers import AutoModelForCausalLM

            config = copy.deepcopy(self._config)
            text = config.get_text_config()
            text.num_hidden_layers = layers
            if getattr(text, "layer_types", None):
                text.layer_types = text.layer_types[:layers]
            made: Any = AutoModelForCausalLM
            lm = TransformersLM(made.from_config(config, dtype=self._dtype))
            lm.train(False)
            return lm

        return build


def _learn(build: Any, size: Pass, optim: OptimConfig) -> Learned:
    with FakeTensorMode(), Live() as live:
        lm = build()
        weights = live.now
        copies = copies_for(lm.parameters(), optim)
        copied = live.now - weights
        moved = list(lm.parameters()) if copies is None else copies.parameters
        for parameter in moved:
            parameter.grad = torch.zeros_like(parameter)  # of the micro-batches before
        gradients = live.now - weights - copied
        shown, states_bytes = _fewer_targets(size, optim, lm.hidden_size, next(iter(lm.parameters())).dtype)
        micro, given = _micro_batch(shown), live.now
        at_head: list[int] = []
        lm.model.get_output_embeddings().register_forward_pre_hook(lambda *_: at_head.append(live.now))
        live.forget_peak()
        with lm.checkpointed() if optim.checkpointing else nullcontext():
            scored = score(lm, micro, optim.head_chunk)
            torch.autograd.backward(scored.logp_N.sum() + 0.001 * scored.entropy_N.sum())
        activations = at_head[0] - given
        rest = live.most - given - activations + states_bytes
    return Learned(weights, copied, gradients, 2 * gradients, activations, rest)


def _fewer_targets(size: Pass, optim: OptimConfig, width: int, dtype: torch.dtype) -> tuple[Pass, int]:
    """Return a pass of some chunks of targets only, and the bytes of the states and gradients left out.

    What one chunk needs is gone before the next, so that many take long to count and show nothing new.
    """
    enough = -(-_CHUNKS * optim.head_chunk // size.rows)
    if not optim.head_chunk or size.chosen <= enough:
        return size, 0
    left_out = size.rows * (size.chosen - enough)
    return Pass(size.rows, size.length, enough), 2 * left_out * width * dtype.itemsize


def _micro_batch(size: Pass) -> MicroBatch:
    num = size.rows * size.chosen
    index_N = torch.arange(num)
    return MicroBatch(
        ids_BL=torch.zeros(size.rows, size.length, dtype=torch.int64),
        lengths_B=torch.full((size.rows,), size.length),
        flat_N=index_N,
        tokens=[0] * num,
        temperatures=[1.0] * num,
        turn_N=index_N,
        trajectory_N=index_N,
        supports=[None] * num,
        index_N=np.arange(num),
    )


@torch.no_grad()
def _sample(build: Any, size: Pass) -> Sampled:
    from transformers import DynamicCache

    with FakeTensorMode(), Live() as live:
        lm = build()
        cache: Any = DynamicCache()
        before = live.now
        live.forget_peak()
        for first, last in ((0, size.chosen), (size.chosen, size.length)):
            ids_BT = torch.zeros(size.rows, last - first, dtype=torch.int64)
            lm.model(
                input_ids=ids_BT,
                attention_mask=torch.ones(size.rows, last, dtype=torch.int64),
                position_ids=torch.zeros_like(ids_BT),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            if not first:
                most = live.most
        kept = sum(
            layer.keys.untyped_storage().nbytes() + layer.values.untyped_storage().nbytes()
            for layer in cache.layers
        )
    of_prompt = kept * size.chosen // size.length
    return Sampled(kept, max(0, most - before - of_prompt))
