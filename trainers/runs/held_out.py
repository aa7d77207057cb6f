"""Evaluation on held-out tasks during training."""

from __future__ import annotations

from ...agents.evaluation.evaluate import evaluate
from ...agents.evaluation.results import Evaluation
from ...agents.policies import Policy
from ...servers.client import SessionClient
from ..recipe import Recipe
from ..rollouts.mixture import worlds_of
from ..rollouts.tasks import held_out_seed
from ..setup import eval_config, prompt_config

__all__ = ["evaluate_held_out"]


async def evaluate_held_out(client: SessionClient, policy: Policy, recipe: Recipe) -> dict[str, float]:
    """Play every held-out task once, the same ones each time, and return the figures of the log.

    Each environment of a mixture is played on as many tasks, whatever its weight.

    Returns:
        eval/success_rate with its 95 % interval eval/ci_low and eval/ci_high,
        eval/reward, eval/turns, eval/tokens, eval/episodes, eval/errors, and
        eval/score where the environment has one. For several environments the
        figures are those of all tasks together, and eval/ID/success_rate,
        eval/ID/ci_low, eval/ID/ci_high and eval/ID/reward stand beside them.
    """
    found: dict[str, Evaluation] = {}
    for world in worlds_of(recipe.env):
        found[world.id] = await evaluate(
            client,
            policy,
            world.id,
            kwargs=world.eval_kwargs,
            episodes=recipe.eval.episodes,
            seed=held_out_seed(recipe.eval.seed),
            config=eval_config(recipe),
            prompt=prompt_config(recipe.prompt),
            random_seed=recipe.eval.seed,
        )
    if len(found) == 1:
        return _figures(*found.values())
    figures = _figures(Evaluation.of([row for each in found.values() for row in each.per_task], {}, {}))
    for id, each in found.items():
        figures[f"eval/{id}/success_rate"] = each.success_rate
        figures[f"eval/{id}/ci_low"] = each.ci_low
        figures[f"eval/{id}/ci_high"] = each.ci_high
        figures[f"eval/{id}/reward"] = each.mean_return
    return figures


def _figures(found: Evaluation) -> dict[str, float]:
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
