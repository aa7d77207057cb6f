"""An environment of a user's own, outside the package, and a recipe that trains on it in seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from turnwise.trainers.recipe import Recipe, from_tables

LIGHTS = '''
from turnwise import TextEnv

COLOURS = ["blue", "green", "red"]


class Lights(TextEnv):
    """Push the button of the light's colour, three times."""

    def __init__(self, fail_share=0.0):
        self.fail_share = fail_share

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.turn, self.right = 0, 0
        return self._show()

    def step(self, action):
        if self.np_random.random() < self.fail_share:
            raise RuntimeError("the fuse has blown")
        reward = float(action == f"push {self.light}") / 3
        self.turn, self.right = self.turn + 1, self.right + (reward > 0)
        text, info = self._show()
        return text, reward, self.turn == 3, False, {**info, "won": self.right == 3}

    def _show(self):
        self.light = COLOURS[int(self.np_random.integers(3))]
        return f"The light is {self.light}.", {"admissible": [f"push {c}" for c in COLOURS]}
'''

EXPERT = '''
from lights_base import Lights


class Taught(Lights):
    """Lights with an expert."""

    def _show(self):
        text, info = super()._show()
        return text, {**info, "private": {"expert": f"push {self.light}"}}
'''

TABLES: dict[str, dict[str, Any]] = {
    "policy": {
        "vocab_size": 300,
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 2,
        "num_kv_heads": 2,
        "intermediate_size": 64,
        "context_tokens": 256,
    },
    "warmstart": {"episodes": 20},
    "rollout": {
        "num_groups": 8,
        "group_size": 8,
        "max_turns": 4,
        "max_episode_tokens": 256,
        "constraint": "admissible",
    },
    "credit": {"name": "gigpo"},
    "optim": {"learning_rate": 5e-3, "num_minibatches": 2},
    "train": {"num_updates": 4, "save_every": 2},
    "eval": {"every": 2, "episodes": 32},
    "log": {"console": False},
}


@pytest.fixture
def lights_file(tmp_path: Path) -> Path:
    """Return the file of the environment."""
    file = tmp_path / "lights.py"
    file.write_text(LIGHTS)
    return file


@pytest.fixture
def lights(lights_file: Path) -> Callable[..., Recipe]:
    """Return a maker of recipes: lights(train={"num_updates": 9}) changes single keys."""

    def make(**changes: dict[str, Any]) -> Recipe:
        tables = {name: dict(table) for name, table in TABLES.items()}
        tables["env"] = {"id": f"{lights_file}:Lights"}
        for name, table in changes.items():
            tables[name] = {**tables.get(name, {}), **table}
        return from_tables(tables)

    return make


@pytest.fixture
def taught(
    lights: Callable[..., Recipe], lights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Recipe]:
    """Return a maker of recipes for an environment with an expert."""
    folder = lights_file.parent
    (folder / "lights_base.py").write_text(lights_file.read_text())
    (folder / "taught.py").write_text(EXPERT)
    monkeypatch.syspath_prepend(str(folder))
    return lambda **changes: lights(env={"id": f"{folder / 'taught.py'}:Taught"}, **changes)


CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def chat_model(tmp_path: Path) -> Path:
    """Return the folder of a Llama of two layers whose tokens are bytes."""
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    base = Tokenizer(models.BPE({letter: place for place, letter in enumerate(alphabet)}, []))
    base.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    base.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    tokenizer.chat_template = CHATML
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, intermediate_size=64, max_position_embeddings=1024, tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    folder = tmp_path / "base"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
