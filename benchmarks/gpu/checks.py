"""Whether a card computes what it should: runs, engine against learner, 16 bits against 32, checkpointing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from card import wait_for
from record import Finding
from trained import asked, chat_model, deterministic
from work import Scale, as_batch, emptied, episodes_of, jobs_of, learn, learner_of, model_of, play

from turnwise.agents.models import TransformersLM
from turnwise.agents.policies.places import policy_folder
from turnwise.trainers.fit.live import Live
from turnwise.trainers.learner.forward import group_units, micro_batches, score, score_batch
from turnwise.trainers.learner.probe import rehearse
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.runs.checkpoint import file_digest
from turnwise.trainers.train import train

Step = Callable[[Scale], Iterator[Finding]]
_LAYERS = 4  # of the model whose numbers are compared
_MEAN_NATS, _MOST_NATS = 5e-3, 0.05  # between engines in bfloat16


def runs(scale: Scale) -> Iterator[Finding]:
    """Train by `train`, as the command does: rollouts in rooms, a checkpoint, the same bits again."""
    with TemporaryDirectory() as folder, deterministic():
        checkpoint = chat_model(Path(folder) / "model", width=64, layers=2)
        digests = {
            name: _trained(checkpoint, Path(folder) / name, name.partition("-")[0])
            for name in ("bfloat16-1", "bfloat16-2", "float32-1")
        }
    yield Finding("runs", "updates of `train`, deterministic, bfloat16 and float32", "done", holds=True)
    same = digests["bfloat16-1"] == digests["bfloat16-2"]
    yield Finding("runs", "a second run", "same bits" if same else "other bits", "", same, "same bits")


def _trained(checkpoint: Path, out: Path, dtype: str) -> str:
    recipe = asked(
        checkpoint,
        {
            "policy": {"dtype": dtype},
            "rollout": {"num_groups": 1, "group_size": 4, "max_turns": 2, "max_tokens": 8, "top_p": 0.9},
            "loss": {"kl": "k3", "kl_coef": 0.01, "entropy_coef": 0.001},
            "train": {"num_updates": 1},
        },
    )
    train(recipe, out)
    return file_digest(policy_folder(out) / "model.safetensors")


def agreement(scale: Scale) -> Iterator[Finding]:
    """Compare engine with learner, and 16 bits with 32, at the width of the model and four layers."""
    for dtype in ("float32", "bfloat16"):
        with emptied(scale.device), deterministic():
            lm = model_of(scale.policy(dtype=dtype), scale.device, num_hidden_layers=_LAYERS)
            yield from _engine_and_learner(scale, lm, dtype)
            if dtype == "bfloat16":
                yield from _coarse_and_fine(scale, lm)
    yield from _twice(scale)


def _engine_and_learner(scale: Scale, lm: TransformersLM, dtype: str) -> Iterator[Finding]:
    tolerance = rehearse(lm)
    batch = as_batch(play(lm, jobs_of(lm, scale.slots, scale.prompt, scale.said)))
    again_N = score_batch(lm, batch, scale.rows * scale.length, scale.chunk)
    apart_N = abs(again_N - batch.behaviour_N)
    ratio, bound = float(abs(apart_N).max()), f"at most {tolerance.ratio:.2g}, by the probe"
    yield Finding(
        "agreement", f"engine and learner, {dtype}, largest", ratio, "nats", ratio < tolerance.ratio, bound
    )
    if dtype == "bfloat16":
        mean = float(apart_N.mean())
        yield Finding("agreement", "their mean", mean, "nats", mean < _MEAN_NATS, f"at most {_MEAN_NATS:g}")


def _coarse_and_fine(scale: Scale, lm: TransformersLM) -> Iterator[Finding]:
    """Compare a model in bfloat16 with the same weights in float32."""
    batch = pack(episodes_of(scale, 1, lm.vocab_size))
    size = scale.rows * scale.length, scale.chunk
    coarse_N = score_batch(lm, batch, *size)
    apart_N = abs(coarse_N - score_batch(copy.deepcopy(lm).float(), batch, *size))
    for name, value, most in (
        ("mean", float(apart_N.mean()), _MEAN_NATS),
        ("largest", float(apart_N.max()), _MOST_NATS),
    ):
        yield Finding(
            "agreement", f"bfloat16 against float32, {name}", value, "nats", value < most, f"at most {most:g}"
        )


def _twice(scale: Scale) -> Iterator[Finding]:
    """Take the same update from the same weights twice."""
    after, moved = [], False
    for _ in range(2):
        with emptied(scale.device), deterministic():
            lm = model_of(scale.policy(), scale.device, num_hidden_layers=_LAYERS)
            before = _weights(lm)
            learn(learner_of(lm, scale.optim(learning_rate=1e-3)), episodes_of(scale, 1, lm.vocab_size))
            after.append(_weights(lm))
            moved = not torch.equal(before, after[-1])
            del lm
    same = torch.equal(*after)
    yield Finding(
        "agreement",
        "a deterministic update, twice",
        "same bits" if same else "other bits",
        "",
        same and moved,
        "same bits, and others than before",
    )


def _weights(lm: TransformersLM) -> torch.Tensor:
    return torch.cat([weight.detach().flatten().cpu() for weight in lm.parameters()])


def checkpointing(scale: Scale) -> Iterator[Finding]:
    """Compare gradients with and without, and weigh what a layer keeps of a token."""
    found = []
    for lean in (False, True):
        with emptied(scale.device):
            lm = model_of(scale.policy(dtype="float32"), scale.device, num_hidden_layers=2)
            found.append(_gradient(scale, lm, lean))
    apart = float((found[0] - found[1]).norm() / found[0].norm())
    yield Finding(
        "checkpointing", "gradients apart, of their length", apart, "", apart < 1e-5, "at most 1e-05"
    )
    kept = {}
    for layers in (2, 4):
        with emptied(scale.device):
            lm = model_of(scale.policy(), scale.device, num_hidden_layers=layers)
            kept[layers] = _kept(scale, lm)
    each = (kept[4] - kept[2]) / 2 / (scale.rows * scale.length) / 1024
    yield Finding("checkpointing", "kept of a token and layer", each, "KiB", each < 5, "under 5")


def _gradient(scale: Scale, lm: TransformersLM, lean: bool) -> torch.Tensor:
    batch = pack(episodes_of(scale, 1, lm.vocab_size))
    (micro,) = micro_batches(batch, group_units(batch, "turn"), scale.rows * scale.length, scale.device)
    with lm.checkpointed() if lean else nullcontext():
        scored = score(lm, micro, scale.chunk if lean else 0)
        torch.autograd.backward(scored.logp_N.sum() + 0.1 * scored.entropy_N.sum())
    return torch.cat([weight.grad.flatten() for weight in lm.parameters() if weight.grad is not None])


def _kept(scale: Scale, lm: TransformersLM) -> int:
    """Return the bytes that a forward pass leaves for its backward pass, with checkpointing."""
    batch = pack(episodes_of(scale, 1, lm.vocab_size))
    (micro,) = micro_batches(batch, group_units(batch, "turn"), scale.rows * scale.length, scale.device)
    with Live() as live, lm.checkpointed():
        before = live.now if scale.device.type == "cpu" else torch.cuda.memory_allocated(scale.device)
        hidden: Any = lm.hidden(micro.ids_BL, micro.lengths_B)
        wait_for(scale.device)
        after = live.now if scale.device.type == "cpu" else torch.cuda.memory_allocated(scale.device)
        del hidden
    return int(after - before)
