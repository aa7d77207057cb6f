"""A policy behind any OpenAI-compatible chat endpoint, for evaluation.

It speaks `POST URL/chat/completions`. What can be repeated is repeated with
growing, jittered pauses, and as the endpoint's Retry-After asks; rates, sizes,
times and cost are bounded. Every answer is billed, also one that cannot be read
or comes too late. The key is read from an environment variable and appears in no
text, repr or log. docs/endpoints.md lists what endpoints do and what comes of it.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import orjson

from ...errors import PolicyError, UsageError
from ..policy import Policy, PolicyStopped, PromptTooLong
from ..types import Generation, GenerationRequest
from .answers import Answer, Document, Problem, Unreadable, parsed, read_answer, read_problem, read_usage
from .dialect import Dialect, SettingRefused
from .endpoint import Bill, EndpointConfig, EndpointUsage
from .exchange import BrokenOff, Exchange, NoAnswer, Reply, TooLate
from .throttle import Throttle

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_REFUSED = frozenset({301, 302, 303, 307, 308, 401, 403, 404, 405})  # redirections are not followed
_MISTAKEN = frozenset({400, 422})


class _Retry(Exception):
    """Why a request should be repeated, and after how many seconds at the earliest."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        self.reason, self.after_s = reason, after_s
        super().__init__(reason)


class _Adapted(Exception):
    """A request that should be sent anew in the form that the endpoint takes."""


class OpenAIPolicy(Policy):
    """A chat endpoint that is asked for each message.

    Args:
        url: the base URL, with its version part, e.g. http://127.0.0.1:8001/v1.
        model: the model's name at the endpoint.
        config: limits and prices.
        transport: replaces the network, for tests.

    Raises:
        UsageError: if the URL is not one, or no model is named.
    """

    repeatable = False
    takes_images = True  # whether its model does is known by its first answer

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
                f"openai:{f'{url}#{model}' if url else model}: expected openai:URL#MODEL, the model's name "
                "behind the address, e.g. openai:http://127.0.0.1:8001/v1#my-model"
            )
        self.name = f"openai:{model}"
        self.model = model
        self.config = config or EndpointConfig()
        self.usage = EndpointUsage()
        self._dialect = Dialect(model, self.config.seeded, self.config.extra_body)
        self._throttle = Throttle(self.config.concurrent, self.config.requests_per_minute)
        self._jitter = random.Random()
        self._first = asyncio.Lock()
        self._understood = False  # whether the form of the requests has been taken once
        self._exchange = Exchange(url, self._key, self.config, self._bill_late, transport)

    @property
    def own_settings(self) -> dict[str, Any]:
        """Return what decides its answers beside the rollout's settings."""
        return self.config.decisive

    async def generate(self, request: GenerationRequest) -> Generation:
        """Ask for one message.

        Raises:
            PolicyError: if the endpoint gave no usable answer within the tries.
            PromptTooLong: if it says that the conversation exceeds its context.
            PolicyStopped: if it refuses the key, the model or a setting, there is no money
                left, or the cost cap is reached or cannot be held.
        """
        self._check(request)
        bill, attempt, reason = Bill(), 0, ""
        while attempt <= self.config.retries:
            try:
                async with self._throttle.place(), self._in_turn():
                    self._check_cost()
                    return await self._ask(request, bill)
            except _Adapted:
                continue
            except _Retry as retry:
                reason = retry.reason
                self.usage.retries += 1
                if attempt < self.config.retries:
                    await self._pause(attempt, retry.after_s)
                attempt += 1
        raise PolicyError(f"{self.name}: no answer after {self.config.retries + 1} tries; the last: {reason}")

    async def report(self) -> dict[str, Any]:
        """Return what was asked and billed, in which form, and what was left to the server's own defaults."""
        missing = await self._exchange.settle()
        usage = replace(self.usage, without_usage=self.usage.without_usage + missing)
        dialect = self._dialect
        return {
            **usage.document(),
            "server_default": list(dialect.server_default),
            "adapted": dialect.adapted,
        }

    async def aclose(self) -> None:
        """Close the connections."""
        await self._exchange.aclose()

    @property
    def _key(self) -> str | None:
        return os.environ.get(self.config.key_env)

    def _check(self, request: GenerationRequest) -> None:
        self.check_mask(request.mask)
        if not request.messages:
            raise PolicyError(
                f"{self.name} takes messages; it was given {len(request.prompt_ids or ())} tokens"
            )
        if request.constraint != "none":
            raise PolicyStopped(
                f"{self.name} cannot be held to admissible actions: a chat endpoint has no such option; "
                "use constraint none"
            )

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Let one request alone find out which fields the endpoint takes."""
        await self._first.acquire()
        if self._understood:
            self._first.release()
            yield
            return
        try:
            yield
        finally:
            self._first.release()

    async def _ask(self, request: GenerationRequest, bill: Bill) -> Generation:
        """Send a request once; note in the bill what it cost, whatever came."""
        fields = self._dialect.body(request)
        reply = await self._sent(orjson.dumps(fields))
        document = parsed(reply.content)
        usage = self._bill(document)
        bill.add(usage, self.config)
        if reply.status != 200:
            return self._refused("", reply, fields, bill, document)
        self._dialect.accepted()
        try:
            answer = read_answer(document)
        except Unreadable as error:
            return self._refused(str(error), reply, fields, bill, document)
        if usage is None:
            self._note_without_usage()
        self.usage.tool_calls += bool(answer.tool_calls)
        return Generation(
            text=answer.text,
            reasoning=answer.reasoning,
            tool_calls=answer.tool_calls,
            finish_reason=answer.finish_reason,
            temperature=request.sampling.temperature,
            usage=bill.document(usage) if usage else {**bill.document(None), **_estimate(request, answer)},
        )

    async def _sent(self, body: bytes) -> Reply:
        """Send a request; count it, and if nobody will read its answer, that too."""
        self.usage.requests += 1
        try:
            reply = await self._exchange.post(body)
        except asyncio.CancelledError:
            self.usage.late += 1
            self.usage.without_usage += 1
            raise
        except NoAnswer as error:
            self.usage.late += isinstance(error, TooLate)
            self.usage.without_usage += isinstance(error, BrokenOff)
            self._understood = True  # nothing is known; but the others need not wait for it
            raise _Retry(str(error)) from error
        except PolicyError as error:
            self.usage.without_usage += 1
            raise PolicyError(f"{self.name}: {error}") from error
        self._understood = self._understood or reply.status not in _MISTAKEN
        return reply

    def _refused(
        self, unreadable: str, reply: Reply, fields: Mapping[str, Any], bill: Bill, document: Document
    ) -> Generation:
        """Return the empty message of a prompt that was filtered; raise what any other refusal means."""
        problem = read_problem(reply.status, reply.content, document, self._key)
        reason = f"{unreadable}: {problem.shown}" if unreadable else problem.reason
        if problem.is_filter:
            return Generation(text="", finish_reason="filtered", usage=bill.document(None))
        if problem.no_money:
            raise PolicyStopped(f"{self.name}: {reason}; no request is answered until that is settled")
        if problem.too_long:
            raise PromptTooLong(f"{self.name}: {reason}")
        if unreadable or reply.status in _RETRIED:
            raise _Retry(reason, reply.after_s)
        if reply.status in _REFUSED:
            raise PolicyStopped(
                f"{self.name}: {reason}; check the URL, the model's name and the key in {self.config.key_env}"
            )
        if reply.status in _MISTAKEN:
            self._adapt(fields, problem)
        raise PolicyError(f"{self.name}: {reason}")

    def _adapt(self, fields: Mapping[str, Any], problem: Problem) -> None:
        try:
            adapted = self._dialect.learn(fields, problem)
        except SettingRefused as refused:
            raise PolicyStopped(
                f"{self.name} refuses {refused}: {problem.reason}; {refused.cure}"
            ) from refused
        if adapted:
            raise _Adapted
        self._understood = True

    def _bill(self, document: Document) -> tuple[int, int] | None:
        """Add what an answer says that it used."""
        usage = read_usage(document)
        if usage is not None:
            self.usage.prompt_tokens += usage[0]
            self.usage.completion_tokens += usage[1]
            self.usage.cost += self.config.cost(*usage)
        return usage

    def _bill_late(self, reply: Reply | None) -> None:
        if reply is None or self._bill(parsed(reply.content)) is None:
            self.usage.without_usage += 1

    def _note_without_usage(self) -> None:
        self.usage.without_usage += 1
        if self.config.cost_cap is not None:
            raise PolicyStopped(
                f"{self.name}: the answer says nothing of its usage, so cost_cap "
                f"{self.config.cost_cap:g} cannot be held; leave cost_cap out to go on without it"
            )

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


def _estimate(request: GenerationRequest, answer: Answer) -> dict[str, float]:
    """Return how long a conversation is at least, where the endpoint does not count: 4 characters a token."""
    num_chars = len(answer.text) + sum(len(message.content) for message in request.messages)
    return {"estimated_tokens": num_chars // 4}
