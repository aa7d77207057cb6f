"""What rank 0 does: it gathers the others, and gives the learner that they are one of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...agents.models import CausalLM
from ..launch.config import LaunchSection
from ..learner.critic import Critic
from .begin import Begin, begin
from .follow import BEGIN
from .group import Ranks
from .launch import ranks
from .learner import RankLearner


@contextmanager
def led(
    config: LaunchSection,
    asked: Begin,
    face: CausalLM,
    state: dict[str, Any] | None,
    critic: Critic | None,
) -> Iterator[RankLearner]:
    """Give the learner of several processes, for as long as the block lasts; they end with it.

    Args:
        config: how many, and how long they wait for each other.
        asked: what each begins with.
        face: see lead.
        state: see lead.
        critic: see lead.

    Raises:
        UsageError: if there are fewer cards than learners.
        TrainingError: if a rank does not start, dies, hangs, or has other weights or versions.
    """
    with ranks(config) as group:
        yield lead(group, asked, face, state, critic)


def lead(
    group: Ranks,
    asked: Begin,
    face: CausalLM,
    state: dict[str, Any] | None = None,
    critic: Critic | None = None,
) -> RankLearner:
    """Begin on all ranks; what was begun before ends.

    Args:
        group: the ranks.
        asked: what each begins with.
        face: the model whole, whose weights follow those that are learned.
        state: of the learner in the checkpoint that the run goes on from.
        critic: value heads, which learn here alone.

    Raises:
        TrainingError: if a rank dies, hangs, or has other weights or versions.
    """
    with group.together(BEGIN):
        group.order(BEGIN)
        group.share(asked)
        return begin(asked, group, state, critic=critic, face=face)
