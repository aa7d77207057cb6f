"""What a recipe needs, said before it starts: right within a tenth, and refused with the setting to change.

1. counting tensors without content, by hand; peaks that were measured are in test_measured.py;
2. numbers of parameters as published; what settings and more learners take away and where it goes;
3. a model that a warm start makes, and an adapter;
4. the command, its refusal, and the same refusal before a run on a card, whose folder stays as it was.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.errors import UsageError
from turnwise.trainers.fit.live import Live
from turnwise.trainers.fit.needs import GIB, check_fits, estimate, model_of
from turnwise.trainers.fit.passes import Pass
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.recipe import load
from turnwise.trainers.train import train

pytest.importorskip("transformers")
from transformers import Qwen2Config


def test_what_tensors_hold_is_counted_by_storage() -> None:
    with FakeTensorMode(), Live() as live:
        first = torch.zeros(1000)
        second = first * 2
        assert (live.now, live.most) == (8000, 8000)
        view = second.view(10, 100)
        del first, second
        assert live.now == 4000
        del view
        assert (live.now, live.most) == (0, 8000)


@pytest.mark.parametrize(
    ("name", "billions"), [("0.5B", 0.494), ("1.5B", 1.544), ("3B", 3.086), ("7B-Instruct", 7.616)]
)
def test_parameters_are_as_published(name: str, billions: float) -> None:
    """As on the pages of the models: 0.49, 1.54, 3.09 and 7.61 billion."""
    recipe = load("gigpo", [f"policy.checkpoint=Qwen/Qwen2.5-{name}"])
    found = model_of(recipe).learned(Pass(1, 8, 4), OptimConfig())
    assert found.weights / 2 / 1e9 == pytest.approx(billions, abs=0.001)
    assert found.copies == found.gradients == pytest.approx(2 * found.weights, rel=1e-5)
    assert found.moments == 2 * found.copies


def test_settings_take_memory_away_or_move_it() -> None:
    model = model_of(load("gigpo"))

    def sizes(*changes: str) -> dict[str, tuple[int, int, int]]:
        found = estimate(load("gigpo", ["optim.micro_tokens=8192", "rollout.slots=8", *changes]), model)
        return {need.name: (need.update, need.rollout, need.host) for need in found.needs}

    plain = sizes()
    # 1.54 billion parameters: 2 bytes, and 4, 4 and 8 for each in float32
    states = [plain[name][0] / GIB for name in ("weights", "float32 copies", "gradients", "Adam")]
    assert states == pytest.approx([2.875, 5.75, 5.75, 11.5], abs=0.01)
    assert plain["reference"][0] == plain["weights"][0]
    # 28 layers, keys and values of 2 heads of 128, 2 bytes: 28 KiB a token; room for 32 more behind the last
    assert plain["keys and values"][1] == 8 * (2559 + 32) * 28 * 2 * 2 * 128 * 2
    away = sizes("optim.adam=offload", "loss.kl_coef=0.0")
    assert away["Adam"] == (0, 0, plain["Adam"][0])
    assert away["reference"] == (0, 0, 0)
    kept = sizes("optim.checkpointing=false")
    assert kept["activations"][0] > 20 * plain["activations"][0]
    held = sizes("prompt.mode=conversation", "policy.cache_tokens=2560")
    assert held["those between turns"][1] == 2560 * 28 * 2 * 2 * 128 * 2


def test_learners_divide_what_is_learned_with_and_gather_some_of_it() -> None:
    model = model_of(load("gigpo"))

    def updates(learners: int) -> dict[str, int]:
        changes = ["optim.micro_tokens=8192", "rollout.slots=8", f"launch.learners={learners}"]
        return {need.name: need.update for need in estimate(load("gigpo", changes), model).needs}

    one, four = updates(1), updates(4)
    for name in ("float32 copies", "gradients", "Adam", "reference"):
        assert four[name] == -(-one[name] // 4)
    assert four["weights"] == one["weights"]  # whole, for the engine
    assert four["part of the weights"] == 0  # the copies in float32 are it
    # 152 000 embeddings of 1536 and two of 28 layers, in 2 bytes, and gradients of as many
    layers = (one["weights"] - 2 * 151_936 * 1536) / 28
    assert four["gathered for a pass"] == pytest.approx(2 * (2 * 151_936 * 1536 + 2 * layers), rel=1e-3)
    assert "gathered for a pass" not in one


def test_what_plays_ahead_needs_both_at_once_and_a_copy() -> None:
    model, less = model_of(load("gigpo")), ("optim.micro_tokens=8192", "rollout.slots=8")
    in_turn = estimate(load("gigpo", [*less]), model)
    ahead = estimate(load("gigpo", [*less, "train.mode=async"]), model)
    both = sum(max(need.update, need.rollout) for need in in_turn.needs)
    copied = next(need for need in ahead.needs if need.name == "copy that samples")
    weights = next(need for need in ahead.needs if need.name == "weights")
    assert copied.update == weights.update and ahead.update == ahead.rollout == both + copied.update
    assert estimate(load("gigpo", [*less, "train.mode=async", "train.max_staleness=0"]), model) == in_turn


def test_an_adapter_trains_alone_and_its_base_is_the_reference() -> None:
    """By hand, rank 16 at the 7 linear layers of the 1.5B: 28 * 16 * 42 176 = 18.9 million numbers."""
    pytest.importorskip("peft")
    recipe = load("gigpo", ["policy.lora_rank=16", "optim.micro_tokens=2560", "rollout.slots=8"])
    found = {need.name: need.update for need in estimate(recipe).needs}
    # inputs and outputs of each: query, output and two smaller ones, then gate, up and down
    both = 2 * (1536 + 1536) + 2 * (1536 + 256) + 3 * (1536 + 8960)
    assert found["gradients"] == 28 * 16 * both * 4
    assert found["Adam"] == 2 * found["gradients"]
    assert found["float32 copies"] == found["reference"] == 0
    assert found["weights"] / GIB == pytest.approx(2.875 + 28 * 16 * both * 4 / GIB, abs=0.01)


def test_a_model_that_the_recipe_makes_by_its_warm_start_is_that_of_the_base(tmp_path: Path) -> None:
    config = Qwen2Config(hidden_size=64, intermediate_size=128, num_hidden_layers=3, vocab_size=500)
    config.save_pretrained(tmp_path)
    made = load("household_smollm2", [f"warmstart.base={tmp_path}", "loss.kl=k3", "loss.kl_coef=0.1"])
    named = load("household_smollm2", [f"policy.checkpoint={tmp_path}", "loss.kl=k3", "loss.kl_coef=0.1"])
    assert estimate(made) == estimate(named)
    assert {need.name: need.update for need in estimate(made).needs}["reference"] > 0


def test_a_refusal_says_what_to_change_and_then_it_fits() -> None:
    lavish = ["optim.checkpointing=false", "optim.head_chunk=0", "optim.micro_tokens=8192", "rollout.slots=8"]
    recipe = load("gigpo", lavish)
    model = model_of(recipe)
    with pytest.raises(
        UsageError, match=r"an update takes .* GiB of 40; with --set (.*) it takes"
    ) as refused:
        check_fits(recipe, 40, model)
    words = str(refused.value).split()
    changes = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert {"optim.head_chunk=256", "optim.checkpointing=true"} <= set(changes)
    check_fits(load("gigpo", [*lavish, *changes]), 40, model)
    with pytest.raises(UsageError, match="take a smaller model"):
        check_fits(load("gigpo", [*lavish, *changes, "optim.micro_tokens=2560"]), 2, model)


def test_the_command_prints_a_table_and_refuses(tmp_path: Path) -> None:
    asked = ["fit", "gigpo", "--set", "rollout.slots=8", "--set", "optim.micro_tokens=2048"]
    nothing = CliRunner().invoke(app, [*asked, "--gpu", "0"])
    assert isinstance(nothing.exception, UsageError) and "--gpu 0: expected" in str(nothing.exception)
    shown = CliRunner().invoke(app, [*asked, "--gpu", "80"])
    assert shown.exit_code == 0
    assert "keys and values" in shown.output
    assert re.search(r"^fits: \d+\.\d\d of 80 GiB$", shown.output, re.M)
    assert "a sequence of 2560 tokens is longer than optim.micro_tokens = 2048" in shown.output
    document = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert document["update"] == sum(need["update"] for need in document["needs"])
    with pytest.raises(UsageError, match="tiny"):
        estimate(load("demo"))
    with pytest.raises(UsageError, match="no such folder"):
        estimate(load("gigpo", ["policy.checkpoint=nobody/no-such-model"]))


def test_a_run_on_a_card_that_is_too_small_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnwise.trainers.train.card_gib", lambda: 24.0)
    with pytest.raises(UsageError, match="GiB of 24; with --set"):
        train(load("gigpo"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_of_two_layers_as_transformers_writes_it_is_counted(tmp_path: Path) -> None:
    """Its configuration names the kind of each layer, and models of more layers are made to measure one."""
    Qwen2Config(hidden_size=64, intermediate_size=128, num_hidden_layers=2, vocab_size=500).save_pretrained(
        tmp_path
    )
    assert len(json.loads((tmp_path / "config.json").read_text())["layer_types"]) == 2
    assert estimate(load("gigpo", [f"policy.checkpoint={tmp_path}"])).most > GIB
