"""The tokens of a message, shaded by how unlikely they were."""

from __future__ import annotations

from dataclasses import dataclass

from ....agents.types import Generation
from ....shown import visible

MOST_TOKENS = 2000
_UNLIKELY = (0.3, 1.2, 3.0)  # nats from which a token is shaded light, middle, dark


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its text, its shade, and what is said of it."""

    text: str
    shade: str
    said: str


def tokens_of(generation: Generation) -> tuple[list[Token], str]:
    """Return the tokens of a message, and why not all of them are there; "" if they are."""
    num = len(generation.token_ids)
    if not num:
        return [], "Who spoke gives no tokens."
    if len(generation.logprobs) != num:
        return [], f"There are {num} tokens without log-probabilities."
    ends = generation.char_ends
    if len(ends) != num or list(ends) != sorted(ends):
        return [], f"{num} tokens, of which it is not known where they end in the text."
    begins = (0, *ends[:-1])
    shown = [
        Token(visible(generation.text[begin:end]), _shade(logprob), _said(generation, place, logprob))
        for place, (begin, end, logprob) in enumerate(
            zip(begins[:MOST_TOKENS], ends[:MOST_TOKENS], generation.logprobs[:MOST_TOKENS], strict=True)
        )
    ]
    return shown, f"The first {MOST_TOKENS} of {num} tokens." if num > MOST_TOKENS else ""


def forced(generation: Generation) -> bool:
    """Tell whether no token of a message could have been another."""
    support = generation.support
    return bool(support) and all(allowed is not None and len(allowed) == 1 for allowed in support)


def _shade(logprob: float) -> str:
    level = sum(-logprob > limit for limit in _UNLIKELY)
    return f"m{level}" if level else ""


def _said(generation: Generation, place: int, logprob: float) -> str:
    said = f"logprob {logprob:.3f}"
    if place < len(generation.entropy):
        said += f", entropy {generation.entropy[place]:.3f}"
    allowed = generation.support[place] if place < len(generation.support) else None
    if allowed is not None:
        said += ", forced" if len(allowed) == 1 else f", one of {len(allowed)}"
    return said
