"""The scorers: whether an episode was won, and what it paid; what is not known is not guessed."""

from __future__ import annotations

from inspect_ai.scorer import Score, Scorer, Target, accuracy, mean, scorer, stderr
from inspect_ai.solver import TaskState

from .playing import EPISODE


@scorer(metrics=[accuracy(), stderr()])
def success() -> Scorer:
    """Return a scorer of 1 and 0 for won and lost; an environment that does not say is left unscored."""

    async def score(state: TaskState, target: Target) -> Score:
        episode = state.store.get(EPISODE) or {}
        won = episode.get("won")
        if won is None:
            return Score.unscored(explanation="the environment does not say whether it was won")
        return Score(value=float(won), explanation=f"{len(episode['turns'])} turns, {episode['end']}")

    return score


@scorer(metrics=[mean(), stderr()])
def episode_return() -> Scorer:
    """Return a scorer of the sum of the rewards; `score`, where the environment has one, stands beside it."""

    async def score(state: TaskState, target: Target) -> Score:
        episode = state.store.get(EPISODE)
        if episode is None:
            return Score.unscored(explanation="the episode was not played")
        return Score(value=float(episode["return"]), metadata={"score": episode["score"]})

    return score
