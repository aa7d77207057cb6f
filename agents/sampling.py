"""How tokens are drawn: one declaration for rollout, evaluation, requests, engines and endpoints.

The names, ranges and neutral values are those of vLLM's SamplingParams, so that an engine
is sent `Sampling.document()` as it is. An engine of ours gets all of it, always: what it is
not told it may take from its checkpoint's generation_config.json.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Annotated, Any

from ..errors import UsageError
from ..settings import Setting

_MAX_BIAS = 100.0
_MAX_TOKENS_NAMED = 1024  # in logit_bias, and in stop_token_ids


def _biases(pairs: tuple[str, ...]) -> dict[str, float]:
    """Read TOKEN=BIAS from the command line."""
    read = {}
    for pair in pairs:
        token, _, bias = pair.partition("=")
        try:
            read[token] = float(bias)
        except ValueError:
            raise UsageError(f"logit_bias {pair!r}: expected TOKEN=BIAS, e.g. 1234=-5") from None
    return read


@dataclass(frozen=True, slots=True)
class Sampling:
    """The sampling transformation that a policy is asked for; the defaults change nothing.

    A further parameter is a field here, its range below, and its meaning in
    decoding/sampling.py or decoding/shaping.py.

    Raises:
        UsageError: if a number is out of range.
    """

    temperature: Annotated[float, Setting("Divides the logits; 0 is greedy.", least=0)] = 1.0
    # Nucleus sampling, arXiv 1904.09751.
    top_p: Annotated[
        float, Setting("Draw from the fewest tokens whose probabilities reach it.", least=0, most=1)
    ] = 1.0
    top_k: Annotated[int, Setting("How many of the most likely tokens may be drawn; 0 is all.", least=0)] = 0
    # arXiv 2407.01082.
    min_p: Annotated[
        float,
        Setting("Draw from tokens at least as likely as this share of the likeliest.", least=0, most=1),
    ] = 0.0
    # arXiv 1909.05858.
    repetition_penalty: Annotated[
        float,
        Setting("Makes what prompt or message said less likely; 1 is neutral.", least=0.01, most=100),
    ] = 1.0
    presence_penalty: Annotated[
        float, Setting("Taken off the logits of what the message said already.", least=-2, most=2)
    ] = 0.0
    frequency_penalty: Annotated[
        float, Setting("Taken off them once for each time that it was said.", least=-2, most=2)
    ] = 0.0
    logit_bias: Annotated[
        Mapping[str, float],
        Setting(
            "TOKEN=BIAS, added to a token's logit; may be given again.",
            form=tuple[str, ...],
            parse=_biases,
            metavar="TOKEN=BIAS",
        ),
    ] = field(default_factory=dict)
    min_tokens: Annotated[int, Setting("Tokens of a message before it may end.", least=0)] = 0
    stop_token_ids: Annotated[
        tuple[int, ...], Setting("A token that ends a message; may be given again.", metavar="TOKEN")
    ] = ()

    def __post_init__(self) -> None:
        for name, (fits, expected) in _RANGES.items():
            if not fits(getattr(self, name)):
                raise UsageError(f"sampling: {name} {getattr(self, name)}; expected {expected}")

    def document(self) -> dict[str, Any]:
        """Return every parameter as JSON holds it, under the names that vLLM has for them."""
        return {**asdict(self), "stop_token_ids": list(self.stop_token_ids)}

    @property
    def changed(self) -> list[str]:
        """Return the names of what is not neutral."""
        return [each.name for each in fields(self) if getattr(self, each.name) != getattr(NEUTRAL, each.name)]

    @property
    def shapes_logits(self) -> bool:
        """Tell whether logits depend on more than the model and the temperature."""
        return any(name in NOT_REPLAYED for name in self.changed)


def _are_biases(biases: Mapping[str, float]) -> bool:
    tokens = all(isinstance(token, str) and token.isascii() and token.isdigit() for token in biases)
    return (
        tokens
        and len(biases) <= _MAX_TOKENS_NAMED
        and all(-_MAX_BIAS <= bias <= _MAX_BIAS for bias in biases.values())
    )


_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": (lambda value: 0 <= value < float("inf"), "0 (greedy) or a positive number"),
    "top_p": (lambda value: 0 < value <= 1, "a number above 0, at most 1"),
    "top_k": (lambda value: value >= 0, "0 (all) or a positive number"),
    "min_p": (lambda value: 0 <= value <= 1, "a number from 0 (all) to 1"),
    "repetition_penalty": (lambda value: 0.01 <= value <= 100, "a number from 0.01 to 100; 1 is neutral"),
    "presence_penalty": (lambda value: -2 <= value <= 2, "a number from -2 to 2; 0 is neutral"),
    "frequency_penalty": (lambda value: -2 <= value <= 2, "a number from -2 to 2; 0 is neutral"),
    "logit_bias": (
        _are_biases,
        f"at most {_MAX_TOKENS_NAMED} tokens by number, each with a bias from -100 to 100, "
        'e.g. {"1234": -5.0}',
    ),
    "min_tokens": (lambda value: value >= 0, "0 or a positive number"),
    "stop_token_ids": (
        lambda value: len(value) <= _MAX_TOKENS_NAMED and all(token >= 0 for token in value),
        f"at most {_MAX_TOKENS_NAMED} tokens by number",
    ),
}
NOT_REPLAYED: dict[str, str] = {
    "repetition_penalty": "it depends on the tokens before",
    "presence_penalty": "it depends on the tokens before",
    "frequency_penalty": "it depends on the tokens before",
    "logit_bias": "it is no part of the weights that learn",
    "min_tokens": "it takes the end of a message out of the whole vocabulary",
}
"""What a learner cannot replay, and why: it knows weights, temperature and which tokens could be drawn."""

NEUTRAL = Sampling()


@dataclass(frozen=True, slots=True)
class Mask:
    """[rollout.mask]: what a second, slowly following policy lets be drawn (NLPO, arXiv 2210.01241).

    The mask policy is a copy of the policy that moves only when it is set to it. A token that is not among
    the likeliest of the copy cannot be drawn, whatever the policy thinks of it (section 4 of the paper).

    Raises:
        UsageError: if a number is out of range.
    """

    top_p: float = 1.0  # the copy's likeliest tokens, until those before reach more than it; 1: no mask
    least: int = 1  # so many of its likeliest are kept at least
    every: int = 20  # updates between two settings of the copy to the policy; 0: it stays as the run began

    def __post_init__(self) -> None:
        if not 0 <= self.top_p <= 1:
            raise UsageError(f"mask.top_p {self.top_p}: expected a number from 0 to 1 (no mask)")
        if self.least < 1 or self.every < 0:
            raise UsageError(
                f"mask.least {self.least}, mask.every {self.every}: expected at least 1 token, and 0 (never) "
                "or a number of updates"
            )

    @property
    def is_on(self) -> bool:
        """Tell whether anything may be masked."""
        return self.top_p < 1


NO_MASK = Mask()
