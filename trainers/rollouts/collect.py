"""The episodes of an update: played by the plan, chosen by the samplers, annotated.

    horizon, plan -> rollout -> samplers (which may let more be played) -> annotators -> what credit sees

Everything is a function of the recipe's seed, the update and the round of refilling;
what samplers remember is in `states`, which the trainer takes over from a collection
once its update is complete, and which checkpoints keep.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...agents.rollout import BranchingPlan, RolloutStats, rollout
from ...agents.types import Policy, Trajectory
from ...errors import TrainingError, UsageError
from ...servers.protocol.types import SessionClient
from ...streams import Stream, rng
from ..assign import name_of, params_of
from ..sections import Recipe
from ..setup import prompt_config, rollout_config, train_tasks
from . import annotators, plans, samplers
from .horizon import horizon_at
from .samplers import Draw, Group, SamplerState
from .tasks import TaskSampler

__all__ = ["Collected", "Collector", "check_parts"]


@dataclass(frozen=True, slots=True)
class Collected:
    """Hold the episodes of an update.

    Args:
        played: every trajectory, in the order of the groups.
        chosen: what is trained on, whole groups with notes; failed ones are among them.
        stats: of all rollouts.
        figures: of samplers and annotators, for the log.
        states: what samplers remember from here on, if the update succeeds.
    """

    played: tuple[Trajectory, ...]
    chosen: tuple[Trajectory, ...]
    stats: RolloutStats
    figures: dict[str, float]
    states: dict[str, SamplerState]


class Collector:
    """Collect the episodes of one update after the other.

    Args:
        recipe: its [env], [rollout], [plan], [sampling] and [annotate].
        client: where the environments are.
        policy: plays and scores.
        states: what samplers remember, by name.
    """

    def __init__(
        self,
        recipe: Recipe,
        client: SessionClient,
        policy: Policy,
        states: Mapping[str, SamplerState] | None = None,
    ) -> None:
        self.recipe, self.client, self.policy = recipe, client, policy
        self.states = dict(states or {})
        self._tasks = TaskSampler(recipe.train.seed, recipe.rollout.num_groups, recipe.env.num_tasks)
        self._plan = plan_of(recipe)
        self._options = _options(recipe)

    async def collect(self, update: int) -> Collected:
        """Play, choose and annotate the episodes of an update.

        Raises:
            UsageError: if a part refuses what it is given.
            TrainingError: if too many trajectories cannot be annotated.
            ServerError: if no session can be opened.
        """
        played = _Played(self, update)
        groups = await played.first()
        horizon = self.recipe.rollout.horizon
        figures = {"rollout/horizon": float(self.max_turns(update))} if horizon else {}
        states: dict[str, SamplerState] = {}
        for place, part in enumerate(self.recipe.sampling.steps):
            name = name_of(part, "sampling")
            slot = f"{place}-{name}"
            draw = Draw(
                groups=groups,
                num_groups=self.recipe.rollout.num_groups,
                more=played.further,
                rng=rng(self.recipe.train.seed, Stream.SAMPLERS, update, place),
                state=self.states.get(slot, SamplerState()),
                figures=figures,
            )
            draw = await samplers.get(name)(draw, **params_of(part))
            groups, figures, states[slot] = draw.groups, dict(draw.figures), draw.state
        chosen = await self._annotate([each for group in groups for each in group], update, figures)
        return Collected(tuple(played.trajectories), tuple(chosen), played.stats, figures, states)

    async def _annotate(
        self, chosen: list[Trajectory], update: int, figures: dict[str, float]
    ) -> list[Trajectory]:
        """Return the trajectories with notes; stop if too many cannot be annotated."""
        num_counting = sum(each.counts for each in chosen)
        for part in self.recipe.annotate.steps:
            annotator = annotators.get(name_of(part, "annotate"))
            chosen, found = await annotator(chosen, self.policy, **params_of(part))
            figures |= found
        lost = num_counting - sum(each.counts for each in chosen)
        limit = self.recipe.train.max_failed
        if lost > limit * num_counting:
            causes = Counter(each.error for each in chosen if each.error).most_common(1)
            raise TrainingError(
                f"update {update}: {lost} of {num_counting} trajectories could not be annotated, "
                f"train.max_failed allows {100 * limit:.0f} %. Most often: {causes[0][0]}"
            )
        return chosen

    async def play(self, update: int, round_: int, seeds: Sequence[int]) -> tuple[list[Group], RolloutStats]:
        """Play one group of each seed; round 0 is the first of an update."""
        recipe = self.recipe
        tasks = train_tasks(recipe, list(seeds), update, round_)
        tasks = [replace(task, options={**self._options, **task.options}) for task in tasks]
        config = replace(rollout_config(recipe), max_turns=self.max_turns(update))
        result = await rollout(
            self.client,
            self.policy,
            tasks,
            config,
            plan=self._plan,
            prompt=prompt_config(recipe.prompt),
            seed=recipe.train.seed,
        )
        return _grouped(result.trajectories), result.stats

    def max_turns(self, update: int) -> int:
        """Return the horizon of an update."""
        return horizon_at(self.recipe.rollout.horizon, update, self.recipe.rollout.max_turns)

    def seeds(self, update: int, round_: int, num: int) -> list[int]:
        """Return the task seeds of a round."""
        return self._tasks.seeds(update) if round_ == 0 else self._tasks.further(update, round_, num)


class _Played:
    """Count the rounds of an update and keep all that was played."""

    def __init__(self, collector: Collector, update: int) -> None:
        self._collector, self._update, self._round = collector, update, 0
        self.trajectories: list[Trajectory] = []
        self.stats = RolloutStats()

    async def first(self) -> tuple[Group, ...]:
        """Play the groups that the recipe asks for."""
        return tuple(await self._play(0))

    async def further(self, num: int) -> Sequence[Group]:
        """Play so many further groups, on tasks of their own."""
        self._round += 1
        return await self._play(num)

    async def _play(self, num: int) -> list[Group]:
        seeds = self._collector.seeds(self._update, self._round, num)
        groups, stats = await self._collector.play(self._update, self._round, seeds)
        self.trajectories += [each for group in groups for each in group]
        self.stats.merge(stats)
        return groups


def plan_of(recipe: Recipe) -> BranchingPlan | None:
    """Return the rollout plan of a recipe.

    Raises:
        UnknownName: if it or a parameter of it is unknown.
        UsageError: if it does not fit the group's size.
    """
    return plans.get(recipe.plan.name)(recipe.rollout.group_size, **recipe.plan.params)


def check_parts(recipe: Recipe) -> None:
    """Find every part of [plan], [sampling], [annotate] and the horizon, and refuse what cannot work.

    Raises:
        UnknownName: for a part or parameter that is not there.
        UsageError: for numbers that do not fit together.
    """
    plan_of(recipe)
    horizon_at(recipe.rollout.horizon, 0, recipe.rollout.max_turns)
    for part in recipe.annotate.steps:
        annotators.get(name_of(part, "annotate")).check_params(params_of(part))
    for part in recipe.sampling.steps:
        name = name_of(part, "sampling")
        samplers.get(name).check_params(params_of(part))
        if name == "replay":
            _check_replay(recipe)


def _check_replay(recipe: Recipe) -> None:
    if not recipe.env.num_tasks:
        raise UsageError(
            "sampling 'replay' stores successes by task, and with env.num_tasks = 0 no task comes again: "
            "set env.num_tasks"
        )
    if recipe.optim.old_logprobs != "behaviour" and recipe.loss.off_policy == "none":
        raise UsageError(
            "sampling 'replay' trains on what older policies sampled: set optim.old_logprobs = 'behaviour' "
            "or loss.off_policy, so that the ratio is against them"
        )


def _options(recipe: Recipe) -> dict[str, Any]:
    """Return the options of every reset that the annotators of a recipe need."""
    options: dict[str, Any] = {}
    for part in recipe.annotate.steps:
        options |= annotators.get(name_of(part, "annotate")).options
    return options


def _grouped(trajectories: Iterable[Trajectory]) -> list[Group]:
    """Return trajectories by group, in the order in which groups and members come."""
    groups: dict[str, list[Trajectory]] = {}
    for each in trajectories:
        groups.setdefault(each.group, []).append(each)
    return [tuple(group) for group in groups.values()]
