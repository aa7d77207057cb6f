"""Checkpoints that lack weights, or have those of another architecture, are refused: libraries make some up.

Before, each was loaded and played with random weights, under no more than a report of transformers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from architectures import model_of
from safetensors.torch import load_file, save_file
from torch import Tensor

from turnwise.agents.models import TransformersLM
from turnwise.errors import CheckpointError

pytest.importorskip("transformers")
Weights = dict[str, Tensor]


def changed(folder: Path, change: Callable[[Weights], object], file: str = "model.safetensors") -> Path:
    weights = load_file(folder / file)
    change(weights)
    save_file(weights, folder / file, {"format": "pt"})
    return folder


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model_of("Qwen2", tie_word_embeddings=False).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("key", ["model.layers.1.mlp.up_proj.weight", "lm_head.weight", "model.norm.weight"])
def test_a_weight_that_is_missing_is_named(saved: Path, key: str) -> None:
    TransformersLM.load(str(saved))
    changed(saved, lambda weights: weights.pop(key))
    with pytest.raises(CheckpointError, match=rf"1 weights of Qwen2ForCausalLM are missing \({key}\)"):
        TransformersLM.load(str(saved))


def test_a_file_that_was_cut_short_is_named(saved: Path) -> None:
    file = saved / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=rf"^{file}: cut short or damaged, with 5000 bytes .*again$"):
        TransformersLM.load(str(saved))


def test_weights_of_another_architecture_are_refused(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(
        json.dumps({**config, "model_type": "llama", "architectures": ["LlamaForCausalLM"]})
    )
    with pytest.raises(CheckpointError, match=r"6 weights in it are of no LlamaForCausalLM.*k_proj.bias"):
        TransformersLM.load(str(saved))


def test_layers_for_other_uses_and_a_tied_head_are_let_pass(saved: Path, tmp_path: Path) -> None:
    changed(
        saved, lambda weights: weights.update({"mtp.layers.0.weight": weights["model.norm.weight"].clone()})
    )
    TransformersLM.load(str(saved))
    tied = model_of("Qwen2", tie_word_embeddings=True)
    tied.save_pretrained(tmp_path / "tied")
    assert "lm_head.weight" not in load_file(tmp_path / "tied" / "model.safetensors")
    TransformersLM.load(str(tmp_path / "tied"))


def test_an_adapter_that_lacks_weights_is_refused(saved: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    lm = TransformersLM.load(str(saved))
    lm.adapt(str(saved), 2, 0.0, [])
    lm.save(tmp_path / "adapter")
    shutil.copytree(tmp_path / "adapter", tmp_path / "half")
    TransformersLM.load(str(tmp_path / "adapter"))
    shutil.copytree(tmp_path / "adapter", tmp_path / "torn")
    (tmp_path / "torn" / "adapter_model.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match=r"torn/adapter_model.*: cut short or damaged, with 4"):
        TransformersLM.load(str(tmp_path / "torn"))
    changed(tmp_path / "half", lambda weights: weights.pop(max(weights)), "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match=r"half: 1 weights of an adapter of that shape are missing"):
        TransformersLM.load(str(tmp_path / "half"))
