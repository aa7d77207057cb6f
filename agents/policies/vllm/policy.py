"""VllmPolicy: messages by engines of vLLM, in token ids and logprobs.

A conversation stays with one engine, whose cache holds its prefix. While weights move, no request is let
through (`Admission`); what waits goes on under the new ones.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from ....errors import PolicyError, UsageError
from ...policy import PolicyStopped, TokenPolicy
from ...prompts.chat_template import ChatCodec
from ...types import (
    Encoder,
    FinishReason,
    Generation,
    GenerationRequest,
    Message,
    Support,
    VersionSpan,
)
from .engine import Asked, Engine, EngineGone, EngineRefused, Said

_MAX_ENCODERS = 16
Revive = Callable[[Engine, EngineGone, float], Awaitable[None]]
"""Called with the engine, what happened, and when (time.monotonic) the request was sent."""


class Admission:
    """Whether requests are let through, and how many are under way."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    @asynccontextmanager
    async def shut(self) -> AsyncIterator[None]:
        """Let nothing through inside; opened again only where nothing was raised."""
        self._open.clear()
        yield
        self._open.set()

    async def wait(self) -> None:
        """Wait until requests are let through."""
        await self._open.wait()


class VllmPolicy(TokenPolicy):
    """A model that engines of vLLM run, with a tokenizer and a chat template of ours.

    Args:
        engines: at least one, all with the same weights.
        codec: of the model's tokenizer.
        name: for reports.
        version: of the weights.
        context_tokens: the longest prompt and message together.
        vocab_size: the number of logits.
        label: the name under which engines hold weights of ours, before the number of their version; ""
            takes whatever weights there are.
        revive: brings an engine that is gone back with its weights, or raises; None: cannot be done.
        release: called when the policy is closed.
    """

    repeatable = False  # what stands beside a request in a batch changes its last digits

    def __init__(
        self,
        engines: Sequence[Engine],
        codec: ChatCodec,
        *,
        name: str,
        context_tokens: int,
        vocab_size: int,
        version: int = 0,
        label: str = "",
        revive: Revive | None = None,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        if not engines:
            raise UsageError("a policy of vLLM needs at least one engine")
        self.engines, self.codec = tuple(engines), codec
        self.name, self.version, self.label = name, version, label
        self.context_tokens, self.vocab_size = context_tokens, vocab_size
        self.opens_thought = codec.opens_thought
        self.admission = Admission()
        self.revive, self.release = revive, release
        self._encoders: dict[str, Encoder] = {}
        self._counted: dict[str, float] = {}

    @property
    def takes_calls(self) -> bool:
        """Tell whether the chat template holds calls and their answers."""
        return self.codec.takes_calls

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a piece of text, without special tokens."""
        return self.codec.encode(text)

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        """Render a conversation into prompt tokens."""
        return self.codec.encode_prompt(messages)

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's own tokens."""
        return self.codec.encode_reply(messages, finish_reason)

    def encoder(self, tools: Sequence[Mapping[str, Any]], template: Mapping[str, Any]) -> Encoder:
        """Return what renders prompts with functions to call, and with arguments of the chat template.

        Raises:
            PolicyError: if the template shows no tools, or cannot be used so.
            UsageError: if an argument cannot be set.
        """
        if not tools and not template:
            return self.codec
        key = json.dumps([list(tools), dict(template)], sort_keys=True, default=str)
        if key not in self._encoders:
            if len(self._encoders) >= _MAX_ENCODERS:
                self._encoders.pop(next(iter(self._encoders)))
            self._encoders[key] = self.codec.asked(tools, template)
        return self._encoders[key]

    def forget(self, conversation: str) -> None:
        """Do nothing: an engine drops by itself what was not used for long."""

    async def generate(self, request: GenerationRequest) -> Generation:
        """Answer one request.

        Raises:
            UsageError: if the request is wrong.
            PolicyError: if the prompt fills the context, or the engine refuses it.
            PolicyStopped: if a constraint is asked for, or an engine is gone for good or has other weights.
        """
        asked = self._asked(request)
        engine = self._engine_of(request, asked.prompt_ids)
        said, version = await self._said(engine, asked)
        return self._generation(request, asked, said, engine, version)

    async def score(self, prompt_ids: Sequence[int], continuation_ids: Sequence[int]) -> tuple[float, ...]:
        """Return the model's own logprob of each continuation token after a prompt.

        Raises:
            UsageError: if either is empty.
        """
        if not prompt_ids or not continuation_ids:
            raise UsageError("score: expected at least one prompt and one continuation token")
        await self.admission.wait()
        engine = self.engines[zlib.crc32(str(tuple(prompt_ids)).encode()) % len(self.engines)]
        return await engine.score((*prompt_ids, *continuation_ids), len(prompt_ids))

    def take_figures(self) -> dict[str, float]:
        """Return how much of the prompts the engines had cached, where they say so."""
        counted, self._counted = self._counted, {}
        return counted

    async def aclose(self) -> None:
        """Close the way to the engines, and end those that were started for the policy."""
        for engine in self.engines:
            await engine.aclose()
        await asyncio.to_thread(self.release)

    def _asked(self, request: GenerationRequest) -> Asked:
        if (request.prompt_ids is None) == (not request.messages):
            raise UsageError("generation request: expected either messages or prompt_ids")
        self.check_mask(request.mask)
        if request.constraint != "none":
            raise PolicyStopped(
                f"{self.name} cannot be held to admissible actions: vLLM says no support of what it draws "
                "under a list; use constraint none"
            )
        ids = self.encode_prompt(request.messages) if request.prompt_ids is None else request.prompt_ids
        room = self.context_tokens - len(ids)
        if request.max_tokens < 1 or not ids or min(ids) < 0 or max(ids) >= self.vocab_size:
            raise UsageError(
                f"generation request: max_tokens {request.max_tokens} and a prompt of {len(ids)} tokens; "
                f"expected at least 1 of each, and tokens of 0 to {self.vocab_size - 1}"
            )
        if room < 1:
            raise PolicyError(
                f"a prompt of {len(ids)} tokens fills the engine's context of {self.context_tokens}: end the "
                "episode earlier, or show a window of the last turns"
            )
        stops = (self.codec.end_id, *sorted({*self.codec.stop_ids, *request.sampling.stop_token_ids}))
        return Asked(tuple(ids), request.sampling, min(request.max_tokens, room), stops, request.stop)

    def _engine_of(self, request: GenerationRequest, ids: tuple[int, ...]) -> Engine:
        key = request.conversation or str(ids[:256])
        return self.engines[zlib.crc32(key.encode()) % len(self.engines)]

    async def _said(self, engine: Engine, asked: Asked) -> tuple[Said, int]:
        """Ask an engine; where it is gone, wait for its return and ask again.

        Returns:
            what it said, and the version of the weights as it was asked.
        """
        while True:
            await self.admission.wait()
            sent, version = monotonic(), self.version
            try:
                said = await engine.generate(asked)
            except EngineGone as error:
                if self.revive is None:
                    raise PolicyStopped(f"{error}; start it again, then go on with --resume") from error
                await self.revive(engine, error, sent)
                continue
            except EngineRefused as error:
                raise PolicyError(str(error)) from error
            if said.finish not in ("stop", "length"):
                raise PolicyError(
                    f"{engine.name}: ended a message with {said.finish!r}; expected stop or length"
                )
            self._count(asked, said)
            return said, version

    def _count(self, asked: Asked, said: Said) -> None:
        if said.cached >= 0:
            for name, number in (("prompt_tokens", len(asked.prompt_ids)), ("cached_tokens", said.cached)):
                key = f"cache/{name}"
                self._counted[key] = self._counted.get(key, 0.0) + number

    def _generation(
        self, request: GenerationRequest, asked: Asked, said: Said, engine: Engine, version: int
    ) -> Generation:
        end = self.codec.end_id
        ids, logprobs, support = list(said.token_ids), list(said.logprobs), Support()
        spoken = ids[:-1] if ids[-1] in asked.stop_ids else ids
        text = self.codec.decode(spoken)
        found = [place for place in map(text.find, request.stop) if place >= 0]
        text = text[: min(found)] if found else text
        finish: FinishReason = "stop" if found or ids[-1] in asked.stop_ids else "length"
        if finish == "stop" and ids[-1] != end:  # what stands for an end is followed by the template's own
            support = (*(None,) * len(ids), (end,))
            ids.append(end)
            logprobs.append(0.0)
        return Generation(
            text=text,
            prompt_ids=asked.prompt_ids,
            token_ids=tuple(ids),
            logprobs=tuple(logprobs),
            support=support,
            versions=self._versions(said, len(ids), engine, version),
            temperature=request.sampling.temperature,
            finish_reason=finish,
            char_ends=self.codec.char_ends(ids, text),
        )

    def _versions(self, said: Said, num_tokens: int, engine: Engine, version: int) -> tuple[VersionSpan, ...]:
        """Return which weights said what, [0, num_tokens) in spans.

        Where the engine does not say, newer weights may have come in the middle: the older ones are named.

        Raises:
            PolicyStopped: if they are not those that were pushed.
        """
        if not self.label or not said.versions:
            return (VersionSpan(version, 0, num_tokens),)
        spans = [VersionSpan(self.number_of(name, engine), start, end) for name, start, end in said.versions]
        last = spans[-1]
        return (*spans[:-1], VersionSpan(last.version, last.start, num_tokens))

    def number_of(self, name: str, engine: Engine) -> int:
        """Return the number of a version by the name that an engine gives it.

        Raises:
            PolicyStopped: if it is not one of this run.
        """
        own, _, number = name.rpartition(":")
        if own != self.label or not number.isdigit():
            raise PolicyStopped(
                f"{engine.name} has other weights: version {name!r}, expected {self.label}:{self.version}; "
                "it was started anew, or another run uses it. Go on with --resume"
            )
        return int(number)
