"""One cell of the benchmark: one strength of the policy at one difficulty.

Shapes: _N visited turns, _S states, _R rollouts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random

import numpy as np
from advantages import truth_of
from contestants import advantages_of, batch_of
from episodes import Episode, record, rows_of
from forks import Situation, returns_from
from numpy.typing import NDArray
from reader import Reader

import turnwise
from turnwise.trainers.reports.truth.critics import Critics
from turnwise.trainers.reports.truth.measures import (
    CLEAR,
    Evidence,
    Truth,
    average_ranks,
    correlation,
    intervals,
)

__all__ = ["Cell", "Measured", "Result", "States", "choose", "play_starts", "roll_out", "run_cell", "start"]

Floats = NDArray[np.float64]
ENVIRONMENT = "household/mix-v0"
COIN = "a coin"


@dataclass(frozen=True, slots=True)
class Cell:
    """What is measured, and with how much work."""

    difficulty: str
    num_turns: int
    strength: float
    num_tasks: int = 16
    group_size: int = 8
    num_rollouts: int = 32
    redrawn_turns: int = 16  # of each task
    num_redraws: int = 8  # of each of them
    num_resamples: int = 400
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """What came out: facts of the batch, and measures [1 + resamples, measure, estimator]."""

    cell: Cell
    facts: dict[str, float]
    labels: list[str]
    measures: Floats


@dataclass(frozen=True, slots=True)
class Measured:
    """The truth of a cell's turns, and what it took."""

    truth: Truth
    cpu_s: float

    @classmethod
    def of(cls, states: States, episodes: list[Episode]) -> Measured:
        """Roll out from every state of a cell's episodes."""
        begun = time.process_time()
        truth = states.truth(episodes)
        return cls(truth, time.process_time() - begun)


def roll_out(cell: Cell) -> Measured:
    """Play a cell and return the truth of its turns, the part that no estimator changes."""
    states = States(cell)
    draw = Random(f"{cell.seed} {cell.difficulty} {cell.strength}")
    episodes, _ = play_starts(cell, [start(cell, task) for task in range(cell.num_tasks)], states, draw)
    return Measured.of(states, episodes)


def run_cell(cell: Cell, measured: Measured | None = None) -> Result:
    """Play, roll out, redraw, and measure every estimator.

    Args:
        cell: what is measured.
        measured: the truth of this very cell, where it has been rolled out before.
    """
    draw = Random(f"{cell.seed} {cell.difficulty} {cell.strength}")
    starts = [start(cell, task) for task in range(cell.num_tasks)]
    states = States(cell)
    episodes, slopes = play_starts(cell, starts, states, draw)
    measured = measured or Measured.of(states, episodes)
    truth, begun = measured.truth, time.process_time()
    rows = rows_of(episodes, [episode.task for episode in episodes])
    critics = Critics(batch_of(rows), cell.num_tasks)
    found = advantages_of(rows, critics)
    spots = choose(cell, episodes, states, draw)
    redrawn = _redraw(cell, starts, spots, critics, draw)
    chosen = np.array([spot.row for spot in spots])
    coin = np.random.default_rng(cell.seed)
    evidence = Evidence(
        truth=truth,
        task_N=rows.task_N,
        guess_EN=np.stack([*found.values(), coin.choice([-1.0, 1.0], len(slopes))]),
        slope_NP=np.array(slopes),
        redrawn=truth.of(chosen),
        task_J=rows.task_N[chosen],
        guess_EJR=np.stack([*redrawn.values(), np.full((len(chosen), cell.num_redraws), np.nan)]),
    )
    measures = intervals(evidence, cell.num_resamples, cell.seed)
    facts = {
        **_facts(cell, episodes, truth),
        "states": len(states.situations),
        "rollouts": len(states.situations) * cell.num_rollouts,
        "rollout_cpu_s": measured.cpu_s,
        "cpu_s": measured.cpu_s + time.process_time() - begun,
    }
    return Result(cell, facts, [*found, COIN], measures)


def _facts(cell: Cell, episodes: list[Episode], truth: Truth) -> dict[str, float]:
    won_KG = np.array([episode.steps[-1].terminated for episode in episodes]).reshape(cell.num_tasks, -1)
    ranks = correlation(average_ranks(truth.first_N), average_ranks(truth.second_N))
    return {
        "success": float(won_KG.mean()),
        "groups_without_difference": float((won_KG.std(axis=1) == 0).mean()),
        "turns": len(truth.advantage_N),
        "true_rms": float(np.sqrt(max(truth.energy, 0.0))),
        "mean_advantage": float(truth.advantage_N.mean()),
        "clear": float((np.abs(truth.advantage_N) > CLEAR * truth.error_N).mean()),
        "rank_ceiling": float(np.sqrt(max(2 * ranks / (1 + ranks), 0.0))),
    }


def start(cell: Cell, task: int) -> Situation:
    """Return a task's beginning."""
    world = turnwise.make(ENVIRONMENT, difficulty=cell.difficulty, max_turns=cell.num_turns)
    _, info = world.reset(seed=task)
    mind = Reader(info["instruction"], cell.num_turns, cell.strength)
    return Situation(world, mind, info["state_key"], info["admissible"])


def play_starts(
    cell: Cell, starts: list[Situation], states: States, draw: Random
) -> tuple[list[Episode], list[Floats]]:
    """Play the groups of all tasks; return their episodes, and the gradient of each action [P]."""
    episodes, slopes = [], []
    for task, begun in enumerate(starts):
        for _ in range(cell.group_size):
            episode, forks, slope = record(task, begun, draw)
            _check_repeatable(forks, episode)
            states.add(forks, episode)
            episodes.append(episode)
            slopes += slope
    return episodes, slopes


def _check_repeatable(forks: list[Situation], episode: Episode) -> None:
    """Raise if a fork with other random numbers answers an action otherwise: Q would not be r + V(next)."""
    for turn, (fork, step) in enumerate(zip(forks, episode.steps, strict=False)):
        if fork.fork(turn).take(step.action) != step:
            raise RuntimeError(f"{step.action!r} at turn {turn} does not lead to the same state each time")


class States:
    """The distinct states of a batch: equal actions from the same start lead to equal states."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.situations: list[Situation] = []
        self.spots: list[list[int]] = []  # of each episode: the states before each turn, and the last one
        self._numbers: dict[tuple[int | str, ...], int] = {}

    def add(self, forks: list[Situation], episode: Episode) -> None:
        """Take in the states of an episode."""
        actions = [step.action for step in episode.steps]
        spots = []
        for turn, fork in enumerate(forks):
            number = self._numbers.setdefault((episode.task, *actions[:turn]), len(self.situations))
            if number == len(self.situations):
                self.situations.append(fork)
            spots.append(number)
        self.spots.append(spots)

    def truth(self, episodes: list[Episode]) -> Truth:
        """Roll out from every state and return the advantages of all turns."""
        seed = 1_000_003 * (self.cell.seed + 1)
        returns = [
            returns_from(situation, self.cell.num_rollouts, seed + s)
            for s, situation in enumerate(self.situations)
        ]
        return truth_of(
            np.array([step.reward for episode in episodes for step in episode.steps]),
            np.stack(returns),
            before_N=np.concatenate([spots[:-1] for spots in self.spots]),
            after_N=np.concatenate([spots[1:] for spots in self.spots]),
            over_S=np.array([situation.over for situation in self.situations]),
        )


@dataclass(frozen=True, slots=True)
class _Spot:
    """One visited turn that is redrawn."""

    row: int
    episode: Episode
    turn: int
    after: Situation


def choose(cell: Cell, episodes: list[Episode], states: States, draw: Random) -> list[_Spot]:
    """Draw some turns of each task."""
    spots: dict[int, list[_Spot]] = {task: [] for task in range(cell.num_tasks)}
    row = 0
    for number, episode in enumerate(episodes):
        for turn in range(len(episode.steps)):
            after = states.situations[states.spots[number][turn + 1]]
            spots[episode.task].append(_Spot(row, episode, turn, after))
            row += 1
    return [spot for task in spots.values() for spot in draw.sample(task, cell.redrawn_turns)]


def _redraw(
    cell: Cell, starts: list[Situation], spots: list[_Spot], critics: Critics, draw: Random
) -> dict[str, Floats]:
    """Return what each estimator gives some turns [J, R] when all else is drawn again.

    A redraw keeps the episode up to the turn and its action; what follows, and
    the other episodes of the group, are played again. The turns of one task share
    the other episodes within a redraw, never between redraws.
    """
    drawn: list[Episode] = []
    for _ in range(cell.num_redraws):
        others = [
            [record(task, begun, draw)[0] for _ in range(cell.group_size - 1)]
            for task, begun in enumerate(starts)
        ]
        for spot in spots:
            rest, _, _ = record(spot.episode.task, spot.after, draw)
            drawn += [spot.episode.followed_by(spot.turn, rest), *others[spot.episode.task]]
    first_row = np.cumsum([0, *(len(episode.steps) for episode in drawn)])[: -1 : cell.group_size]
    row = first_row + np.tile([spot.turn for spot in spots], cell.num_redraws)
    groups = np.repeat(np.arange(len(row)), cell.group_size)
    found = advantages_of(rows_of(drawn, groups.tolist()), critics)
    return {label: given[row].reshape(cell.num_redraws, -1).T for label, given in found.items()}
