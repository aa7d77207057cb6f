"""Copying, learned from random tokens before anything else.

What a policy of a million weights lacks after cloning is less what to do than how to
carry a name, a number or a product's code from where it reads it to where it says
it. Random phrases that come again teach that alone, in a minute, and no text of any
environment is seen. Learning abstract data first: Jiang et al. 2026, "Procedural
Pretraining: Warming Up Language Models with Abstract Data" (arXiv 2601.21725).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from ..agents.causal_lm import CausalLM
from ..agents.tiny.tokenizer import SPECIAL_TOKENS
from .cloning import Report
from .descent import Descent
from .scoring import device_of
from .sections import WarmstartSection

__all__ = ["Lesson", "learn_copying", "lesson"]

_SHORT, _LONG = 48, 160  # tokens of a row; the first half of the steps has short ones
_BATCH_TOKENS = 2304
_FEWEST = 8  # tokens that a long row is made of, at least: then only longer runs tell a place
_NOISE = 0.3  # chance of tokens that belong to no phrase, before a phrase


@dataclass(frozen=True, slots=True)
class Lesson:
    """Hold rows of phrases that come again.

    Attributes:
        ids_BL: tokens.
        known_BL: whether a token follows from what came before: all but the first of a phrase said again.
    """

    ids_BL: np.ndarray
    known_BL: np.ndarray


def learn_copying(model: CausalLM, section: WarmstartSection, seed: int, report: Report) -> None:
    """Train a model to go on with phrases that it has read before.

    Args:
        model: trained in place.
        section: `copy_steps` and the optimizer.
        seed: of the phrases.
        report: told the progress.

    Raises:
        TrainingError: if the loss is not finite.
    """
    descent, rng = Descent(model, section), np.random.default_rng([seed, 3])
    for step in range(section.copy_steps):
        share = step / section.copy_steps
        taught = lesson(rng, model.vocab_size, _SHORT if share < 0.5 else _LONG)
        loss = descent.step(share, partial(_backward, model, taught))
        report(f"copying: loss {loss:.3f}", (step + 1) / section.copy_steps)


def _backward(model: CausalLM, taught: Lesson) -> float:
    """Add the gradient to the weights; return the loss in nats a token."""
    device = device_of(model)
    ids_BL = torch.from_numpy(taught.ids_BL).to(device)
    known_BL = torch.from_numpy(taught.known_BL[:, 1:]).to(device)
    lengths_B = torch.full((len(ids_BL),), ids_BL.shape[1], device=device)
    hidden_ND = model.hidden(ids_BL, lengths_B)[:, :-1][known_BL]
    loss = functional.cross_entropy(model.head(hidden_ND), ids_BL[:, 1:][known_BL])
    torch.autograd.backward(loss)
    return float(loss.detach())


def lesson(rng: np.random.Generator, vocab_size: int, length: int) -> Lesson:
    """Make rows of random phrases, each said several times in random order.

    Args:
        rng: draws everything.
        vocab_size: how many tokens there are, markers of the conversation among them, which are not drawn.
        length: tokens of a row. Long rows are made of few different tokens, so that one token does
            not tell where a phrase goes on.
    """
    drawn = [_row(rng, vocab_size, length) for _ in range(_BATCH_TOKENS // length)]
    return Lesson(np.array([ids for ids, _ in drawn]), np.array([known for _, known in drawn]))


def _row(rng: np.random.Generator, vocab_size: int, length: int) -> tuple[list[int], list[bool]]:
    tokens = np.arange(len(SPECIAL_TOKENS), vocab_size)
    if length > _SHORT:
        number = int(np.exp(rng.uniform(np.log(_FEWEST), np.log(len(tokens)))))
        tokens = rng.choice(tokens, number, replace=False)
    phrases = [
        rng.choice(tokens, rng.integers(2, 13)).tolist() for _ in range(rng.integers(2, 3 + length // 16))
    ]
    said: set[int] = set()
    ids: list[int] = []
    known: list[bool] = []
    while len(ids) < length:
        if rng.random() < _NOISE:
            noise = rng.choice(tokens, rng.integers(1, 4)).tolist()
            ids, known = ids + noise, known + [False] * len(noise)
        number = int(rng.integers(len(phrases)))
        phrase = phrases[number]
        ids, known = ids + phrase, known + [False] + [number in said] * (len(phrase) - 1)
        said.add(number)
    return ids[:length], known[:length]
