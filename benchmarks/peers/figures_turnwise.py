"""Figures in turnwise: advantages, what is logged, new weights, evaluations that fail in part."""

from __future__ import annotations

import asyncio
import copy
import os
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from faults import Found, main

from turnwise import TextEnv, credit
from turnwise.agents.evaluation.config import EVALUATION
from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.policies.script import ScriptedPolicy
from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.tiny.policy import TinyPolicy
from turnwise.agents.tiny.tokenizer import TinyTokenizer
from turnwise.agents.types import GenerationRequest, Message
from turnwise.credit import TurnTable
from turnwise.servers.client import connect
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "trainers" / "learner"))
from test_learner import advantages, build_model, collect

DEAD = frozenset(range(100, 130))
GONE = Path(os.environ.setdefault("PEERS_FOLDER", tempfile.mkdtemp(prefix="peers-"))) / "gone"
TEXTS = ["You see a drawer 1 and a desk 2.", "go to drawer 1", "take apple 2 from desk 2"] * 4


def group() -> Found:
    found = Found("credit.get('dr_grpo')(TurnTable.from_columns(...)), one turn an episode")
    table = TurnTable.from_columns(
        group=["g"] * 4, trajectory=[0, 1, 2, 3], reward=[1.0, 3.0, 2.0, 0.0],
        end=["terminated", "terminated", "terminated", "error"],
    )  # fmt: skip
    came = credit.get("dr_grpo")(table).advantage.tolist()
    found.add("advantages", came == [-1.0, 1.0, 0.0, 0.0], came)
    return found


def micro_batches() -> Found:
    found = Found("trainers.learner.update.Learner.update, OptimConfig(micro_tokens=64, 256, 4096)")
    model = build_model()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(20)  # far from uniform, so that entropies differ
    batch = pack(collect(model, True, num=12))
    logs = []
    for micro_tokens in (64, 256, 4096):
        optim = OptimConfig(
            micro_tokens=micro_tokens, learning_rate=1e-3, old_logprobs="behaviour", one_engine=False
        )
        learner = Learner(copy.deepcopy(model), optim, ObjectiveConfig())
        logs.append(learner.update(batch, advantages(batch)))
    for log, micro_tokens in zip(logs[1:], (256, 4096), strict=True):
        other = [name for name in logs[0] if not np.isclose(log[name], logs[0][name], rtol=1e-6, atol=1e-9)]
        found.add(
            str(micro_tokens), not other, f"{other or 'none'} of {len(log)} figures differ from those of 64"
        )
    return found


def new_weights() -> Found:
    found = Found("agents.tiny.policy.TinyPolicy.update_weights between two turns of a conversation")
    tokenizer = TinyTokenizer.train(TEXTS, 400)
    shape = TinyConfig(
        vocab_size=tokenizer.vocab_size, hidden_size=16, num_layers=2, num_heads=2, num_kv_heads=1,
        intermediate_size=24, max_positions=256,
    )  # fmt: skip
    old, new = TinyLM(shape, seed=1), TinyLM(shape, seed=2)
    policy = TinyPolicy(old, tokenizer)
    asked = GenerationRequest(messages=(Message("user", "go"),), key=(1,), max_tokens=12, conversation="c")
    first = asyncio.run(policy.generate(asked))
    policy.update_weights(new.state_dict(), 2)
    ids = (
        first.prompt_ids
        + first.token_ids
        + policy.encode_reply((Message("user", "you see"),), first.finish_reason)
    )
    later = replace(asked, messages=(), prompt_ids=ids, key=(2,))
    second = asyncio.run(policy.generate(later))
    fresh = asyncio.run(TinyPolicy(new, tokenizer).generate(later))
    same = second.token_ids == fresh.token_ids
    far = float(np.abs(np.array(second.logprobs) - np.array(fresh.logprobs)).max()) if same else np.inf
    found.add("turn 2", same and far < 1e-5, f"largest difference {far:.1e}")
    return found


class Treacherous(TextEnv):
    """A room that dies on 30 of 100 seeds, until a file is there."""

    no_clone = "this is a test"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        with (GONE.parent / "started").open("a") as file:
            file.write(f"{seed}\n")
        if seed in DEAD and GONE.exists():
            raise OSError("the environment died")
        return "go", {"admissible": ["go"], "won": False}

    def step(self, action: str) -> Any:
        return "done", 1.0, True, False, {"admissible": [], "won": True}


def dying() -> Found:
    found = Found("agents.evaluation.evaluate.evaluate with out=, twice")
    GONE.write_text("")
    out = GONE.parent / "out"

    async def play() -> Any:
        client = connect("local:")
        try:
            return await evaluate(
                client, ScriptedPolicy(["go"]), f"{__file__}:Treacherous", episodes=100, seed=60, out=out,
                config=replace(EVALUATION, retries=0),
            )  # fmt: skip
        finally:
            await client.aclose()

    result = asyncio.run(play())
    came = f"rate {result.success_rate:.2f} over {result.episodes}, coverage {result.coverage:.2f}"
    found.add("the rate", (result.success_rate, result.episodes, result.coverage) == (1.0, 70, 0.7), came)
    GONE.unlink()
    (GONE.parent / "started").unlink()
    whole = asyncio.run(play())
    again = sorted(int(line) for line in (GONE.parent / "started").read_text().split())
    found.add("resume", again == sorted(DEAD) and whole.coverage == 1.0, f"plays {len(again)} again")
    return found


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    main(
        "figures",
        "turnwise",
        {
            "a group with an error": group,
            "sizes of micro batches": micro_batches,
            "new weights between turns": new_weights,
            "interrupted generations": "nothing interrupts a message: new weights wait for it",
            "an environment that dies": dying,
        },
    )
