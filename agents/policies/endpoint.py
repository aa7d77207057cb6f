"""The bounds of an endpoint, and what it has used."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import UsageError


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """What an endpoint may cost in time, size and money.

    Args:
        key_env: the environment variable that holds the key; unset means no key.
        timeout_s: for one answer.
        retries: further tries of one request.
        max_pause_s: the longest pause between two tries, also if Retry-After asks for more.
        concurrent: requests at once.
        requests_per_minute: None is no limit.
        max_reply_bytes: longer answers are refused.
        input_price: US dollars per million prompt tokens.
        output_price: US dollars per million generated tokens.
        cost_cap: US dollars after which no request is sent; needs the prices. Requests
            that are under way when it is reached are still paid, at most `concurrent`.
        seeded: send a seed made of the request's key.
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

    def __post_init__(self) -> None:
        if not (self.timeout_s > 0 and self.max_pause_s >= 0 and self.retries >= 0):
            raise UsageError("timeout_s must be positive, max_pause_s and retries not negative")
        if self.max_reply_bytes < 1 or self.input_price < 0 or self.output_price < 0:
            raise UsageError("max_reply_bytes must be positive, prices not negative")
        if self.cost_cap is not None and not (self.cost_cap > 0 and self.input_price + self.output_price > 0):
            raise UsageError(
                f"cost_cap {self.cost_cap}: expected a positive sum and input_price, output_price "
                "in dollars per million tokens"
            )


@dataclass(slots=True)
class EndpointUsage:
    """What an endpoint has been asked and has billed."""

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0  # US dollars
