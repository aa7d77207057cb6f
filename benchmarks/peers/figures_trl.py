"""Figures in TRL: advantages of a group with an error, and what is logged of one batch in pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import small
import torch
from faults import Found, main
from transformers import set_seed
from trl_trainer import QUESTION, played, trainer

SAID = [
    "look<|im_end|>", "go to desk 1<|im_end|>", "take<|im_end|>", "I do not know what to do<|im_end|>",
    "open the drawer of the desk and look into it, then<|im_end|>",
]  # fmt: skip
CLOCKS = ("runtime", "per_second", "step_time", "mfu", "epoch", "total_flos")


def script(trained: Any) -> None:
    """Give each prompt the same messages of several lengths, in order."""
    made = trained.processing_class

    def turn(prompt_ids: Any, images: Any, fields: Any, num_generations: int = 1, **more: Any) -> Any:
        texts = [SAID[number % len(SAID)] for number in range(len(prompt_ids))]
        return [list(made(text, add_special_tokens=False)["input_ids"]) for text in texts], None

    trained._generate_single_turn = turn


def group() -> Found:
    found = Found("GRPOTrainer(loss_type='dr_grpo', scale_rewards='none'), reward function [1, 3, 2, None]")
    for name, given in (("None", None), ("nan", float("nan"))):
        trained = trainer(
            lambda completions, given=given, **more: [1.0, 3.0, 2.0, given], loss_type="dr_grpo",
            scale_rewards="none", per_device_train_batch_size=4, num_generations=4,
        )  # fmt: skip
        script(trained)
        out = trained._generate_and_score_completions([{"prompt": QUESTION}] * 4)
        came = [round(value, 6) for value in out["advantages"].tolist()]
        found.add(name, came == [-1.0, 1.0, 0.0, 0.0], came)
    return found


def _log(size: int) -> dict[str, float]:
    set_seed(1)
    rows = [
        {"prompt": [{"role": "user", "content": f"go to room {number} {'please ' * number}"}]}
        for number in range(8)
    ]
    trained = trainer(
        lambda completions, **more: [float(len(each[0]["content"]) % 5) for each in completions], rows=rows,
        per_device_train_batch_size=size, gradient_accumulation_steps=16 // size, num_generations=4,
        seed=1,
    )  # fmt: skip
    with torch.no_grad():
        for weight in trained.model.parameters():
            if weight.dim() == 2:
                weight.mul_(20)  # far from uniform, so that entropies differ
    script(trained)
    trained.train()
    log = trained.state.log_history[0]
    return {name: value for name, value in log.items() if not any(clock in name for clock in CLOCKS)}


def micro_batches() -> Found:
    found = Found("GRPOTrainer.train: 16 episodes an update as 16x1, 8x2, 4x4 and 2x8 (batch x accumulation)")
    whole, other = _log(16), {}
    for size in (8, 4, 2):
        log = _log(size)
        for name, value in whole.items():
            if not np.isclose(log[name], value, rtol=1e-5, atol=1e-7):
                other[name] = f"{value:.6g} becomes {log[name]:.6g} with pieces of {size}"
    learned = {"loss", "grad_norm"} & other.keys()
    found.add("loss and gradient", not learned, "differ" if learned else "equal")
    found.add("what is logged", not other, f"{len(other)} of {len(whole)} figures differ: {other}")
    found.note = "in float32, so equal means to 1e-5"
    return found


def dying() -> Found:
    """Let the environment die in a tool: TRL trains, and has no evaluation of agents."""
    found = Found("GRPOTrainer with environment_factory: a tool that raises")
    trained = trainer()
    prompts, _ = played(trained, small.call("look", name="gone") + "<|im_end|>", "done<|im_end|>")
    found.add("told", len(prompts) == 2, "the model is told")
    return found


if __name__ == "__main__":
    main(
        "figures",
        "trl",
        {
            "a group with an error": group,
            "sizes of micro batches": micro_batches,
            "new weights between turns": "no new weights in an episode; each turn reads its prompt anew",
            "interrupted generations": "the asynchronous trainer leaves it to vLLM, which does not run here",
            "an environment that dies": "no evaluation of agents with a rate and a resume",
        },
    )
