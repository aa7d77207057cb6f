"""The sync of a policy in this process that samples while the learner works: weights are copied, with proof.

They arrive between two messages. The proof is a conversation: its first message is said before they come,
so that the policy holds keys and values of older weights, the second after. That one has to bear the new
version, and the learner has to give its tokens the same probabilities.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch

from ...agents.decoding.scoring import score_continuations
from ...agents.models import CausalLM
from ...agents.policies import TokenPolicy
from ...agents.types import Generation, GenerationRequest
from ...errors import TrainingError
from ..learner.probe import Tolerance
from .base import SyncReport, WeightSync
from .probe import Limit
from .shared import SharedSync

_FIRST, _NEXT, _SAID = (
    24,
    8,
    4,
)  # tokens: of the first prompt, of what answers its message, of the next message
_CONVERSATION = "turnwise-sync"


class ApartSync(WeightSync):
    """The way of a learner's weights to a copy of its model in this process.

    Args:
        model: the learner's.
        policy: samples with a copy of its weights.
        publish: copies them under a version, and empties the caches.
    """

    shares_weights = True  # one computation samples and learns, if not on the same tensors

    def __init__(self, model: CausalLM, policy: TokenPolicy, publish: Callable[[int], None]) -> None:
        self._model, self._policy, self._publish = model, policy, publish
        self._limit = Limit.of(self._dtype, None)

    @property
    def _dtype(self) -> torch.dtype:
        return next(iter(self._model.parameters())).dtype

    def allow(self, tolerance: Tolerance) -> None:
        """Take what the rounding of the model explains."""
        self._limit = Limit.of(self._dtype, tolerance)

    async def push(self, version: int) -> SyncReport:
        """Copy the weights, and prove that the policy says with them what it says.

        Raises:
            TrainingError: if it bears another version, or does not answer as the learner does.
        """
        begun = perf_counter()
        drawn = np.random.default_rng(version).integers(self._model.vocab_size, size=_FIRST + _NEXT).tolist()
        held = await self._said(tuple(drawn[:_FIRST]), version, 1)
        await asyncio.to_thread(self._publish, version)
        probing = perf_counter()
        said = await self._said((*held.prompt_ids, *held.token_ids, *drawn[_FIRST:]), version, _SAID)
        self._policy.forget(_CONVERSATION)
        worst, mean = await asyncio.to_thread(self._apart, said)
        self._judge(said, version, worst)
        ended = perf_counter()
        return SyncReport(ended - begun, worst, mean, ended - probing)

    async def _said(self, prompt: tuple[int, ...], version: int, num: int) -> Generation:
        key = (version, len(prompt))
        request = GenerationRequest(prompt_ids=prompt, max_tokens=num, key=key, conversation=_CONVERSATION)
        return await self._policy.generate(request)

    def _apart(self, said: Generation) -> tuple[float, float]:
        """Return the largest and the mean difference to the learner's logprobs, in nats."""
        ours = score_continuations(self._model, [(said.prompt_ids, said.token_ids)])[0]
        apart = [abs(one - other) for one, other in zip(said.logprobs, ours, strict=True)]
        apart = [each if math.isfinite(each) else math.inf for each in apart]
        return max(apart), sum(apart) / len(apart)

    def _judge(self, said: Generation, version: int, worst: float) -> None:
        borne = sorted({span.version for span in said.versions})
        if borne != [version]:
            raise TrainingError(
                f"sync of version {version}: the policy's tokens bear version {borne}: it labels "
                "them wrongly, or took none over. Nothing was trained on them; the last checkpoint is valid"
            )
        if worst > self._limit.worst:
            raise TrainingError(
                f"sync of version {version}: the policy does not answer as the learner does: logprobs differ "
                f"by {worst:.2g} nats, allowed {self._limit.worst:.2g}: it goes on from keys and values of "
                "older weights, or took none over. Nothing was trained on it; the last checkpoint is valid"
            )


def local_sync(
    model: CausalLM, policy: TokenPolicy, publish: Callable[[int], None], apart: bool
) -> WeightSync:
    """Return the sync of a policy in this process, which works while the learner does, or in turn with it."""
    return ApartSync(model, policy, publish) if apart else SharedSync(publish)
