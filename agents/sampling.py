"""How tokens are drawn: one declaration for rollout, evaluation, requests and endpoints."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling transformation that a policy is asked for; the defaults change nothing.

    A further parameter is a field here, and its meaning in decoding/sampling.py.

    Args:
        temperature: divides the logits; 0 is greedy.
        top_p: nucleus sampling (arXiv 1904.09751): the fewest tokens whose probabilities reach it.
        top_k: the most likely tokens that may be drawn; 0 is all.

    Raises:
        UsageError: if a number is out of range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0

    def __post_init__(self) -> None:
        for name, fits, expected in (
            ("temperature", 0 <= self.temperature < float("inf"), "0 (greedy) or a positive number"),
            ("top_p", 0 < self.top_p <= 1, "a number above 0, at most 1"),
            ("top_k", self.top_k >= 0, "0 (all) or a positive number"),
        ):
            if not fits:
                raise UsageError(f"sampling: {name} {getattr(self, name)}; expected {expected}")


NEUTRAL = Sampling()
