"""Evaluation on held-out tasks during training."""

from __future__ import annotations

from dataclasses import replace

from ...agents.evaluation.evaluate import evaluate
from ...agents.evaluation.playing import OnProgress
from ...agents.evaluation.results import Evaluation
from ...agents.policies import Policy
from ...agents.prompts.config import PromptConfig
from ...agents.rollout import Rollout
from ...agents.rollout import rollout as play_here
from ...agents.rollout.config import RolloutConfig
from ...agents.sampling import NO_MASK
from ...servers.client import SessionClient
from ..rollouts.mixture import choices_of
from ..rollouts.tasks import held_out_seed
from ..sections import EnvSection, EvalSection
from .held_out_kept import Keeping


def held_out_words(env: EnvSection) -> str:
    """Say which split the held-out tasks of a recipe are of."""
    splits = {choice.id: choice.eval_kwargs.get("split") for choice in choices_of(env)}
    if len(set(splits.values())) == 1:
        return _split_words(next(iter(splits.values())))
    return "; ".join(f"{id}: {_split_words(split)}" for id, split in splits.items())


def _split_words(split: str | None) -> str:
    return f"split {split}" if split else "no split named, other seeds than in training"


async def evaluate_held_out(
    client: SessionClient,
    policy: Policy,
    env: EnvSection,
    rollout: RolloutConfig,
    prompt: PromptConfig,
    section: EvalSection,
    keeping: Keeping | None = None,
    play: Rollout = play_here,
    harness: str = "",
    on_progress: OnProgress | None = None,
) -> dict[str, float | None]:
    """Play every held-out task once, the same ones each time, and return the figures of the log.

    Each environment of a mixture is played on as many tasks, whatever its weight. Episodes
    are played as in training, but for temperature, top_p, the mask and seed.

    Returns:
        eval/success_rate with its 95 % interval eval/ci_low and eval/ci_high, None
        where the environment does not say info["won"], eval/coverage, the share of
        tasks of which it did, eval/reward, eval/turns, eval/tokens, eval/episodes, eval/errors, and
        eval/score and eval/metrics/NAME where the environment has them. For several environments the
        figures are those of all tasks together, and eval/ID/success_rate,
        eval/ID/ci_low, eval/ID/ci_high, eval/ID/coverage and eval/ID/reward stand beside them.
    """
    found: dict[str, Evaluation] = {}
    sampling = replace(rollout.sampling, temperature=section.temperature, top_p=section.top_p)
    choices = choices_of(env)
    for choice in choices:
        out = keeping.folder(choice.id, len(choices) > 1) if keeping else None
        found[choice.id] = await evaluate(
            client,
            policy,
            choice.id,
            kwargs=choice.eval_kwargs,
            episodes=section.episodes,
            seed=held_out_seed(section.seed),
            config=replace(rollout, sampling=sampling, mask=NO_MASK),
            prompt=prompt,
            random_seed=section.seed,
            agent=f"update {keeping.update}" if keeping else "",
            out=out,
            keep_mb=keeping.log.held_out_mb if keeping else 0.0,
            kind="cell",
            play=play,
            harness=harness,
            on_progress=on_progress,
        )
    if len(found) == 1:
        return _figures(*found.values())
    figures = _figures(
        Evaluation.of([row for evaluation in found.values() for row in evaluation.per_task], {}, {})
    )
    for id, evaluation in found.items():
        figures[f"eval/{id}/success_rate"] = evaluation.success_rate
        figures[f"eval/{id}/ci_low"] = evaluation.ci_low
        figures[f"eval/{id}/ci_high"] = evaluation.ci_high
        figures[f"eval/{id}/coverage"] = evaluation.coverage
        figures[f"eval/{id}/reward"] = evaluation.mean_return
    return figures


def _figures(found: Evaluation) -> dict[str, float | None]:
    figures: dict[str, float | None] = {
        "eval/success_rate": found.success_rate,
        "eval/ci_low": found.ci_low,
        "eval/ci_high": found.ci_high,
        "eval/coverage": found.coverage,
        "eval/reward": found.mean_return,
        "eval/turns": found.turns,
        "eval/tokens": found.tokens,
        "eval/episodes": float(found.episodes),
        "eval/errors": float(found.errors),
    }
    figures |= {f"eval/metrics/{name}": value for name, value in found.metrics.items()}
    return figures if found.score is None else {**figures, "eval/score": found.score}
