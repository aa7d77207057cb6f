"""What a learner keeps in memory, and that keeping less changes no number.

1. in 16 bits with copies in float32 as many weights move as in float32, at a learning rate of 1e-6;
2. logits in pieces and layers computed again: the same logprobs and gradients, a fraction of the bytes;
3. an optimizer on the CPU takes the same steps, bit for bit;
4. gradients are freed; a state that was saved continues bit for bit, and one without copies is refused.
"""

from __future__ import annotations

import copy
import subprocess
import sys
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from small_models import advantages, qwen2, sampled_by, weights
from torch._subclasses.fake_tensor import FakeTensorMode

from turnwise.agents.models import TransformersLM
from turnwise.errors import CheckpointError, UsageError
from turnwise.trainers.fit.live import Live
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.forward import MicroBatch, group_units, micro_batches, score
from turnwise.trainers.learner.optimizer import adamw
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig

pytest.importorskip("transformers")
LOOSE: dict[str, Any] = {"mismatch_limit": 10.0}


def learner_of(model: TransformersLM, **optim: Any) -> Learner:
    return Learner(model, OptimConfig(**{**LOOSE, **optim}), ObjectiveConfig())


def moved(dtype: torch.dtype, **optim: Any) -> float:
    """Return the share of weights that three updates at 1e-6 move, in what the optimizer holds."""
    model = qwen2(dtype)
    batch = sampled_by(model)
    learner = learner_of(model, learning_rate=1e-6, **optim)
    held = learner.descent.copies.parameters if learner.descent.copies else list(model.parameters())
    before = [parameter.detach().clone() for parameter in held]
    for seed in range(3):
        learner.update(batch, advantages(batch, seed))
    changed = sum(int((old != new.detach()).sum()) for old, new in zip(before, held, strict=True))
    for weight, parameter in zip(model.parameters(), held, strict=True):
        assert torch.equal(weight, parameter.to(dtype))
    return changed / sum(parameter.numel() for parameter in held)


def test_in_16_bits_with_copies_as_many_weights_move_as_in_float32() -> None:
    precise = moved(torch.float32)
    assert precise > 0.9
    assert moved(torch.bfloat16) == pytest.approx(precise, abs=0.01)
    assert moved(torch.bfloat16, master="none") < 0.2


def test_copies_take_the_step_of_float32_by_hand() -> None:
    """One weight of 1: Adam's first step is the learning rate, which 16 bits cannot hold."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    model: Any = torch.nn.Module()
    model.weight = weight
    descent = adamw(model, OptimConfig(learning_rate=1e-3))

    def backward() -> float:
        torch.autograd.backward((weight * 0.25).sum())
        torch.autograd.backward((weight * 0.25).sum())
        assert weight.grad is None
        return 0.5

    for step in range(1, 4):
        _, norm = descent.step(backward, factor=1.0, where="")
        assert norm == 0.5
        assert float(descent.copies.parameters[0].detach()) == pytest.approx(1 - 1e-3 * step, abs=1e-6)
    # a unit of bfloat16 below 1 is 1/256: three steps of 1/1000 round to one
    assert float(weight.detach()) == 1 - 1 / 256
    assert descent.copies.parameters[0].grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("lean", [{"head_chunk": 7}, {"checkpointing": True}, {"adam": "offload"}])
def test_less_memory_changes_no_number(dtype: torch.dtype, lean: dict[str, Any]) -> None:
    found = []
    for optim in ({}, lean):
        model = qwen2(dtype, attention_dropout=0.5)
        batch = sampled_by(model)
        learner = learner_of(model, learning_rate=1e-3, micro_tokens=64, **optim)
        logp_N = learner.logprobs(batch)
        log = [learner.update(batch, advantages(batch, seed)) for seed in range(2)]
        found.append((logp_N, log[-1]["loss"], weights(model)))
        assert all(weight.grad is None for weight in model.parameters())
        assert not any(module.training for module in model.modules())
    (plain_N, loss, whole), (lean_N, lean_loss, pieces) = found
    near, nearly = (1e-6, 1e-5) if dtype == torch.float32 else (1e-2, 2e-2)
    assert abs(plain_N - lean_N).max() < near
    assert lean_loss == pytest.approx(loss, abs=near)
    if "head_chunk" in lean:
        torch.testing.assert_close(pieces, whole, rtol=0, atol=nearly)
    else:
        assert torch.equal(pieces, whole)


def test_gradients_of_a_head_in_pieces_are_those_of_the_whole() -> None:
    found = []
    for chunk in (0, 7):
        model = qwen2()
        batch = sampled_by(model)
        (micro,) = micro_batches(batch, group_units(batch, "turn"), 4096, torch.device("cpu"))
        scored = score(model, micro, chunk)
        (scored.logp_N.sum() + 0.1 * scored.entropy_N.sum()).backward()
        gradient = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        found.append((scored.logp_N.detach(), scored.entropy_N.detach(), gradient))
    for whole, pieces, apart in zip(*found, (1e-6, 1e-6, 1e-5), strict=True):
        torch.testing.assert_close(pieces, whole, rtol=0, atol=apart)


def saved_bytes(tokens: int, checkpointing: bool, **sizes: int) -> int:
    """Return what a forward pass keeps for its backward pass, weights apart; nothing is computed."""
    with FakeTensorMode():
        model = qwen2(None, **sizes)
        own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
        kept: dict[int, torch.Tensor] = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            kept[tensor.untyped_storage()._cdata] = tensor
            return tensor

        with (
            torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
            model.checkpointed() if checkpointing else nullcontext(),
        ):
            _output = model.hidden(torch.zeros(1, tokens, dtype=torch.int64), torch.full((1,), tokens))
        return sum(t.untyped_storage().nbytes() for key, t in kept.items() if key not in own)


def test_checkpointing_keeps_under_5_kib_a_token_and_layer_at_the_shape_of_1_5b() -> None:
    """The width of Qwen2.5-1.5B: what one more layer keeps of a token (over 100 KiB without)."""
    shape = {"hidden_size": 1536, "intermediate_size": 8960, "num_attention_heads": 12}
    torch.set_default_dtype(torch.bfloat16)
    try:
        one, two = (
            [saved_bytes(64, lean, num_hidden_layers=n, **shape) for lean in (False, True)] for n in (1, 2)
        )
    finally:
        torch.set_default_dtype(torch.float32)
    assert (two[0] - one[0]) / 64 > 100 * 1024
    assert (two[1] - one[1]) / 64 == 1536 * 2  # the input of the layer, in 16 bits


CHILD = """
import sys, torch
from turnwise.trainers.learner.forward import MicroBatch, score
torch.set_num_threads(1)
V, D, chunk = 40_000, 32, int(sys.argv[1])
def kib(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
class Model:
    weight = torch.randn(V, D).bfloat16().requires_grad_()
    def hidden(self, ids, lengths): return torch.randn(*ids.shape, D).bfloat16().requires_grad_()
    def head(self, hidden): return hidden @ self.weight.T
model = Model()
def learn(N):
    index = torch.arange(N)
    flat = index, [5] * N, [1.0] * N, [None] * N, index.numpy()
    scored = score(model, MicroBatch(index[None], torch.tensor([N]), *flat), chunk)
    (scored.logp_N.sum() + 0.001 * scored.entropy_N.sum()).backward()
learn(64)  # torch's own memory
open("/proc/self/clear_refs", "w").write("5")
before = kib("VmRSS")
learn(512)
print((kib("VmHWM") - before) * 1024 / 512 / V)
"""


def test_logits_in_pieces_take_under_5_bytes_a_target_and_entry() -> None:
    def measure(chunk: int) -> float:
        child = [sys.executable, "-c", CHILD, str(chunk)]
        environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1", "PATH": ""}
        return float(
            subprocess.run(child, check=True, capture_output=True, text=True, env=environment).stdout
        )

    assert measure(0) > 12
    assert measure(32) < 5


class Head:
    """A model of nothing but an output embedding: 4 000 tokens, width 8."""

    def __init__(self) -> None:
        self.weight = torch.zeros(4000, 8, requires_grad=True)

    def hidden(self, ids_BL: torch.Tensor, lengths_B: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*ids_BL.shape, 8, requires_grad=True)

    def head(self, hidden_ND: torch.Tensor) -> torch.Tensor:
        return hidden_ND @ self.weight.T


@pytest.mark.parametrize("learns", [True, False])
def test_a_piece_is_freed_before_the_next_also_where_the_loss_leaves_the_entropies_out(learns: bool) -> None:
    """256 targets in pieces of 8 at some 30 bytes an entry: 1 MB; 9 bytes of all pieces would be 9 MB."""
    model: Any = Head()
    index_N = torch.arange(256)
    flat = index_N, [5] * 256, [1.0] * 256, [None] * 256, index_N.numpy()
    micro = MicroBatch(index_N[None], torch.tensor([256]), *flat)
    with Live() as live:
        scored = score(model, micro, 8, learns)
        torch.autograd.backward(scored.logp_N.sum())
    assert live.most < 2_000_000


def test_a_state_with_copies_continues_bit_for_bit_and_one_without_is_refused() -> None:
    first = qwen2(torch.bfloat16)
    batch = sampled_by(first)
    learner = learner_of(first, learning_rate=1e-4)
    learner.update(batch, advantages(batch))
    second = copy.deepcopy(first)  # as loaded from a checkpoint
    state = copy.deepcopy(learner.state_dict())
    resumed = learner_of(second, learning_rate=1e-4)
    resumed.load_state_dict(state)
    for each in (learner, resumed):
        each.update(batch, advantages(batch, 2))
    assert torch.equal(weights(first), weights(second))
    with pytest.raises(CheckpointError, match="no weights in float32"):
        learner_of(qwen2(torch.bfloat16)).load_state_dict({**state, "copies": None})


def test_a_model_without_layers_to_compute_again_is_refused() -> None:
    plain: Any = TransformersLM(torch.nn.Linear(2, 2))
    with pytest.raises(UsageError, match="no layers that can be computed again"), plain.checkpointed():
        pass
