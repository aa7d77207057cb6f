"""Copying, learned from random tokens before anything else.

What a policy of a million weights lacks after cloning is less what to do than how to
carry a name, a number or a product's code from where it reads it to where it says
it. Three exercises teach that alone, in two minutes, and no text of any environment
is seen: to say a phrase again, to recognise in a list what was mentioned before, and to look up
its code there. Abstract data first: Jiang et al. 2026, "Procedural Pretraining:
Warming Up Language Models with Abstract Data" (arXiv 2601.21725).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from ... import streams
from ...agents.models import CausalLM
from ...agents.tiny.tokenizer import ACTION, END, OBSERVATION, SPECIAL_TOKENS, TASK
from ...streams import Stream
from ..learner.forward import device_of
from ..sections import WarmstartSection
from .cloning import SMALL, Report
from .descent import make_descent, schedule_factor

Row = list[tuple[int, bool]]  # tokens, and whether each follows from those before
Exercise = Callable[[np.random.Generator, np.ndarray, int], Row]

_SHORT, _LONGER, _LONG = 48, 96, 160  # tokens of a row
_BATCH_TOKENS = 2304
_END, _TASK, _OBSERVATION, _ACTION = (
    SPECIAL_TOKENS.index(marker) for marker in (END, TASK, OBSERVATION, ACTION)
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """Rows of tokens.

    Attributes:
        ids_BL: tokens.
        known_BL: whether a token follows from what came before; these are learned.
    """

    ids_BL: np.ndarray
    known_BL: np.ndarray


def learn_copying(model: CausalLM, section: WarmstartSection, seed: int, report: Report) -> None:
    """Train a model to carry tokens from one place to another.

    A quarter of the steps is for saying short phrases again, and the rest for all three exercises.

    Args:
        model: trained in place.
        section: `copy_steps` and the optimizer.
        seed: of the exercises.
        report: called with the progress.

    Raises:
        TrainingError: if the loss is not finite.
    """
    descent, rng = make_descent(model, section, SMALL), streams.rng(seed, Stream.COPYING)
    for step in range(section.copy_steps):
        share = step / section.copy_steps
        length = _SHORT if share < 0.25 else _LONGER if share < 0.5 else _LONG
        exercises = EXERCISES[:1] if share < 0.25 else EXERCISES
        taught = lesson(rng, model.vocab_size, length, exercises)
        backward = partial(_backward, model, taught)
        loss, _ = descent.step(backward, factor=schedule_factor(share), where=f"copying, step {step}")
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


def lesson(rng: np.random.Generator, vocab_size: int, length: int, exercises: Sequence[Exercise]) -> Lesson:
    """Make rows of random tokens, each an exercise of a kind that is drawn.

    Args:
        rng: draws everything.
        vocab_size: how many tokens there are, the markers of a conversation among them.
        length: tokens of a row.
        exercises: the kinds to draw from.
    """
    tokens = np.arange(len(SPECIAL_TOKENS), vocab_size)
    rows = [
        exercises[int(rng.integers(len(exercises)))](rng, tokens, length)
        for _ in range(_BATCH_TOKENS // length)
    ]
    return Lesson(
        np.array([[token for token, _ in row[:length]] for row in rows]),
        np.array([[known for _, known in row[:length]] for row in rows]),
    )


def say_again(rng: np.random.Generator, tokens: np.ndarray, length: int) -> Row:
    """Say a few phrases several times in random order; all but the first token of one said again is known.

    Long rows are made of few different tokens, so that one token does not tell where a phrase goes on.
    """
    some = _some(rng, tokens, 8) if length > _SHORT else tokens
    phrases = [_draw(rng, some, 2, 12) for _ in range(rng.integers(2, 3 + length // 16))]
    said: set[int] = set()
    row: Row = []
    while len(row) < length:
        if rng.random() < 0.3:  # something that belongs to no phrase
            row += _unknown(_draw(rng, some, 1, 3))
        number = int(rng.integers(len(phrases)))
        first, *others = phrases[number]
        row += [(first, False), *((token, number in said) for token in others)]
        said.add(number)
    return row


def recognise(rng: np.random.Generator, tokens: np.ndarray, length: int) -> Row:
    """List names, mention one of them among other words, and ask which it was."""
    return _ask(rng, tokens, length, with_codes=False)


def look_up(rng: np.random.Generator, tokens: np.ndarray, length: int) -> Row:
    """List names, each behind its code, mention a name among other words, and ask for the code."""
    return _ask(rng, tokens, length, with_codes=True)


def _ask(rng: np.random.Generator, tokens: np.ndarray, length: int, *, with_codes: bool) -> Row:
    """Ask about a list in the form of a conversation: task, list, answer; then another task, and so on."""
    some = _some(rng, tokens, 24)
    comma, code_size = int(rng.choice(some)), int(rng.integers(1, 5))
    names = [_draw(rng, some, 1, 4) for _ in range(rng.integers(2, 3 + length // 20))]
    codes = [rng.choice(some, code_size).tolist() if with_codes else [] for _ in names]
    listed: list[int] = []
    for code, name in zip(codes, names, strict=True):
        listed += [*code, comma, *name, *_draw(rng, some, 0, 2), comma] if with_codes else [*name, comma]
    row: Row = []
    while len(row) < length:
        number = int(rng.integers(len(names)))
        task = [_TASK, *_draw(rng, some, 0, 4), *names[number], *_draw(rng, some, 0, 4)]
        shown = [] if row else [_OBSERVATION, *listed]
        answer = [*(codes if with_codes else names)[number], _END]
        row += _unknown([*task, *shown, _ACTION]) + [(token, True) for token in answer]
    return row


def _some(rng: np.random.Generator, tokens: np.ndarray, fewest: int) -> np.ndarray:
    """Choose the tokens that a row is made of; few as often as many, by order of magnitude."""
    number = int(np.exp(rng.uniform(np.log(min(fewest, len(tokens))), np.log(len(tokens)))))
    return rng.choice(tokens, number, replace=False)


def _draw(rng: np.random.Generator, tokens: np.ndarray, fewest: int, most: int) -> list[int]:
    drawn: list[int] = rng.choice(tokens, rng.integers(fewest, most + 1)).tolist()
    return drawn


def _unknown(ids: Sequence[int]) -> Row:
    return [(token, False) for token in ids]


EXERCISES: tuple[Exercise, ...] = (say_again, recognise, look_up)
"""Every exercise, the easiest first."""
