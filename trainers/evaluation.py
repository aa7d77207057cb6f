"""Evaluation on held-out tasks during training."""

from __future__ import annotations

from ..agents.evaluate import evaluate
from ..agents.types import Policy
from ..servers.api import SessionClient
from .sampling import held_out_seed
from .sections import Recipe
from .setup import eval_config

__all__ = ["evaluate_held_out"]


async def evaluate_held_out(client: SessionClient, policy: Policy, recipe: Recipe) -> dict[str, float]:
    """Play every held-out task once, the same ones each time, and return the figures of the log.

    Returns:
        eval/success_rate with its 95 % interval eval/ci_low and eval/ci_high,
        eval/reward, eval/turns, eval/tokens, eval/episodes, eval/errors, and
        eval/score where the environment has one.
    """
    found = await evaluate(
        client,
        policy,
        recipe.env.id,
        kwargs={**recipe.env.kwargs, **recipe.env.eval_kwargs},
        episodes=recipe.eval.episodes,
        seed=held_out_seed(recipe.eval.seed),
        config=eval_config(recipe),
    )
    figures = {
        "eval/success_rate": found.success_rate,
        "eval/ci_low": found.ci_low,
        "eval/ci_high": found.ci_high,
        "eval/reward": found.mean_return,
        "eval/turns": found.turns,
        "eval/tokens": found.tokens,
        "eval/episodes": float(found.episodes),
        "eval/errors": float(found.errors),
    }
    return figures if found.score is None else {**figures, "eval/score": found.score}
