"""A policy behind any OpenAI-compatible chat endpoint, for evaluation.

It speaks `POST URL/chat/completions`. What can be repeated is repeated with
growing, jittered pauses, and as the endpoint's Retry-After asks; rates, sizes,
times and cost are bounded. The key is read from an environment variable and
appears in no text, repr or log.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from dataclasses import asdict
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import orjson

from ...errors import PolicyError, UsageError
from ..policy import Policy, PolicyStopped, PromptTooLong
from ..sampling import NEUTRAL, Sampling
from ..types import FinishReason, Generation, GenerationRequest
from .endpoint import EndpointConfig, EndpointUsage
from .throttle import Throttle

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_REFUSED = frozenset({401, 403, 404})
_TOO_LONG = ("context_length_exceeded", "maximum context length", "context length")
_OWN_SAMPLING = frozenset({"temperature", "top_p"})
_MAX_SHOWN_CHARS = 300


class _Retry(Exception):
    """Why a request should be repeated, and after how many seconds at the earliest."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        self.reason, self.after_s = reason, after_s
        super().__init__(reason)


class OpenAIPolicy(Policy):
    """A chat endpoint that is asked for each message.

    Args:
        url: the base URL, with its version part, e.g. http://127.0.0.1:8000/v1.
        model: the model's name at the endpoint.
        config: limits and prices.
        transport: replaces the network, for tests.

    Raises:
        UsageError: if the URL is not one, or no model is named.
    """

    repeatable = False

    def __init__(
        self,
        url: str,
        model: str,
        config: EndpointConfig | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")) or not model:
            raise UsageError(
                f"endpoint {url!r}, model {model!r}: expected openai:URL#MODEL, "
                "e.g. openai:http://127.0.0.1:8000/v1#my-model"
            )
        self.name = f"openai:{model}"
        self.model = model
        self.config = config or EndpointConfig()
        self.usage = EndpointUsage()
        key = os.environ.get(self.config.key_env)
        self._throttle = Throttle(self.config.concurrent, self.config.requests_per_minute)
        self._jitter = random.Random()
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(self.config.timeout_s, pool=None),
            limits=httpx.Limits(max_connections=self.config.concurrent),
            transport=transport,
        )

    async def generate(self, request: GenerationRequest) -> Generation:
        """Ask for one message.

        Raises:
            PolicyError: if the endpoint gave no usable answer within the tries.
            PromptTooLong: if it says that the conversation exceeds its context.
            PolicyStopped: if it refuses the key or the model, or the cost cap is reached.
        """
        body = orjson.dumps(self._body(request))
        reason = ""
        for attempt in range(self.config.retries + 1):
            try:
                async with self._throttle.place():
                    self._check_cost()
                    return self._read(await self._post(body), request)
            except _Retry as retry:
                reason = retry.reason
                self.usage.retries += 1
                if attempt < self.config.retries:
                    await self._pause(attempt, retry.after_s)
        raise PolicyError(f"{self.name}: no answer after {self.config.retries + 1} tries; the last: {reason}")

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _body(self, request: GenerationRequest) -> dict[str, Any]:
        if not request.messages:
            raise PolicyError(
                f"{self.name} takes messages; it was given {len(request.prompt_ids or ())} tokens"
            )
        if request.constraint != "none":
            raise PolicyStopped(
                f"{self.name} cannot be held to admissible actions: a chat endpoint has no such option; "
                "use constraint none"
            )
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": request.max_tokens,
            **_sampling_fields(request.sampling),
        }
        if request.stop:
            body["stop"] = list(request.stop)
        if self.config.seeded and request.key:
            body["seed"] = random.Random(repr(request.key)).getrandbits(31)
        return body

    async def _post(self, body: bytes) -> bytes:
        """Send one request and return the answer's bytes.

        Raises:
            _Retry: if the same request may do better later.
        """
        self.usage.requests += 1
        try:
            async with (
                asyncio.timeout(self.config.timeout_s),
                self._client.stream(
                    "POST", "chat/completions", content=body, headers={"Content-Type": "application/json"}
                ) as response,
            ):
                content = await self._bounded(response)
        except TimeoutError as error:
            raise _Retry(f"no answer within {self.config.timeout_s:g} s") from error
        except httpx.TransportError as error:
            raise _Retry(f"{type(error).__name__} {error}".strip()) from error
        if response.status_code == 200:
            return content
        shown = content[:_MAX_SHOWN_CHARS].decode("utf-8", "replace")
        reason = f"HTTP {response.status_code}: {shown}"
        if response.status_code in _RETRIED:
            raise _Retry(reason, _retry_after(response.headers.get("Retry-After")))
        if response.status_code in _REFUSED:
            raise PolicyStopped(
                f"{self.name}: {reason}; check the URL, the model's name and the key in {self.config.key_env}"
            )
        too_long = response.status_code in (400, 413, 422) and any(mark in shown for mark in _TOO_LONG)
        raise (PromptTooLong if too_long else PolicyError)(f"{self.name}: {reason}")

    async def _bounded(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self.config.max_reply_bytes:
                raise PolicyError(f"{self.name}: an answer of more than {self.config.max_reply_bytes} bytes")
        return bytes(content)

    def _read(self, content: bytes, request: GenerationRequest) -> Generation:
        try:
            document = json.loads(content)  # reads lone surrogates, which orjson refuses
            choice = document["choices"][0]
            text = choice["message"]["content"] or ""
            usage = document.get("usage") or {}
            prompt_tokens = int(usage.get("prompt_tokens") or 0)
            completion_tokens = int(usage.get("completion_tokens") or 0)
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
            shown = content[:_MAX_SHOWN_CHARS].decode("utf-8", "replace")
            raise PolicyError(
                f"{self.name}: the answer is not a chat completion ({error!r}): {shown}"
            ) from error
        if not isinstance(text, str):
            raise PolicyError(f"{self.name}: the answer's content is {type(text).__name__}; expected text")
        finish: FinishReason = "length" if choice.get("finish_reason") == "length" else "stop"
        return Generation(
            text=text.encode("utf-8", "replace").decode("utf-8"),
            temperature=request.sampling.temperature,
            finish_reason=finish,
            usage=self._bill(prompt_tokens, completion_tokens),
        )

    def _bill(self, prompt_tokens: int, completion_tokens: int) -> dict[str, float]:
        cost = (prompt_tokens * self.config.input_price + completion_tokens * self.config.output_price) / 1e6
        self.usage.prompt_tokens += prompt_tokens
        self.usage.completion_tokens += completion_tokens
        self.usage.cost += cost
        return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "cost": cost}

    def _check_cost(self) -> None:
        cap = self.config.cost_cap
        if cap is not None and self.usage.cost >= cap:
            raise PolicyStopped(
                f"{self.name}: {self.usage.cost:.4f} dollars are spent, the cap is {cap:g}; "
                "raise cost_cap to go on"
            )

    async def _pause(self, attempt: int, after_s: float | None) -> None:
        if after_s is not None:
            self._throttle.pause(min(after_s, self.config.max_pause_s))
        spread_s = min(self.config.max_pause_s, 0.5 * 2.0**attempt)
        await asyncio.sleep(self._jitter.uniform(0.5, 1.0) * spread_s)


def _sampling_fields(sampling: Sampling) -> dict[str, float]:
    """Return OpenAI's own fields, and extensions of vLLM and others where they are set."""
    return {
        name: value
        for name, value in asdict(sampling).items()
        if name in _OWN_SAMPLING or value != getattr(NEUTRAL, name)
    }


def _retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
