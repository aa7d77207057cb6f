"""What a recipe needs, said before it starts: right within a tenth, and refused with the setting to change.

1. counting tensors without content, by hand;
2. the learner's peak on the CPU, measured in a child process, at two shapes;
3. numbers of parameters as published; what settings take away and where it goes;
4. the command, its refusal, and the same refusal before a run on a card, whose folder stays as it was.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.errors import UsageError
from turnwise.trainers.fit.live import Live
from turnwise.trainers.fit.needs import GIB, check_fits, estimate, model_of
from turnwise.trainers.fit.passes import Model, Pass
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.recipe import load
from turnwise.trainers.train import train

transformers = pytest.importorskip("transformers")


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


SHAPES: dict[str, dict[str, Any]] = {
    "bfloat16": {
        "sizes": {
            "hidden_size": 384,
            "intermediate_size": 1024,
            "num_hidden_layers": 5,
            "vocab_size": 24_000,
        },
        "pass": (4, 256, 128),
        # in chunks the first products in 16 bits leave some 75 MB with the CPU's library, at any size
        "optim": {"checkpointing": True},
    },
    "float32": {
        "sizes": {"hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 6, "vocab_size": 6000},
        "pass": (6, 192, 96),
        "optim": {},
    },
}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "tie_word_embeddings": True}
CHILD = """
import json, sys
import numpy as np, torch
from transformers import Qwen2Config, Qwen2ForCausalLM
from turnwise.agents.models import TransformersLM
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig
torch.set_num_threads(1)
def kib(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(name))
def run(sizes, rows, length, said, dtype, optim):
    torch.set_default_dtype(getattr(torch, dtype))
    model = TransformersLM(Qwen2ForCausalLM(Qwen2Config(**sizes)).eval())
    torch.set_default_dtype(torch.float32)
    prompt, tokens = (5,) * (length - said + 1), tuple(range(7, 7 + said))
    generation = Generation("", prompt, tokens, (0.0,) * said)
    turn = Turn(0, "", "", "", 0.0, "", generation=generation)
    batch = pack([Trajectory("e", "t", 0, str(n), (turn,), "terminated") for n in range(2 * rows)])
    settings = OptimConfig(micro_tokens=rows * length, mismatch_limit=1e9, spike_limit=1e9, **optim)
    learner = Learner(model, settings, ObjectiveConfig())
    for seed in range(2):  # two micro-batches each; the second update has the moments of the first
        learner.update(batch, np.random.default_rng(seed).normal(size=batch.num_targets))
asked = json.loads(sys.argv[1])
small = {**asked["sizes"], "num_hidden_layers": 1}
run(small, *asked["pass"], asked["dtype"], asked["optim"])  # what libraries keep for good
open("/proc/self/clear_refs", "w").write("5")
before = kib("VmRSS")
run(asked["sizes"], *asked["pass"], asked["dtype"], asked["optim"])
print((kib("VmHWM") - before) * 1024)
"""


@pytest.mark.parametrize("dtype", SHAPES)
def test_an_update_takes_what_was_said_within_a_tenth(dtype: str) -> None:
    shape = SHAPES[dtype]
    sizes = {**shape["sizes"], **HEADS}
    found = Model(transformers.Qwen2Config(**sizes), dtype).learned(
        Pass(*shape["pass"]), OptimConfig(**shape["optim"])
    )
    said = sum(getattr(found, field) for field in found.__slots__)
    asked = json.dumps({**shape, "sizes": sizes, "dtype": dtype})
    environment = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0", "OMP_NUM_THREADS": "1"}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, asked], check=True, capture_output=True, text=True, env=environment
    )
    assert said == pytest.approx(float(child.stdout), rel=0.1)


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
    def sizes(*changes: str) -> dict[str, tuple[int, int, int]]:
        found = estimate(load("gigpo", ["optim.micro_tokens=8192", "rollout.slots=8", *changes]))
        return {need.name: (need.update, need.rollout, need.host) for need in found.needs}

    plain = sizes()
    # 1.54 billion parameters: 2 bytes, and 4, 4 and 8 for each in float32
    states = [plain[name][0] / GIB for name in ("weights", "float32 copies", "gradients", "Adam")]
    assert states == pytest.approx([2.875, 5.75, 5.75, 11.5], abs=0.01)
    assert plain["reference"][0] == plain["weights"][0]
    # 28 layers, keys and values of 2 heads of 128, 2 bytes: 28 KiB a token
    assert plain["keys and values"][1] == 8 * 2560 * 28 * 2 * 2 * 128 * 2
    away = sizes("optim.adam=offload", "loss.kl_coef=0.0")
    assert away["Adam"] == (0, 0, plain["Adam"][0])
    assert away["reference"] == (0, 0, 0)
    kept = sizes("optim.checkpointing=false")
    assert kept["activations"][0] > 20 * plain["activations"][0]
    held = sizes("prompt.mode=conversation", "policy.cache_tokens=2560")
    assert held["those between turns"][1] == 2560 * 28 * 2 * 2 * 128 * 2


def test_a_refusal_says_what_to_change_and_then_it_fits() -> None:
    recipe = load("gigpo", ["optim.checkpointing=false", "optim.head_chunk=0"])
    with pytest.raises(
        UsageError, match=r"an update takes .* GiB of 40; with --set (.*) it takes"
    ) as refused:
        check_fits(recipe, 40)
    words = str(refused.value).split()
    changes = [words[place + 1] for place, word in enumerate(words) if word == "--set"]
    assert {"optim.head_chunk=256", "optim.checkpointing=true"} <= set(changes)
    check_fits(load("gigpo", ["optim.checkpointing=false", "optim.head_chunk=0", *changes]), 40)
    with pytest.raises(UsageError, match="take a smaller model"):
        check_fits(recipe, 2)


def test_the_command_prints_a_table_and_refuses(tmp_path: Path) -> None:
    asked = ["fit", "gigpo", "--set", "rollout.slots=8", "--set", "optim.micro_tokens=2048"]
    shown = CliRunner().invoke(app, [*asked, "--gpu", "80"])
    assert shown.exit_code == 0
    assert "keys and values" in shown.output
    assert "a sequence of 2560 tokens is longer than optim.micro_tokens = 2048" in shown.output
    document = json.loads(CliRunner().invoke(app, [*asked, "--json"]).output)
    assert document["update"] == sum(need["update"] for need in document["needs"])
    with pytest.raises(UsageError, match="tiny"):
        estimate(load("demo"))
    with pytest.raises(UsageError, match="configuration is not on this machine"):
        estimate(load("gigpo", ["policy.checkpoint=nobody/no-such-model"]))


def test_a_run_on_a_card_that_is_too_small_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnwise.trainers.train.card_gib", lambda: 24.0)
    with pytest.raises(UsageError, match="GiB of 24; with --set"):
        train(load("gigpo"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
