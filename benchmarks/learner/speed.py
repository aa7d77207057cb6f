"""Measure the learner against a bare PyTorch loop that does the same work, in the same run.

    python benchmarks/learner/speed.py [--episodes 64] [--rounds 5] [--markdown FILE]

The work: one optimizer step of clipped PPO on packed conversations with
admissible decoding (each target has a small set it was drawn from), 0.75 million
parameters, one thread. The bare loop is what one would write by hand for this
shape alone: conversations as lists, sorted by length, padded, forward, log-softmax
over the allowed tokens, ratio, clip, backward, gradient clipping, AdamW. The
learner's time includes packing, old logprobs, aggregation weights, guards and
log. Both are timed by the clock of the process's own CPU time, in turn, and the
ratio of the medians is reported.
"""

from __future__ import annotations

import copy
import datetime
import platform
import statistics
import time

import numpy as np
import page
import torch

from turnwise.agents.tiny.model import TinyConfig, TinyLM
from turnwise.agents.types import Generation, Trajectory, Turn
from turnwise.trainers.learner.config import OptimConfig
from turnwise.trainers.learner.forward import score_batch
from turnwise.trainers.learner.sequences import pack
from turnwise.trainers.learner.update import Learner
from turnwise.trainers.objective_config import ObjectiveConfig

VOCAB, TURNS = 1024, 16
MICRO_TOKENS = 4096


def synthesise(num_episodes: int, seed: int = 0) -> list[Trajectory]:
    """Make conversations like the demo's: prompts of 60, turns of 24 tokens, 6 generated, 2 of them free."""
    rng = np.random.default_rng(seed)
    episodes = []
    for n in range(num_episodes):
        prompt, turns = tuple(rng.integers(5, VOCAB, size=60).tolist()), []
        for index in range(int(rng.integers(TURNS // 2, TURNS + 1))):
            tokens = tuple(rng.integers(5, VOCAB, size=6).tolist())
            support = tuple(choices(rng, token, place) for place, token in enumerate(tokens))
            generation = Generation("", prompt, tokens, (0.0,) * 6, support)
            turns.append(Turn(index, "", "", "", 0.0, "", generation=generation))
            prompt = prompt + tokens + tuple(rng.integers(5, VOCAB, size=24).tolist())
        episodes.append(Trajectory("e", "t", 0, str(n), tuple(turns), "terminated"))
    return episodes


def choices(rng: np.random.Generator, token: int, place: int) -> tuple[int, ...]:
    others = rng.integers(5, VOCAB, size=int(rng.integers(1, 12))).tolist() if place < 2 else []
    return tuple(sorted({token, *others}))


def with_behaviour(episodes: list[Trajectory], model: TinyLM) -> list[Trajectory]:
    """Give the episodes the logprobs of the model, as if it had sampled them."""
    batch = pack(episodes)
    logp = dict(
        zip(zip(batch.row_N, batch.offset_N, strict=True), score_batch(model, batch, 4096), strict=True)
    )
    row, done = -1, []
    for episode in episodes:
        turns = []
        for turn in episode.turns:
            row += 1
            g = turn.generation
            values = tuple(float(logp.get((row, i), 0.0)) for i in range(len(g.token_ids)))
            new = Generation(g.text, g.prompt_ids, g.token_ids, values, g.support)
            turns.append(Turn(turn.index, "", "", "", 0.0, "", generation=new))
        done.append(Trajectory("e", "t", 0, episode.group, tuple(turns), "terminated"))
    return done


class Bare:
    """The loop that one would write by hand."""

    def __init__(self, model: TinyLM) -> None:
        self.model = model
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.0, fused=True
        )

    def step(self, episodes: list[Trajectory], advantages: np.ndarray) -> None:
        rows = []
        row = 0
        for episode in episodes:
            last = episode.turns[-1].generation
            ids, targets = [*last.prompt_ids, *last.token_ids], []
            for turn in episode.turns:
                g = turn.generation
                for i, (token, allowed) in enumerate(zip(g.token_ids, g.support, strict=True)):
                    if len(allowed) > 1:
                        place = len(g.prompt_ids) + i - 1
                        targets.append((place, allowed, allowed.index(token), g.logprobs[i], advantages[row]))
                row += 1
            rows.append((ids[:-1], targets))
        rows.sort(key=lambda pair: -len(pair[0]))
        num = sum(len(targets) for _, targets in rows)
        self.optimizer.zero_grad(set_to_none=True)
        while rows:
            size = max(1, MICRO_TOKENS // len(rows[0][0]))
            part, rows = rows[:size], rows[size:]
            width = len(part[0][0])
            ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in part])
            hidden = self.model.hidden(ids, torch.tensor([len(ids) for ids, _ in part])).flatten(0, 1)
            flat = [(b * width + t[0], *t[1:]) for b, (_, targets) in enumerate(part) for t in targets]
            most = max(len(t[1]) for t in flat)
            allowed = torch.tensor([list(t[1]) + [-1] * (most - len(t[1])) for t in flat])
            logits = self.model.head(hidden[torch.tensor([t[0] for t in flat])])
            logits = logits.gather(1, allowed.clamp(min=0)).masked_fill(allowed < 0, -torch.inf)
            logp = logits.log_softmax(-1).gather(1, torch.tensor([[t[2]] for t in flat]))[:, 0]
            ratio = (logp - torch.tensor([t[3] for t in flat])).exp()
            advantage = torch.tensor([t[4] for t in flat], dtype=torch.float32)
            loss = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).sum() / num
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


def measure(num_episodes: int, rounds: int) -> dict[str, float]:
    torch.set_num_threads(1)
    model = TinyLM(TinyConfig(vocab_size=VOCAB), seed=0)
    episodes = with_behaviour(synthesise(num_episodes), model)
    num_tokens = pack(episodes).num_tokens
    advantages = np.random.default_rng(1).normal(size=sum(len(e.turns) for e in episodes))
    bare, twin = Bare(copy.deepcopy(model)), copy.deepcopy(model)
    config = OptimConfig(old_logprobs="behaviour", micro_tokens=MICRO_TOKENS)
    learner = Learner(twin, config, ObjectiveConfig())
    times: dict[str, list[float]] = {"bare": [], "learner": []}
    for _ in range(rounds + 1):
        started = time.process_time()
        bare.step(episodes, advantages)
        times["bare"].append(time.process_time() - started)
        started = time.process_time()
        batch = pack(episodes)
        learner.update(batch, advantages[batch.row_N])
        times["learner"].append(time.process_time() - started)
    apart = max(
        float((a - b).detach().abs().max())
        for a, b in zip(bare.model.parameters(), twin.parameters(), strict=True)
    )
    median = {name: statistics.median(values[1:]) for name, values in times.items()}
    return {
        "tokens": num_tokens,
        "bare_s": median["bare"],
        "learner_s": median["learner"],
        "ratio": median["learner"] / median["bare"],
        "tokens_per_s": num_tokens / median["learner"],
        "weights_apart": apart,
    }


def report(found: dict[str, float], num_episodes: int, rounds: int) -> str:
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    return f"""# Learner speed

{day}, `python benchmarks/learner/speed.py --episodes {num_episodes} --rounds {rounds}`,
torch {torch.__version__}, {platform.machine()}, one thread, CPU seconds of the process, median of {rounds}.

| | CPU s a step | tokens a CPU second |
|---|---|---|
| bare PyTorch loop | {found["bare_s"]:.3f} | {found["tokens"] / found["bare_s"]:.0f} |
| learner | {found["learner_s"]:.3f} | {found["tokens_per_s"]:.0f} |

Ratio learner / bare loop: **{found["ratio"]:.3f}** ({found["tokens"]:.0f} tokens a step). After all steps the
weights of both differ by at most {found["weights_apart"]:.1g}: the work is the same.
"""


if __name__ == "__main__":
    page.run(__doc__, "episodes", 64, measure, report)
