"""Speed of the tiny policy, and of that for any model, beside what one would write without, in one run.

Generation: conversations of 64 prompt tokens, then turns of 8 said and 12
observed tokens, whole conversations kept. Training: forward and backward over
whole conversations, loss on the said tokens. TransformersPolicy and the peers run the same weights through
the transformers library: a bare loop that keeps the cache across turns, its own
`generate`, which reads the conversation again each turn, and its own loss.

    OMP_NUM_THREADS=1 python benchmarks/tiny/speed.py [--rounds 5] [--batch 64] [--out FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.utils import logging

from turnwise.agents.models import CausalLM, TransformersLM
from turnwise.agents.policies.transformers import TransformersPolicy
from turnwise.agents.policy import TokenPolicy
from turnwise.agents.tiny import TinyConfig, TinyLM, TinyPolicy, TinyTokenizer, save_checkpoint
from turnwise.agents.types import GenerationRequest

PROMPT, SAID, SEEN, TURNS = 64, 8, 12, 6
Measured = tuple[int, float, float]  # tokens, wall seconds, CPU seconds


def words(rng: random.Random) -> list[str]:
    syllables = [a + b for a in "bdfgklmnprst" for b in "aeiou"]
    return ["".join(rng.choices(syllables, k=rng.choice((2, 3)))) for _ in range(220)]


def clocked(run: Callable[[], int]) -> Measured:
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = run()
    return tokens, time.perf_counter() - wall, time.process_time() - cpu


class Generation:
    """The same conversations, played by each engine."""

    def __init__(self, tiny: TinyPolicy, any_model: TransformersPolicy, theirs: Any, batch: int) -> None:
        self.tiny, self.any_model = tiny, any_model
        self.theirs, self.batch = theirs, batch
        self.rng = random.Random(1)
        lexicon = words(random.Random(0))
        self.actions = tuple(" ".join(self.rng.choices(lexicon, k=SAID - 1)) for _ in range(30))
        self.top = tiny.vocab_size - 1
        self.round = 0

    def ids(self, count: int) -> tuple[int, ...]:
        return tuple(self.rng.randint(5, self.top) for _ in range(count))

    def ours(self, policy: TokenPolicy, constraint: Any) -> int:
        self.round += 1
        return asyncio.run(self._ours(policy, constraint))

    async def _ours(self, policy: TokenPolicy, constraint: Any) -> int:
        prompts = [self.ids(PROMPT) for _ in range(self.batch)]
        said = 0
        for turn in range(TURNS):
            requests = [
                GenerationRequest(
                    prompt_ids=prompt,
                    max_tokens=SAID if constraint == "none" else 4 * SAID,
                    key=(self.round, row, turn),
                    conversation=f"{self.round}-{row}",
                    constraint=constraint,
                    admissible=self.actions,
                )
                for row, prompt in enumerate(prompts)
            ]
            generations = await asyncio.gather(*map(policy.generate, requests))
            said += sum(len(generation.token_ids) for generation in generations)
            seen = self.ids(SEEN)
            prompts = [generation.prompt_ids + generation.token_ids + seen for generation in generations]
        for row in range(self.batch):
            policy.forget(f"{self.round}-{row}")
        return said

    @torch.inference_mode()
    def bare_loop(self) -> int:
        cache = DynamicCache()
        new = torch.tensor([self.ids(PROMPT) for _ in range(self.batch)])
        for _ in range(TURNS):
            for _ in range(SAID):
                logits = self.theirs(new, past_key_values=cache, logits_to_keep=1).logits[:, -1]
                new = torch.multinomial(logits.softmax(-1), 1)
            new = torch.cat([new, torch.tensor([self.ids(SEEN) for _ in range(self.batch)])], dim=1)
        return self.batch * TURNS * SAID

    def generate(self) -> int:
        ids = torch.tensor([self.ids(PROMPT) for _ in range(self.batch)])
        for _ in range(TURNS):
            ids = self.theirs.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                top_k=0,
                min_new_tokens=SAID,
                max_new_tokens=SAID,
            )
            ids = torch.cat([ids, torch.tensor([self.ids(SEEN) for _ in range(self.batch)])], dim=1)
        return self.batch * TURNS * SAID


class Training:
    """The same step, taken by each model: forward, backward, no optimiser."""

    def __init__(self, vocab_size: int, batch: int) -> None:
        length = PROMPT + TURNS * (SAID + SEEN)
        self.ids = torch.randint(5, vocab_size, (batch, length), generator=torch.Generator().manual_seed(0))
        self.lengths = torch.full((batch,), length)
        places = torch.arange(length)
        turn = (places - PROMPT) % (SAID + SEEN)
        self.said = ((places >= PROMPT) & (turn < SAID)).nonzero()[:, 0]

    def selected(self, model: CausalLM) -> int:
        hidden = model.hidden(self.ids, self.lengths)
        logits = model.head(hidden[:, self.said - 1].flatten(0, 1))
        torch.nn.functional.cross_entropy(logits, self.ids[:, self.said].flatten()).backward()
        return self.ids.numel()

    def whole(self, model: Any) -> int:
        labels = torch.full_like(self.ids, -100)
        labels[:, self.said] = self.ids[:, self.said]
        model(self.ids, labels=labels).loss.backward()
        return self.ids.numel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    lexicon = words(random.Random(0))
    tokenizer = TinyTokenizer.train([" ".join(random.Random(n).sample(lexicon, 20)) for n in range(400)])
    model = TinyLM(TinyConfig(vocab_size=tokenizer.vocab_size))
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(model, tokenizer, Path(folder))
        theirs = AutoModelForCausalLM.from_pretrained(folder)
        any_model = TransformersPolicy(folder, max_batch=options.batch)
    theirs.generation_config.eos_token_id = None
    tiny = TinyPolicy(model, tokenizer, num_slots=options.batch, max_batch=options.batch)
    playing = Generation(tiny, any_model, theirs, options.batch)
    training = Training(tokenizer.vocab_size, options.batch // 4)
    wrapped = TransformersLM(theirs)
    contenders: dict[str, Callable[[], int]] = {
        "generate: TinyPolicy, free": lambda: playing.ours(tiny, "none"),
        "generate: TinyPolicy, admissible": lambda: playing.ours(tiny, "admissible"),
        "generate: TransformersPolicy, free": lambda: playing.ours(any_model, "none"),
        "generate: TransformersPolicy, admissible": lambda: playing.ours(any_model, "admissible"),
        "generate: bare loop, cache kept": playing.bare_loop,
        "generate: transformers.generate": playing.generate,
        "train: TinyLM, logits where needed": lambda: training.selected(model),
        "train: transformers, logits where needed": lambda: training.selected(wrapped),
        "train: transformers, its own loss": lambda: training.whole(theirs),
    }
    measured: dict[str, list[Measured]] = {name: [] for name in contenders}
    for turn in range(options.rounds + 1):
        for name, run in contenders.items():
            result = clocked(run)
            if turn:  # the first round warms up
                measured[name].append(result)
    text = report(measured, model, options.batch)
    print(text)
    if options.out:
        options.out.write_text(text)


def report(measured: dict[str, list[Measured]], model: TinyLM, batch: int) -> str:
    peers = {"generate": "generate: bare loop, cache kept", "train": "train: transformers, its own loss"}
    cpu = {name: statistics.median(t / c for t, _, c in runs) for name, runs in measured.items()}
    wall = {name: statistics.median(t / w for t, w, _ in runs) for name, runs in measured.items()}
    num_rounds = f"median of {len(next(iter(measured.values())))}"
    lines = [
        "# Speed of the tiny policy",
        "",
        f"{datetime.date.today()}: {model.num_parameters / 1e6:.2f} M parameters, vocabulary",
        f"{model.vocab_size}, one thread, batch {batch} (training {batch // 4}), {num_rounds} rounds,",
        f"{platform.machine()}, torch {torch.__version__}, load average {os.getloadavg()[0]:.1f}.",
        "",
        f"Conversations have {PROMPT} prompt tokens, {TURNS} turns of {SAID} said and {SEEN} seen.",
        "`generate` counts said tokens, `train` all tokens of the conversations. The ratio is to the bare",
        "loop, and to the loss of the transformers library, by CPU time, which a busy machine disturbs less.",
        "",
        "| what | tokens / CPU s | tokens / s | ratio |",
        "|---|---|---|---|",
    ]
    for name in measured:
        ratio = cpu[name] / cpu[peers[name.split(":")[0]]]
        lines.append(f"| {name} | {cpu[name]:,.0f} | {wall[name]:,.0f} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
