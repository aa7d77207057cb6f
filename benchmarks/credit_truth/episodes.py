"""Episodes as the table of turns needs them, with what critics and gradients need of each turn.

Shapes: _T turns of an episode, _N turns of all episodes in order, _F features of a
state, _P parameters of the policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random

import numpy as np
from forks import Situation, Step
from numpy.typing import NDArray

__all__ = ["Episode", "Rows", "record", "rows_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode, or the rest of one."""

    task: int
    steps: list[Step]  # [T]
    feature_TF: Floats
    role_T: NDArray[np.int64]
    stage_T: NDArray[np.int64]

    def followed_by(self, turn: int, rest: Episode) -> Episode:
        """Return this episode up to a turn and including it, then the rest."""
        cut = turn + 1
        return Episode(
            self.task,
            [*self.steps[:cut], *rest.steps],
            np.concatenate([self.feature_TF[:cut], rest.feature_TF]),
            np.concatenate([self.role_T[:cut], rest.role_T]),
            np.concatenate([self.stage_T[:cut], rest.stage_T]),
        )


def record(task: int, situation: Situation, draw: Random) -> tuple[Episode, list[Situation], list[Floats]]:
    """Play a situation to its end.

    Returns:
        the episode from here on; the situation before each turn and the last one,
        T + 1 forks; the gradient of each action's log-probability [P].
    """
    here = situation.fork(draw.getrandbits(32))
    forks, steps, features, roles, stages, slopes = [here], [], [], [], [], []
    while not here.over:
        mind = here.mind
        action = mind.act(here.admissible, draw)
        features.append(mind.features(here.admissible))
        roles.append(mind.role(action))
        stages.append(mind.stage())
        slopes.append(mind.gradient(here.admissible, action))
        here = here.fork(draw.getrandbits(32))
        steps.append(here.take(action))
        forks.append(here)
    width = len(situation.mind.features(situation.admissible))
    episode = Episode(
        task, steps, np.array(features).reshape(-1, width), np.array(roles, int), np.array(stages, int)
    )
    return episode, forks, slopes


@dataclass(frozen=True, slots=True)
class Rows:
    """The turns of many episodes, laid end to end."""

    group: Sequence[int]  # [N] the prompt group
    trajectory: Sequence[int]  # [N]
    steps: list[Step]  # [N]
    task_N: NDArray[np.int64]
    turn_N: NDArray[np.int64]
    last_N: NDArray[np.bool_]
    won_N: NDArray[np.bool_]  # of the whole episode
    feature_NF: Floats
    role_N: NDArray[np.int64]
    stage_N: NDArray[np.int64]

    @property
    def reward_N(self) -> Floats:  # noqa: N802 - the suffix is the shape
        """Return the rewards [N]."""
        return np.array([step.reward for step in self.steps])


def rows_of(episodes: Sequence[Episode], groups: Sequence[int]) -> Rows:
    """Lay episodes end to end; `groups` names the prompt group of episode."""
    length = np.array([len(episode.steps) for episode in episodes])
    last = np.cumsum(length) - 1
    steps = list(chain.from_iterable(episode.steps for episode in episodes))
    last_N = np.zeros(len(steps), dtype=bool)
    last_N[last] = True
    won = np.array([episode.steps[-1].terminated for episode in episodes])
    return Rows(
        group=np.repeat(groups, length).tolist(),
        trajectory=np.repeat(np.arange(len(episodes)), length).tolist(),
        steps=steps,
        task_N=np.repeat([episode.task for episode in episodes], length),
        turn_N=np.arange(len(steps)) - np.repeat(last - length + 1, length),
        last_N=last_N,
        won_N=np.repeat(won, length),
        feature_NF=np.concatenate([episode.feature_TF for episode in episodes]),
        role_N=np.concatenate([episode.role_T for episode in episodes]),
        stage_N=np.concatenate([episode.stage_T for episode in episodes]),
    )
