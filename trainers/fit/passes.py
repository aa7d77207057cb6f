"""The passes of learner and engine on tensors without content: what each would hold.

The learner's own code runs (`score`, checkpointing, copies) and the engine's own cache, so that a change
there changes what is found. Two models of few layers are run; what a layer adds is the same for each.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ...agents.decoding import Entropy
from ...agents.decoding.sampling import precise
from ...agents.models import KeptRow, Rows, TransformersLM
from ...agents.models.lora import wrap
from ..learner.config import OptimConfig
from ..learner.copies import copies_for
from ..learner.forward import MicroBatch, score
from ..sections import PolicySection
from .live import Live

_FEW, _MORE = 2, 3  # layers
_CHUNKS = 3


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

    cache: int  # keys and values of the batch, at their longest and with the room behind them
    token: int  # those of one token
    forward: int  # what a pass has beside them, where both together are most


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
        policy: the dtype of the weights, and the adapter that trains in their stead.
    """

    def __init__(self, config: Any, policy: PolicySection) -> None:
        self._config, self._policy = config, policy
        self.num_layers = int(config.get_text_config().num_hidden_layers)
        self.vocabulary = int(config.get_text_config().vocab_size)
        self.context = int(config.get_text_config().max_position_embeddings)
        self._known: dict[Any, Any] = {}

    def learned(self, size: Pass, optim: OptimConfig, entropy: Entropy = "learned") -> Learned:
        """Return what an update holds."""
        coarse = not self._policy.lora_rank and getattr(torch, self._policy.dtype).itemsize < 4
        copied = optim.adam == "offload" or (coarse and optim.master == "float32")
        key = size, optim.head_chunk, optim.checkpointing, copied, entropy
        if key not in self._known:
            passes = (_learn(self._of_layers(n), size, optim, entropy) for n in (_FEW, _MORE))
            self._known[key] = Learned(**self._at_full_depth(*passes))
        learned: Learned = self._known[key]
        return learned

    def sampled(self, size: Pass, masked: bool = False) -> Sampled:
        """Return what a rollout holds; `chosen` of the size is the longest prompt.

        Args:
            size: of its passes.
            masked: whether a mask policy says what may be drawn; its own weights and cache stand apart.
        """
        if (size, masked) not in self._known:
            found = self._at_full_depth(*(_sample(self._of_layers(n), size) for n in (_FEW, _MORE)))
            row = self._masking() if masked else self._drawing()
            most = max(found["reading"], found["saying"], found["cache"] + size.rows * row)
            self._known[size, masked] = Sampled(found["cache"], found["token"], most - found["cache"])
        sampled: Sampled = self._known[size, masked]
        return sampled

    def gathered(self) -> int:
        """Return the bytes that a pass over a model divided among learners has whole, with their gradients.

        That is what lies outside of the layers, the layer that computes, and the one that is gathered next.
        """
        few, more = (_bytes(self._of_layers(number)) for number in (_FEW, _MORE))
        return 2 * (few - _FEW * (more - few) + 2 * (more - few))

    def _drawing(self) -> int:
        """Return the bytes a row has of its logits while a token is drawn from all of them.

        The logits, three copies in the dtype of probabilities, and which have any weight: two truth values
        and an integer of 32 bits.
        """
        logits_V = torch.empty(1, self.vocabulary, dtype=getattr(torch, self._policy.dtype), device="meta")
        return self.vocabulary * (logits_V.itemsize + 3 * precise(logits_V).itemsize + 6)

    def _masking(self) -> int:
        """Return the bytes a row has while a mask is read off the logits of two policies.

        Both in their dtype, four copies in that of probabilities, and 23 bytes of order, truth values and
        what sorting them takes.
        """
        logits_V = torch.empty(1, self.vocabulary, dtype=getattr(torch, self._policy.dtype), device="meta")
        return self.vocabulary * (2 * logits_V.itemsize + 4 * precise(logits_V).itemsize + 23)

    def _at_full_depth(self, few: Any, more: Any) -> dict[str, int]:
        found = {}
        for field in fields(few):
            low, high = getattr(few, field.name), getattr(more, field.name)
            found[field.name] = low + (self.num_layers - _FEW) * (high - low)
        return found

    def _of_layers(self, number: int) -> TransformersLM:
        """Return the model with so many layers, its tensors without memory."""
        from transformers import AutoModelForCausalLM

        config, policy, made = copy.deepcopy(self._config), self._policy, cast(Any, AutoModelForCausalLM)
        text = config.get_text_config()
        text.num_hidden_layers = number
        if getattr(text, "layer_types", None):
            text.layer_types = [text.layer_types[place % len(text.layer_types)] for place in range(number)]
        with torch.device("meta"):
            lm = TransformersLM(made.from_config(config, dtype=getattr(torch, policy.dtype)))
            if policy.lora_rank:
                wrap(lm.model, policy.lora_rank, policy.lora_alpha, policy.lora_targets)
        lm.train(False)
        return lm


def _bytes(lm: TransformersLM) -> int:
    """Return the bytes of the weights of a model, each counted once."""
    return sum(weight.numel() * weight.itemsize for weight in lm.parameters())


def _allocate(lm: TransformersLM) -> None:
    """Give the tensors of a model memory on the CPU, each once, and no content."""
    made: dict[int, Any] = {}
    for module in lm.modules():
        for holder in (module._parameters, module._buffers):
            for name, old in holder.items():
                if old is None:
                    continue
                if id(old) not in made:
                    new = torch.empty(old.shape, dtype=old.dtype)
                    is_weight = isinstance(old, torch.nn.Parameter)
                    made[id(old)] = torch.nn.Parameter(new, old.requires_grad) if is_weight else new, old
                holder[name] = made[id(old)][0]


def _learn(lm: TransformersLM, size: Pass, optim: OptimConfig, entropy: Entropy) -> Learned:
    with FakeTensorMode(), Live() as live:
        _allocate(lm)
        weights = live.now
        trained = [parameter for parameter in lm.parameters() if parameter.requires_grad]
        copies = copies_for(trained, optim)
        copied = live.now - weights
        for parameter in trained if copies is None else copies.parameters:
            parameter.grad = torch.zeros_like(parameter)  # of the micro-batches before
        gradients = live.now - weights - copied
        shown, states_bytes = _fewer_targets(size, optim, lm.hidden_size, next(iter(lm.parameters())).dtype)
        micro, given = _micro_batch(shown), live.now
        at_head: list[int] = []
        lm.model.get_output_embeddings().register_forward_pre_hook(lambda *_: at_head.append(live.now))
        live.forget_peak()
        with lm.checkpointed() if optim.checkpointing else nullcontext():
            scored = score(lm, micro, optim.head_chunk, entropy)
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
        supports=[None] * num,
        index_N=np.arange(num),
    )


@dataclass(frozen=True, slots=True)
class _Sampled:
    """Bytes beside weights: the cache, a token in it, the most while a prompt is read or a token said."""

    cache: int
    token: int
    reading: int
    saying: int


@torch.no_grad()
def _sample(lm: TransformersLM, size: Pass) -> _Sampled:
    """Read prompts, go on to one token before the end, and say that one; each row of a batch at once."""
    with FakeTensorMode(), Live() as live:
        _allocate(lm)
        rows = range(size.rows)
        engine, before = Rows(lm.model, [KeptRow([], []) for _ in rows], ()), live.now
        most: list[int] = []
        for tokens in (size.chosen, size.length - size.chosen - 1, 1):
            live.forget_peak()
            if tokens:
                engine.append(rows, [[0] * tokens] * size.rows)
            most.append(live.most - before)
    return _Sampled(engine.num_bytes, engine.token_bytes, most[0], most[2])
