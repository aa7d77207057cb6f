"""TRL's GRPOTrainer around a random model of a few thousand weights, its messages written out.

All behind the model is TRL's: chat template, reading of calls, tools, tokens of the next
prompt. The tokenizer has Qwen3's control tokens, and the template is the one that TRL ships.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import small
from datasets import Dataset
from transformers import Qwen3Config, Qwen3ForCausalLM
from trl import GRPOConfig, GRPOTrainer
from trl.chat_template_utils import qwen3_chat_template

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
warnings.filterwarnings("ignore")
QUESTION = [{"role": "user", "content": "go"}]


class Room:
    """An environment in TRL's manner: its methods are tools."""

    observation = "ok"
    done: list[Any]

    def reset(self, **more: Any) -> None:
        self.done = []

    def act(self, action: str, minutes: int = 0) -> str:
        """Act.

        Args:
            action: what to do.
            minutes: for how long.
        """
        Room.calls.append((action, minutes))
        return Room.observation

    calls: ClassVar[list[tuple[Any, Any]]] = []


def model(vocabulary: Any) -> Qwen3ForCausalLM:
    """Return a random model of one small layer."""
    shape: dict[str, Any] = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "head_dim": 8,
        "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": len(vocabulary),
        "eos_token_id": vocabulary.eos_token_id, "pad_token_id": vocabulary.pad_token_id,
    }  # fmt: skip
    return Qwen3ForCausalLM(Qwen3Config(**shape))


def trainer(
    rewards: Callable[..., list[Any]] | None = None,
    kind: str = "bytes",
    template: str = qwen3_chat_template,
    rows: list[dict[str, Any]] | None = None,
    **settings: Any,
) -> GRPOTrainer:
    """Return a trainer; with an environment where no rewards are given."""
    made = small.tokenizer(kind, template)
    config = {
        "output_dir": tempfile.mkdtemp(prefix="peers-"), "report_to": [], "use_cpu": True, "bf16": False,
        "per_device_train_batch_size": 2, "num_generations": 2, "max_completion_length": 600,
        "save_strategy": "no", "logging_steps": 1, "disable_tqdm": True, "max_steps": 1, **settings,
    }  # fmt: skip
    return GRPOTrainer(
        model=model(made),
        args=GRPOConfig(**config),
        processing_class=made,
        reward_funcs=rewards or (lambda completions, **more: [0.0] * len(completions)),
        train_dataset=Dataset.from_list(rows or [{"prompt": QUESTION}] * 4),
        environment_factory=None if rewards else Room,
    )


def say(trained: GRPOTrainer, *texts: str) -> list[list[int]]:
    """Write out the messages of the model; return where the prompts of the first episode will be."""
    prompts: list[list[int]] = []
    left = list(texts)

    def turn(prompt_ids: Any, images: Any, fields: Any, num_generations: int = 1, **more: Any) -> Any:
        prompts.append(list(prompt_ids[0]))
        text = left.pop(0)
        ids = trained.processing_class(text, add_special_tokens=False)["input_ids"]
        return [list(ids) for _ in prompt_ids], None

    trained._generate_single_turn = turn
    return prompts


def played(trained: GRPOTrainer, *texts: str) -> tuple[list[list[int]], list[tuple[Any, Any]]]:
    """Play two equal episodes; return the prompts and the calls of the first."""
    Room.calls.clear()
    prompts = say(trained, *texts)
    trained._generate_and_score_completions([{"prompt": QUESTION}] * 2)
    return prompts, Room.calls[: len(Room.calls) // 2]
