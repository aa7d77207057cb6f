"""The rehearsal of a run: the rounding it measures, and what it refuses before anything is begun.

1. more layers and fewer bits round more, and the tolerance follows;
2. an engine that rounds passes, one that computes something else does not, in 16 bits either;
3. where an algorithm is missing on the device, the run is refused and its folder is as it was;
4. a run of a transformers model in 16 bits says its tolerance, and resumes bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_models import advantages, qwen2, sampled_by

from turnwise.errors import TrainingError, UsageError
from turnwise.trainers.learner import probe
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.probe import Tolerance, rehearse
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
from turnwise.trainers.recipe import Recipe, from_tables
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.sync.probe import Limit
from turnwise.trainers.train import train

pytest.importorskip("transformers")


def rough(dtype: torch.dtype, **sizes: int) -> Any:
    model = qwen2(torch.float32, **sizes)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(4.0)
    return model.to(dtype)


def test_the_tolerance_follows_bits_and_depth() -> None:
    double, single, half = (
        rehearse(rough(dtype)) for dtype in (torch.float64, torch.float32, torch.bfloat16)
    )
    deep = rehearse(rough(torch.bfloat16, num_hidden_layers=16))
    assert double.measured == 0.0
    assert (double.ratio, double.kl) == (1e-5, 1e-10)
    assert 1e-8 < single.measured < 1e-4 < half.measured < deep.measured < 0.5
    assert half.ratio == pytest.approx(20 * half.measured)
    assert half.kl == pytest.approx((2 * half.measured) ** 2)


def test_one_odd_token_widens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 207 random tokens one was 1.5 nats off in SmolLM2: 36 nats were then let pass between engines."""
    model, plain = rough(torch.bfloat16), probe._logprobs
    before = rehearse(model)

    def odd(*given: Any) -> torch.Tensor:
        logprobs_N = plain(*given)
        return logprobs_N + 1.5 * (torch.arange(len(logprobs_N)) == 7) * logprobs_N.requires_grad

    monkeypatch.setattr(probe, "_logprobs", odd)
    after = rehearse(model)
    assert after.measured == pytest.approx(before.measured, rel=0.05)
    assert Limit.of(torch.bfloat16, after).mean < 0.1


def test_a_lower_temperature_widens_what_rounding_does() -> None:
    model = rough(torch.bfloat16)
    assert 2 < rehearse(model, 0.25).measured / rehearse(model).measured < 6


def test_a_rehearsal_leaves_no_trace() -> None:
    model = qwen2()
    state = torch.get_rng_state()
    assert rehearse(model) == rehearse(model)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_passes_and_another_computation_does_not(dtype: torch.dtype) -> None:
    model = rough(dtype)
    batch = sampled_by(model)
    tolerance = rehearse(model)
    noise_N = np.random.default_rng(0).normal(0, tolerance.measured / 3, batch.num_targets)

    def learn(behaviour_N: np.ndarray, found: Tolerance = tolerance) -> None:
        learner = Learner(model, OptimConfig(learning_rate=1e-9), ObjectiveConfig(), tolerance=found)
        learner.update(replace(batch, behaviour_N=behaviour_N), advantages(batch))

    learn(batch.behaviour_N + noise_N)
    forgotten = batch.behaviour_N.copy()
    forgotten[batch.offset_N == 1] += 0.223  # one token in six as with a top_p of 0.8 that no one asked for
    with pytest.raises(TrainingError, match="although one engine computed both"):
        learn(forgotten)
    with pytest.raises(TrainingError, match="although one engine computed both"):
        learn(batch.behaviour_N + 6 * np.sqrt(tolerance.kl), replace(tolerance, ratio=10.0))


Lights = Callable[..., Recipe]


def test_what_the_device_cannot_do_is_said_before_the_run(
    lights: Lights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = lights(warmstart={"teacher": "none", "episodes": 2})
    train(recipe, tmp_path / "first")
    begun = replace(recipe, policy=replace(recipe.policy, checkpoint=str(tmp_path / "first")))

    def refuse(*_: Any) -> torch.Tensor:
        raise RuntimeError("cumsum_cuda_kernel does not have a deterministic implementation, but you set ...")

    monkeypatch.setattr("turnwise.agents.decoding.sampling.running_sum", refuse)
    with pytest.raises(UsageError, match=r"train\.deterministic = true cannot be held on cpu: cumsum"):
        train(begun, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_in_16_bits_says_its_tolerance_and_resumes_bit_for_bit(lights: Lights, tmp_path: Path) -> None:
    made = lights(train={"num_updates": 1}, eval={"episodes": 0})
    train(made, tmp_path / "made")
    changes: dict[str, Any] = {
        "policy": {"kind": "transformers", "checkpoint": str(tmp_path / "made"), "dtype": "bfloat16"},
        "optim": {"learning_rate": 1e-5, "head_chunk": 16, "checkpointing": True},
        "loss": {"kl": "k3", "kl_coef": 0.01},
        "eval": {"episodes": 0},
    }

    def run(folder: str, updates: int, resume: bool = False) -> Path:
        train(lights(**changes, train={"num_updates": updates}), tmp_path / folder, resume=resume)
        return tmp_path / folder

    straight = run("straight", 3)
    run("parted", 1)
    parted = run("parted", 3, resume=True)
    weights = [
        load_file(path / "checkpoints/update-000003/policy/model.safetensors") for path in (straight, parted)
    ]
    assert {value.dtype for value in weights[0].values()} == {torch.bfloat16}
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    tolerance = json.loads((straight / "run.json").read_text())["tolerance"]
    first = read_log(straight)[0]
    assert 0 < first["mismatch_max"] <= tolerance["ratio"]
    assert first["cache/prompt_tokens"] >= first["cache/run_tokens"] > 0


def test_recipes_with_keys_of_before_load_and_say_so(caplog: pytest.LogCaptureFixture) -> None:
    old = from_tables({"optim": {"one_engine": True, "ratio_tolerance": 1e-5, "learning_rate": 0.5}})
    assert old == from_tables({"optim": {"learning_rate": 0.5}})
    assert "optim.one_engine is no key any more" in caplog.text
