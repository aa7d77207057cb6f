"""The learner of each rank. What rank 0 is asked the others do too: it tells them first.

A call that is made inside another is not told, since the others come to it by themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from ...agents.models import CausalLM
from ...agents.types import Trajectory
from ..learner.sequences import Floats, PackedBatch
from ..learner.states import CriticStates, Wanted, states_at
from ..learner.update import Learner
from .group import Ranks
from .sharding import Shards, reshard, whole_of

Asked = tuple[tuple[Any, ...], dict[str, Any]]
Stand = tuple[int, int, str]


def apart(own: Stand, stand: Stand) -> str:
    """Say that a rank and rank 0 stand in different places."""
    more = ", with other figures" if stand[:2] == own[:2] else ""
    return (
        f"it stands at update {own[0]}, step {own[1]}, and rank 0 at update {stand[0]}, step "
        f"{stand[1]}{more}: one of them has computed something else"
    )


class RankLearner(Learner):
    """The learner of one rank of several, each with a part of the model.

    Args:
        shards: the part of this rank.
        group: the ranks.
        face: the model whole, whose weights follow; on rank 0 alone.
        settings: as for a Learner; value heads are on rank 0 alone.
    """

    def __init__(self, shards: Shards, group: Ranks, face: CausalLM | None = None, **settings: Any) -> None:
        super().__init__(shards.model, group=group, **settings)
        self._shards, self._ranks, self._face = shards, group, face
        self._is_inside = False
        self._figures = ""  # a digest of what the last update came to

    def update(
        self, batch: PackedBatch, advantage_N: Floats, *, reference_N: Floats | None = None
    ) -> dict[str, float]:
        """Take the optimizer steps of one batch on all ranks; see Learner.update."""
        with self._together("update", batch, advantage_N, reference_N=reference_N):
            figures = super().update(batch, advantage_N, reference_N=reference_N)
            self._shards.deliver(self._face)
            self._figures = hashlib.sha256(repr(sorted(figures.items())).encode()).hexdigest()
            return figures

    def logprobs(self, batch: PackedBatch) -> Floats:
        """Return the current logprob of each target [N]."""
        with self._together("logprobs", batch):
            return super().logprobs(batch)

    def reference_logprobs(self, batch: PackedBatch) -> Floats:
        """Return the reference model's logprob of each target [N]."""
        with self._together("reference_logprobs", batch):
            return super().reference_logprobs(batch)

    def read(self, trajectories: Sequence[Trajectory]) -> CriticStates | None:
        """Return the model's states where the value heads read; None: there are no heads."""
        if self.critic is None:
            return None
        return self.critic.read(self.model, trajectories, lambda _, *asked: self.states(*asked))

    def states(self, wanted: Wanted, max_tokens: int) -> Tensor:
        """Return the model's states [P, D] at places; see states_at."""
        with self._together("states", wanted, max_tokens):
            return states_at(self.model, wanted, max_tokens, self.group)

    def state_dict(self) -> dict[str, Any]:
        """Return on rank 0 what Learner.state_dict does: whole, so that any number of ranks can go on."""
        with self._together("state_dict"):
            state, keep = super().state_dict(), self._ranks.rank == 0
            state["optimizer"] = whole_of(state["optimizer"], keep)
            if self._shards.has_copies:
                state["copies"] = whole_of(list(self._shards.parameters), keep)
            return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a whole state, of which each rank takes its part; each is given it."""
        self._shards.load_copies(state)
        optimizer = self._shards.optimizer_parts(state["optimizer"])
        super().load_state_dict({**state, "optimizer": optimizer})

    def stand(self) -> Stand:
        """Return where the learner stands, which is the same on all ranks."""
        return self.num_updates, self.num_steps, self._figures

    def follow(self, name: str, asked: Asked, total_updates: int) -> None:
        """Do what rank 0 was asked.

        Args:
            name: of the method.
            asked: its arguments.
            total_updates: of the run, which may be changed while it goes on.
        """
        self.total_updates = total_updates
        getattr(self, name)(*asked[0], **asked[1])

    @contextmanager
    def _together(self, name: str, *args: Any, **kwargs: Any) -> Iterator[None]:
        if self._is_inside:
            yield
            return
        self._is_inside = True
        try:
            if self._ranks.rank > 0:
                yield
            else:
                with self._ranks.together(name):
                    self._ranks.order(name)
                    self._ranks.share(((args, kwargs), self.stand(), self.total_updates))
                    yield
        finally:
            self._is_inside = False
            reshard(self.model)
