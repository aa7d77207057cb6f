"""What policies that run their model in this process have in common."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ...errors import UsageError
from ..batching import Batcher, answers_in_order
from ..policy import TokenPolicy
from ..types import Generation, GenerationRequest
from .engine import Codec
from .loop import Job, prepare
from .planning import PlanDecoder
from .tagging import TagDecoder
from .trie import Node, TrieCache

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
ScoreJob = tuple[tuple[int, ...], tuple[int, ...]]


class LocalPolicy(TokenPolicy):
    """A model in this process: requests that wait form batches, which one worker thread runs.

    A subclass gives the rendering of conversations and the two batch functions, which
    run with `self._lock` held.

    Args:
        codec: turns tokens into text.
        encode_message: turns a whole message into its tokens; by default as a piece of text.
        name: for reports.
        version: the version of the weights.
        context_tokens: the longest conversation, in tokens.
        vocab_size: the number of logits.
        max_batch: the largest batch.
    """

    def __init__(
        self,
        codec: Codec,
        *,
        name: str,
        encode_message: Callable[[str], Sequence[int]] | None = None,
        version: int,
        context_tokens: int,
        vocab_size: int,
        max_batch: int,
    ) -> None:
        if max_batch < 1:
            raise UsageError(f"max_batch {max_batch}: expected at least 1")
        self.name, self.version = name, version
        self.context_tokens, self.vocab_size = context_tokens, vocab_size
        whole = encode_message or codec.encode
        self._codec, self._tries = codec, TrieCache(whole, codec.end_id)
        self._tags = TagDecoder(codec.encode, whole, codec.decode, codec.end_id)
        self._plans = PlanDecoder(codec.encode, codec.decode, codec.end_id)
        self._lock = threading.Lock()  # held while a batch runs or weights change
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"policy-{name}")
        self._generations = self._batcher(self._generate, max_batch)
        self._scores = self._batcher(self._score, max_batch)

    @abstractmethod
    def _generate(self, jobs: list[Job]) -> list[Generation]:
        """Generate for a batch."""

    @abstractmethod
    def _score(self, jobs: list[ScoreJob]) -> list[tuple[float, ...]]:
        """Score a batch."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a piece of text, without special tokens."""
        return self._codec.encode(text)

    async def generate(self, request: GenerationRequest) -> Generation:
        """Answer one request, in a batch with those that wait beside it.

        Raises:
            UsageError: if the request is wrong.
            PolicyError: if the prompt fills the context, no action is admissible
                under the constraint, or the weights have diverged.
        """
        if (request.prompt_ids is None) == (not request.messages):
            raise UsageError("generation request: expected either messages or prompt_ids")
        self.check_mask(request.mask)
        ids = self.encode_prompt(request.messages) if request.prompt_ids is None else request.prompt_ids
        free = request.constraint == "none" or (request.constraint == "listed" and request.admissible is None)
        trie = None if free else self._allowed(request)
        job = prepare(request, ids, context_tokens=self.context_tokens, vocab_size=self.vocab_size, trie=trie)
        return await self._generations.call(job)

    async def score(self, prompt_ids: Sequence[int], continuation_ids: Sequence[int]) -> tuple[float, ...]:
        """Return the model's own logprob of each continuation token after a prompt.

        Temperature, top-k, top-p and constraints play no part in it.

        Raises:
            UsageError: if either is empty, or both together exceed the context.
        """
        total = len(prompt_ids) + len(continuation_ids)
        if not prompt_ids or not continuation_ids or total > self.context_tokens:
            raise UsageError(
                f"score: {len(prompt_ids)} prompt and {len(continuation_ids)} continuation tokens; expected "
                f"at least one each and at most {self.context_tokens} together"
            )
        return await self._scores.call((tuple(prompt_ids), tuple(continuation_ids)))

    async def aclose(self) -> None:
        """Stop the worker thread; a batch that runs is finished first."""
        self._executor.shutdown(wait=False)

    def _allowed(self, request: GenerationRequest) -> Node:
        """Return the tree of what a constrained message may be."""
        listed = request.admissible or ()
        if request.style == "tags":
            opened = bool(self.opens_thought if request.opened is None else request.opened)
            return self._tags.tree(listed, opened=opened, max_tokens=request.max_tokens)
        actions = self._tries.get(listed)
        if request.style == "plain":
            return actions
        return self._plans.tree(actions, first=request.turn == 0, max_tokens=request.max_tokens)

    def _batcher(self, run: Callable[[list[JobT]], list[ResultT]], max_batch: int) -> Batcher[JobT, ResultT]:
        """Return a batcher that runs a function in the worker thread, with the lock held."""

        def locked(jobs: list[JobT]) -> list[ResultT]:
            with self._lock:
                return run(jobs)

        async def send(jobs: list[JobT]) -> list[ResultT]:
            return await asyncio.get_running_loop().run_in_executor(self._executor, locked, jobs)

        return Batcher(answers_in_order(send), max_batch, serial=True)
