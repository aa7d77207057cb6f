"""Rewards and texts in TRL: what a reward function gives back, and half a character from a tool."""

from __future__ import annotations

from typing import Any

import odd
import small
from faults import Found, main
from trl_trainer import QUESTION, Room, played, say, trainer


def rewards() -> Found:
    found = Found("GRPOTrainer._calculate_rewards, as training calls it")
    for name, value in odd.REWARDS.items():
        trained = trainer(lambda completions, value=value, **more: [value, 0.0])
        say(trained, "done<|im_end|>")
        try:
            trained._generate_and_score_completions([{"prompt": QUESTION}] * 2)
            odd.judge(found, name, float(trained._logs["rewards"]["<lambda>"][0]))
        except Exception as error:  # noqa: BLE001 - what it raises is the finding
            odd.judge(found, name, error)
    found.note = "nan is a completion without a score there, left out of its group"
    return found


def half() -> Found:
    found = Found("GRPOTrainer with environment_factory, a tool that answers so")
    Room.observation = odd.HALF
    trained: Any = trainer()
    try:
        prompts, _ = played(trained, small.call("look") + "<|im_end|>", "done<|im_end|>")
        found.add("observation", len(prompts) == 2, "arrives")
    except Exception as error:  # noqa: BLE001 - what it raises is the finding
        found.add("observation", False, f"the training ends with {type(error).__name__}")
    Room.observation = "ok"
    return found


if __name__ == "__main__":
    main(
        "wire",
        "trl",
        {
            "odd rewards": rewards,
            "shared info": "tools give back texts; no dictionary goes with a turn",
            "an expert after a detour": "its environments have no expert",
            "half a character": half,
        },
    )
