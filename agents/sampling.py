"""How tokens are drawn: one declaration for rollout, evaluation, requests and endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..errors import UsageError
from ..settings import Setting


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling transformation that a policy is asked for; the defaults change nothing.

    A further parameter is a field here, and its meaning in decoding/sampling.py.

    Raises:
        UsageError: if a number is out of range.
    """

    temperature: Annotated[float, Setting("Divides the logits; 0 is greedy.", least=0)] = 1.0
    # Nucleus sampling, arXiv 1904.09751.
    top_p: Annotated[
        float, Setting("Draw from the fewest tokens whose probabilities reach it.", least=0, most=1)
    ] = 1.0
    top_k: Annotated[int, Setting("How many of the most likely tokens may be drawn; 0 is all.", least=0)] = 0

    def __post_init__(self) -> None:
        for name, fits, expected in (
            ("temperature", 0 <= self.temperature < float("inf"), "0 (greedy) or a positive number"),
            ("top_p", 0 < self.top_p <= 1, "a number above 0, at most 1"),
            ("top_k", self.top_k >= 0, "0 (all) or a positive number"),
        ):
            if not fits:
                raise UsageError(f"sampling: {name} {getattr(self, name)}; expected {expected}")


NEUTRAL = Sampling()
