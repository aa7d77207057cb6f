"""The bounds of an endpoint, and what it has used."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ...errors import UsageError
from ..sampling import Sampling

_SET_ELSEWHERE = frozenset(
    {"model", "messages", "stream", "n", "max_tokens", "max_completion_tokens", "stop", "seed"}
    | {parameter.name for parameter in fields(Sampling)}
)


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """What an endpoint may cost in time, size and money.

    Args:
        key_env: the environment variable that holds the key; unset means no key.
        timeout_s: for one answer.
        retries: further tries of one request.
        max_pause_s: the longest pause between two tries, also if Retry-After asks for more.
        concurrent: requests at once, beside those given up after `timeout_s`.
        requests_per_minute: None is no limit.
        max_reply_bytes: longer answers are refused.
        input_price: US dollars per million prompt tokens.
        output_price: US dollars per million generated tokens.
        cost_cap: US dollars of one process after which no request is sent; needs the prices. Requests
            that are under way when it is reached are still paid, at most `concurrent` and as many late ones.
        seeded: send a seed made of the request's key.
        extra_body: further fields of every request, sent as they are, e.g.
            {"chat_template_kwargs": {"enable_thinking": false}}.

    Raises:
        UsageError: if a number is out of range, or extra_body holds what is set elsewhere.
    """

    key_env: str = "OPENAI_API_KEY"
    timeout_s: float = 120.0
    retries: int = 5
    max_pause_s: float = 60.0
    concurrent: int = 32
    requests_per_minute: float | None = None
    max_reply_bytes: int = 4 << 20
    input_price: float = 0.0
    output_price: float = 0.0
    cost_cap: float | None = None
    seeded: bool = True
    extra_body: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not (self.timeout_s > 0 and self.max_pause_s >= 0 and self.retries >= 0):
            raise UsageError("timeout_s must be positive, max_pause_s and retries not negative")
        prices = (self.input_price, self.output_price)
        if self.max_reply_bytes < 1 or not all(math.isfinite(price) and price >= 0 for price in prices):
            raise UsageError("max_reply_bytes must be positive, prices finite and not negative")
        if self.cost_cap is not None and not (self.cost_cap > 0 and self.input_price + self.output_price > 0):
            raise UsageError(
                f"cost_cap {self.cost_cap}: expected a positive sum and input_price, output_price "
                "in dollars per million tokens"
            )
        self._check_extra_body()

    def _check_extra_body(self) -> None:
        extra = dict(self.extra_body or {})
        for name in extra:
            if name in _SET_ELSEWHERE:
                raise UsageError(
                    f"extra_body holds {name!r}, which has an option of its own or must not change"
                )
        try:
            json.dumps(extra, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"extra_body {extra!r}: expected what JSON can hold: {error}") from error

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return what tokens cost, in US dollars."""
        return (prompt_tokens * self.input_price + completion_tokens * self.output_price) / 1e6

    @property
    def decisive(self) -> dict[str, Any]:
        """Return what decides the answers, where it is not the default."""
        changed = {} if self.seeded else {"seeded": False}
        return changed | ({"extra_body": dict(self.extra_body)} if self.extra_body else {})


@dataclass(slots=True)
class Bill:
    """What one message has cost, all of its tries together."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    def add(self, usage: tuple[int, int] | None, config: EndpointConfig) -> None:
        """Add a try."""
        if usage is not None:
            self.prompt_tokens += usage[0]
            self.completion_tokens += usage[1]
            self.cost += config.cost(*usage)

    def document(self, own: tuple[int, int] | None) -> dict[str, float]:
        """Return the usage of a message: its own tokens, those of answers that were lost, what all cost."""
        prompt, completion = own or (0, 0)
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "cost": self.cost}
        lost = {
            "lost_prompt_tokens": self.prompt_tokens - prompt,
            "lost_completion_tokens": self.completion_tokens - completion,
        }
        return usage | {name: number for name, number in lost.items() if number}


@dataclass(slots=True)
class EndpointUsage:
    """What an endpoint has been asked and has billed.

    Args:
        requests: sent, repeated ones too.
        retries: that failed and could be repeated.
        prompt_tokens: of all answers, also of those that could not be read or came too late.
        completion_tokens: likewise.
        cost: in US dollars.
        without_usage: answers that said nothing of their usage, or never came: not in the figures.
        late: requests for whose answers nobody waited any more.
        tool_calls: messages that were calls of tools.
    """

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    without_usage: int = 0
    late: int = 0
    tool_calls: int = 0

    def document(self) -> dict[str, float]:
        """Return the figures as JSON holds them."""
        return asdict(self)
