"""How likely the policy finds the right answer, before each of its turns (IGPO)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from ....agents.policies import Policy
from ....agents.types import Trajectory, Turn
from ....errors import PolicyError, UsageError
from ...parts import Source
from .base import Annotated, register

Tokens = tuple[int, ...]


@register(
    "gold_prob",
    options={"answer": True},
    source=Source(
        paper="IGPO",
        ref="arXiv 2510.14967",
        how="the authors' fixed text, before each turn, first gold answer",
        note="an answer that does not fit the context costs its trajectory, not the run",
    ),
)
async def gold_prob(
    trajectories: Sequence[Trajectory],
    policy: Policy,
    *,
    before: str = "\nNow there's enough information to answer\n</think>\n<answer>\n",
    column: str = "gold_prob",
) -> Annotated:
    """Score the gold answer with the policy in place of each of its messages.

    IGPO, arXiv 2510.14967: p_t = exp(mean log-probability of the gold answer's
    tokens) after the prompt of turn t and a fixed text, so that p_0 is measured
    before the first turn. The answer is the first of those that the environment
    gives (info["private"]["answer"]), as in the authors' code, whose fixed text is
    the default. Log-probabilities are the model's own: temperature and constraints
    play no part. Equal prompts are scored once.

    Args:
        trajectories: their turns know the gold answers.
        policy: has `score` and `encode`, and is the one that played them.
        before: what stands between the prompt and the answer; it should be what
            the policy itself writes before an answer.
        column: the name under which estimators find the probabilities.

    Returns:
        one probability a turn; `calls` and `cached` for the log.

    Raises:
        UsageError: if the policy cannot score, or `before` has no tokens.
    """
    prefix: Tokens = policy.encode(before)
    if not prefix:
        raise UsageError("annotator gold_prob: `before` has no tokens; give the text before an answer")
    scores = _Scores(policy, prefix)
    rows = [scores.of(trajectory) for trajectory in trajectories]
    await asyncio.gather(*scores.waiting.values(), return_exceptions=True)
    columns: list[list[float]] = []
    failed: dict[int, str] = {}
    for row, tasks in enumerate(rows):
        cause = "the environment gave no info['private']['answer']; is its key private?"
        if tasks is not None:
            cause = _cause(tasks)
        if cause:
            failed[row] = cause
        columns.append([task.result() for task in tasks] if tasks and not cause else [])
    num_calls = len(scores.waiting)
    figures = {"calls": float(num_calls), "cached": float(scores.num_asked - num_calls)}
    return Annotated({column: columns}, failed, figures)


class _Scores:
    """Probabilities of gold answers that are being asked for, equal ones once."""

    def __init__(self, policy: Policy, prefix: Tokens) -> None:
        self._policy, self._prefix = policy, prefix
        self.waiting: dict[tuple[Tokens, str], asyncio.Task[float]] = {}
        self.num_asked = 0

    def of(self, trajectory: Trajectory) -> list[asyncio.Task[float]] | None:
        """Ask for those of a trajectory; None where a turn knows no gold answer."""
        tasks = []
        for turn in trajectory.turns:
            answer = _answer(turn)
            if answer is None:
                return None
            prompt, key = turn.generation.prompt_ids, (turn.generation.prompt_ids, answer)
            if key not in self.waiting:
                tokens = self._policy.encode(answer)
                asked = _probability(self._policy, (*prompt, *self._prefix), tokens)
                self.waiting[key] = asyncio.ensure_future(asked)
            tasks.append(self.waiting[key])
            self.num_asked += 1
        return tasks


def _cause(tasks: Sequence[asyncio.Task[float]]) -> str:
    """Return why one of the scores could not be had; empty if all are there. Raise what no policy should."""
    errors = [error for task in tasks if (error := task.exception()) is not None]
    for error in errors:
        if not isinstance(error, PolicyError | UsageError):
            raise error
    return str(errors[0]) if errors else ""


async def _probability(policy: Policy, prompt: Tokens, answer: Tokens) -> float:
    logprobs_L = await policy.score(prompt, answer)
    return math.exp(math.fsum(logprobs_L) / len(logprobs_L))


def _answer(turn: Turn) -> str | None:
    """Return the first gold answer that the environment gave with a turn's state."""
    given = (turn.info.get("private") or {}).get("answer")
    if isinstance(given, list | tuple):
        given = given[0] if given else None
    return given if isinstance(given, str) and given else None
