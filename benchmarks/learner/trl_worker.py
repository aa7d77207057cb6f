"""TRL's side of the comparison: takes batches of rows, makes one optimizer step of GRPOTrainer of each.

Run by TRL's Python. A line on stdin is the path of a JSON file of rows ({prompt, completion, mask,
advantage}); the answer is a line of JSON: processor seconds, loss, norm of the gradient, weights.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer


def make_trainer(model: str, folder: str, rate: float) -> GRPOTrainer:
    """Return a trainer whose weights are bfloat16, layers are computed again, and tokens weigh alike."""
    config = GRPOConfig(
        output_dir=folder, use_cpu=True, bf16=False, report_to=[], disable_tqdm=True, save_strategy="no",
        model_init_kwargs={"dtype": "bfloat16"}, gradient_checkpointing=True, loss_type="dapo", beta=0.0,
        epsilon=0.2, learning_rate=rate, max_grad_norm=1.0, per_device_train_batch_size=2, num_generations=2,
    )  # fmt: skip
    rows = Dataset.from_list([{"prompt": "a"}] * 2)
    made = GRPOTrainer(
        model=model, args=config, reward_funcs=lambda completions, **_: [0.0], train_dataset=rows
    )
    made.model.gradient_checkpointing_enable({"use_reentrant": False})
    return made


def padded(rows: list[list[int]], left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows as TRL pads them, prompts on the left and completions on the right, and their masks."""
    most = max(map(len, rows))
    gaps = [[0] * (most - len(row)) for row in rows]
    ids = [gap + row if left else row + gap for row, gap in zip(rows, gaps, strict=True)]
    ones = [[1] * len(row) for row in rows]
    mask = [gap + one if left else one + gap for one, gap in zip(ones, gaps, strict=True)]
    return torch.tensor(ids), torch.tensor(mask)


def inputs_of(rows: list[dict[str, Any]], num_targets: int) -> dict[str, Any]:
    """Return some rows as GRPOTrainer's loss takes them."""
    prompts, prompt_mask = padded([row["prompt"] for row in rows], left=True)
    completions, completion_mask = padded([row["completion"] for row in rows], left=False)
    return {
        "prompt_ids": prompts,
        "prompt_mask": prompt_mask,
        "completion_ids": completions,
        "completion_mask": completion_mask,
        "tool_mask": padded([row["mask"] for row in rows], left=False)[0],
        "advantages": torch.tensor([row["advantage"] for row in rows]),
        "num_items_in_batch": torch.tensor(float(num_targets)),
    }


def step(trainer: GRPOTrainer, rows: list[dict[str, Any]], micro_tokens: int) -> dict[str, float]:
    """Take one optimizer step on some rows, sorted by length so that there is little padding."""
    rows = sorted(rows, key=lambda row: -len(row["prompt"]) - len(row["completion"]))
    num_targets = sum(sum(row["mask"]) for row in rows)
    pieces = []
    while rows:
        size = max(1, micro_tokens // (len(rows[0]["prompt"]) + len(rows[0]["completion"])))
        pieces.append(rows[:size])
        rows = rows[size:]
    model = trainer.model.train()
    trainer.current_gradient_accumulation_steps = trainer.args.steps_per_generation
    losses = []
    for piece in pieces:
        loss = trainer._compute_loss(model, inputs_of(piece, num_targets))
        trainer.accelerator.backward(loss)
        losses.append(float(loss.detach()))
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm))
    trainer.optimizer.step()
    trainer.optimizer.zero_grad(set_to_none=True)
    return {"loss": sum(losses), "grad_norm": norm}


def main() -> None:
    """Answer for as long as there are lines."""
    model, micro_tokens, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(model, folder, rate)
        trainer.create_optimizer()
        for line in sys.stdin:
            rows = json.loads(Path(line.strip()).read_text())
            begun = time.process_time()
            told = step(trainer, rows, micro_tokens)
            print(json.dumps({"seconds": time.process_time() - begun, **told}), flush=True)


if __name__ == "__main__":
    main()
