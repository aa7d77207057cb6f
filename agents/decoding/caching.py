"""What policies have in common that cache conversations, and may keep a copy of themselves as a mask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from ...errors import UsageError
from ..sampling import Mask
from ..types import Generation
from .engine import Codec, Conversations
from .local import LocalPolicy
from .loop import Job, run_jobs
from .masking import Masking, MaskPolicy

KeptT = TypeVar("KeptT", bound=Conversations)


class CachingPolicy(LocalPolicy, Generic[KeptT]):
    """A model in this process that runs of a prompt only what it has not cached.

    Args:
        model: a torch module, shared or its own.
        conversations: makes the cache of a model.
        codec: as for LocalPolicy, and so are the rest.
        name: see there.
        version: see there.
        context_tokens: see there.
        vocab_size: see there.
        max_batch: see there.
        encode_message: see there.
    """

    def __init__(
        self,
        model: Any,
        conversations: Callable[[Any], KeptT],
        codec: Codec,
        *,
        name: str,
        version: int,
        context_tokens: int,
        vocab_size: int,
        max_batch: int,
        encode_message: Callable[[str], Sequence[int]] | None = None,
    ) -> None:
        super().__init__(
            codec,
            name=name,
            encode_message=encode_message,
            version=version,
            context_tokens=context_tokens,
            vocab_size=vocab_size,
            max_batch=max_batch,
        )
        self._model, self._conversations = model, conversations
        self._own = conversations(model)
        self._mask: MaskPolicy | None = None

    def forget(self, conversation: str) -> None:
        """Drop the cache of a conversation that has ended."""
        for kept in self._caches():
            kept.forget(conversation)

    def check_mask(self, mask: Mask) -> None:
        """Refuse a mask where no copy is kept.

        Raises:
            UsageError: then; `hold_mask` makes one.
        """
        if self._mask is None:
            super().check_mask(mask)

    def hold_mask(self) -> None:
        """Keep a copy of the weights as they are, off which masks are read from now on (NLPO)."""
        with self._lock:
            self._mask = MaskPolicy(self._model, self._conversations, self.version)

    def set_mask(self) -> None:
        """Let the copy be the policy as it is, between two batches.

        Raises:
            UsageError: if none is held.
        """
        with self._lock:
            self._held_mask().set(self._model, self.version)

    def mask_state(self) -> dict[str, Any]:
        """Return the copy and its version, for a checkpoint.

        Raises:
            UsageError: if none is held.
        """
        return self._held_mask().state()

    def load_mask(self, state: Mapping[str, Any]) -> None:
        """Take over what `mask_state` returned.

        Raises:
            UsageError: if no copy is held.
            CheckpointError: if it is one of another model.
        """
        with self._lock:
            self._held_mask().load(state)

    def _held_mask(self) -> MaskPolicy:
        if self._mask is None:
            raise UsageError(f"the policy {self.name!r} holds no mask policy; call hold_mask() first")
        return self._mask

    def _caches(self) -> list[Conversations]:
        return [self._own] if self._mask is None else [self._own, self._mask.conversations]

    def _generate(self, jobs: list[Job]) -> list[Generation]:
        names, prompts = [job.request.conversation for job in jobs], [job.prompt_ids for job in jobs]
        masked = any(job.request.mask.is_on for job in jobs)
        with (
            self._own.batch(names, prompts) as (engine, held),
            self._masking(names, prompts if masked else ()) as masking,
        ):
            rest = [prompt[num:] for prompt, num in zip(prompts, held, strict=True)]
            return run_jobs(engine, jobs, rest, codec=self._codec, version=self.version, masking=masking)

    @contextmanager
    def _masking(
        self, names: Sequence[str | None], prompts: Sequence[tuple[int, ...]]
    ) -> Iterator[Masking | None]:
        """Give the mask policy beside a batch; None where nothing is asked of it."""
        if self._mask is None or not prompts:
            yield None
            return
        with self._mask.conversations.batch(names, prompts) as (engine, held):
            yield Masking(engine, held, self._mask.version)
