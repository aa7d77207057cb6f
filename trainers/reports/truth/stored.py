"""Turns whose true advantage is known: a batch of household episodes, and redraws of what followed.

A policy of known probabilities played groups of eight; from every state that it met it was rolled
out 128 times (docs/credit-truth.md). Some turns were redrawn: their episode up to the turn and its
action is kept, what followed and the other episodes of the group were played again.

Shapes: _N turns of the batch, _J turns that were redrawn, _M turns of all redrawn groups.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...credit import TurnTable
from .critics import Batch, switches
from .measures import Ints, Truth

_FILE = Path(__file__).with_name("household.json.gz")


@dataclass(frozen=True, eq=False)
class Stored:
    """A batch with the truth of each turn, and redraws of some turns.

    Attributes:
        about: environment, policy and work behind it.
        batch: the turns.
        truth: of each turn of the batch.
        spot_J: the rows of the batch that were redrawn.
        redrawn: the groups of all redraws, redraw by redraw.
        row_RJ: where each redrawn turn stands in them.
    """

    about: dict[str, Any]
    batch: Batch
    truth: Truth
    spot_J: Ints
    redrawn: Batch
    row_RJ: Ints

    @property
    def num_tasks(self) -> int:
        """Return the number of tasks, a prompt group each."""
        return int(self.about["tasks"])


@cache
def stored() -> Stored:
    """Return the turns that the package brings."""
    return read(json.loads(gzip.decompress(_FILE.read_bytes())))


def read(held: dict[str, Any]) -> Stored:
    """Return turns from the document that benchmarks/credit_truth/store.py writes."""
    about = held["about"]
    size, num = about["group_size"], about["tasks"]
    episodes = [
        _Episode(k // size, own["s"], own["a"], own["l"], own["w"]) for k, own in enumerate(held["episodes"])
    ]
    begins = np.cumsum([0, *(len(episode.sights) for episode in episodes)])
    redrawn, places = [], []
    for episode, turn in _redraws(held, episodes):
        redrawn.append(episode)
        places.append(turn)
    length = np.array([len(episode.sights) for episode in redrawn])
    own = np.arange(0, len(redrawn), size)
    row = (np.cumsum(length) - length)[own] + np.array(places)[own]
    truth = {name: np.array(values) for name, values in held["truth"].items()}
    return Stored(
        about=about,
        batch=_batch(held, episodes, np.repeat(np.arange(num), size)),
        truth=Truth(truth["advantage"], truth["first"], truth["second"], truth["error"]),
        spot_J=np.array([begins[number] + turn for number, turn in held["spots"]]),
        redrawn=_batch(held, redrawn, np.repeat(np.arange(len(own)), size)),
        row_RJ=row.reshape(about["redraws"], -1),
    )


@dataclass(frozen=True, slots=True)
class _Episode:
    """An episode as numbers of what was seen and done."""

    task: int
    sights: list[int]
    acts: list[int]
    last: list[int]  # the state after the last turn; empty where there was no turn
    won: int

    def until(self, turn: int, rest: dict[str, Any]) -> _Episode:
        """Return this episode up to a turn and including it, then the rest."""
        cut = turn + 1
        if rest["s"]:
            return _Episode(
                self.task,
                [*self.sights[:cut], *rest["s"]],
                [*self.acts[:cut], *rest["a"]],
                rest["l"],
                rest["w"],
            )
        return self  # the turn was its last


def _redraws(held: dict[str, Any], episodes: Sequence[_Episode]) -> Iterator[tuple[_Episode, int]]:
    """Yield the episodes of every redrawn group, the one of the turn first, and the number of that turn."""
    for redraw in held["redraws"]:
        for (number, turn), rest in zip(held["spots"], redraw["rests"], strict=True):
            episode = episodes[number]
            yield episode.until(turn, rest), turn
            for other in redraw["others"][episode.task]:
                yield _Episode(episode.task, other["s"], other["a"], other["l"], other["w"]), 0


def _batch(held: dict[str, Any], episodes: Sequence[_Episode], group: Ints) -> Batch:
    length = np.array([len(episode.sights) for episode in episodes])
    sight_N = np.array([sight for episode in episodes for sight in episode.sights])
    act_N = np.array([act for episode in episodes for act in episode.acts])
    state_V = np.array([state for state, _, _ in held["sights"]])
    state_N = state_V[sight_N]
    ends = np.cumsum(length) - 1
    won_N = np.repeat([episode.won for episode in episodes], length)
    reward_N = np.zeros(len(sight_N))
    reward_N[ends] = won_N[ends]
    next_N = np.append(state_N[1:], 0)
    next_N[ends] = [episode.last[0] for episode in episodes]
    stage_N = np.array([stage for _, stage, _ in held["sights"]])[sight_N]
    turn_N = np.arange(len(sight_N)) - np.repeat(ends - length + 1, length)
    acts = held["acts"]
    table = TurnTable.from_columns(
        group=np.repeat(group, length).tolist(),
        trajectory=np.repeat(np.arange(len(episodes)), length).tolist(),
        reward=reward_N.tolist(),
        state_key=[held["states"][state] for state in state_N.tolist()],
        next_state_key=[held["states"][state] for state in next_N.tolist()],
        action=[acts[act][0] for act in act_N.tolist()],
        end=np.where(won_N, "terminated", "horizon").tolist(),
        success=(won_N == 1).tolist(),
        num_tokens=[1] * len(sight_N),
        agent=["agent"] * len(sight_N),
        next_value=np.zeros(len(sight_N)),
        switch=switches(stage_N, turn_N),
    )
    feature_VF = np.array([feature for _, _, feature in held["sights"]], dtype=np.float64)
    role_N = np.array([role for _, role in acts])[act_N]
    task_N = np.repeat([episode.task for episode in episodes], length)
    return Batch(table, task_N, feature_VF[sight_N], role_N, int(held["about"]["roles"]))
