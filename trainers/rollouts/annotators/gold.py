"""How likely the policy finds the right answer, before each of its turns (IGPO)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from ....agents.policies import Policy
from ....agents.types import Trajectory, Turn
from ....errors import PolicyError, UsageError
from .base import Annotated, register

Tokens = tuple[int, ...]


@register("gold_prob", options={"answer": True})
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
    waiting: dict[tuple[Tokens, str], asyncio.Task[float]] = {}
    asked = 0
    rows: list[list[asyncio.Task[float]]] = []
    failed: dict[int, str] = {}
    for row, trajectory in enumerate(trajectories):
        rows.append([])
        for turn in trajectory.turns:
            answer = _answer(turn)
            if answer is None:
                failed[row] = "the environment gave no info['private']['answer']; is its key private?"
                break
            key = (turn.generation.prompt_ids, answer)
            if key not in waiting:
                waiting[key] = asyncio.ensure_future(
                    _probability(policy, (*key[0], *prefix), policy.encode(answer))
                )
            rows[row].append(waiting[key])
            asked += 1
    await asyncio.gather(*waiting.values(), return_exceptions=True)
    columns: list[list[float]] = []
    for row, tasks in enumerate(rows):
        errors = [error for task in tasks if (error := task.exception()) is not None]
        unexpected = [error for error in errors if not isinstance(error, PolicyError | UsageError)]
        if unexpected:
            raise unexpected[0]
        if errors:
            failed.setdefault(row, str(errors[0]))
        columns.append([] if row in failed else [task.result() for task in tasks])
    figures = {"calls": float(len(waiting)), "cached": float(asked - len(waiting))}
    return Annotated({column: columns}, failed, figures)


async def _probability(policy: Policy, prompt: Tokens, answer: Tokens) -> float:
    logprobs_L = await policy.score(prompt, answer)
    return math.exp(math.fsum(logprobs_L) / len(logprobs_L))


def _answer(turn: Turn) -> str | None:
    """Return the first gold answer that the environment gave with a turn's state."""
    given = (turn.info.get("private") or {}).get("answer")
    if isinstance(given, list | tuple):
        given = given[0] if given else None
    return given if isinstance(given, str) and given else None
