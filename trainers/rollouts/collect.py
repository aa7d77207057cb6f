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
from itertools import chain

from ...agents.policies import Policy
from ...agents.prompts.config import PromptConfig
from ...agents.rollout import Rollout, RolloutStats, rollout
from ...agents.types import Trajectory
from ...errors import TrainingError
from ...servers.client import SessionClient
from ...streams import Stream, rng
from ..sections import EnvSection, RolloutSection, TrainSection
from .bound import RolloutParts
from .horizon import horizon_at
from .mixture import choices_of
from .samplers import Candidates, Group, SamplerState
from .tasks import TaskSampler, train_tasks


@dataclass(frozen=True, slots=True)
class Collected:
    """The episodes of an update.

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
    """What collects the episodes of one update after the other.

    Args:
        client: where the environments are.
        policy: plays and scores.
        parts: plan, horizon, samplers and annotators.
        env: the environments.
        rollout: how episodes are played, and how many.
        prompt: how prompts are made.
        train: the run's seed, and how many episodes may be lost.
        states: what samplers remember, by name.
        play: plays the episodes.
    """

    def __init__(
        self,
        client: SessionClient,
        policy: Policy,
        parts: RolloutParts,
        env: EnvSection,
        rollout: RolloutSection,
        prompt: PromptConfig,
        train: TrainSection,
        states: Mapping[str, SamplerState] | None = None,
        play: Rollout = rollout,
    ) -> None:
        self.client, self.policy, self.parts = client, policy, parts
        self.rollout, self.prompt, self.train = rollout, prompt, train
        self._choices = choices_of(env)
        self.states = dict(states or {})
        self._play = play
        self._tasks = TaskSampler(train.seed, rollout.num_groups, env.num_tasks)

    async def collect(self, update: int) -> Collected:
        """Play, choose and annotate the episodes of an update.

        Raises:
            UsageError: if a part refuses what it is given.
            TrainingError: if too many trajectories cannot be annotated.
            ServerError: if no session can be opened.
        """
        played = _Played(self, update)
        groups = await played.first()
        figures = {"rollout/horizon": float(self.max_turns(update))} if self.parts.horizon else {}
        states: dict[str, SamplerState] = {}
        for place, sampler in enumerate(self.parts.samplers):
            slot = f"{place}-{sampler.name}"
            candidates = Candidates(
                groups=groups,
                num_groups=self.rollout.num_groups,
                more=played.refill,
                rng=rng(self.train.seed, Stream.SAMPLERS, update, place),
                state=self.states.get(slot, SamplerState()),
                figures=figures,
                update=update,
                progress=self.train.progress(update),
            )
            candidates = await sampler(candidates)
            groups, figures, states[slot] = candidates.groups, dict(candidates.figures), candidates.state
        chosen = await self._annotate(list(chain.from_iterable(groups)), update, figures)
        return Collected(tuple(played.trajectories), tuple(chosen), played.stats, figures, states)

    async def _annotate(
        self, chosen: list[Trajectory], update: int, figures: dict[str, float]
    ) -> list[Trajectory]:
        """Return the trajectories with notes; stop if too many cannot be annotated."""
        num_counting = sum(trajectory.counts for trajectory in chosen)
        for annotator in self.parts.annotators:
            chosen, found = await annotator(chosen, self.policy)
            figures |= found
        lost = num_counting - sum(trajectory.counts for trajectory in chosen)
        limit = self.train.max_failed
        if lost > limit * num_counting:
            causes = Counter(trajectory.error for trajectory in chosen if trajectory.error).most_common(1)
            raise TrainingError(
                f"update {update}: {lost} of {num_counting} trajectories could not be annotated, "
                f"train.max_failed allows {100 * limit:.0f} %. Most often: {causes[0][0]}"
            )
        return chosen

    async def play(self, update: int, round_: int, seeds: Sequence[int]) -> tuple[list[Group], RolloutStats]:
        """Play one group of each seed; round 0 is the first of an update."""
        size, seed = self.rollout.group_size, self.train.seed
        tasks = train_tasks(self._choices, seeds, size, seed, update, round_)
        tasks = [replace(task, options={**self.parts.options, **task.options}) for task in tasks]
        config = replace(self.rollout, max_turns=self.max_turns(update))
        result = await self._play(
            self.client,
            self.policy,
            tasks,
            config,
            plan=self.parts.plan,
            prompt=self.prompt,
            seed=seed,
        )
        return _grouped(result.trajectories), result.stats

    def max_turns(self, update: int) -> int:
        """Return the horizon of an update."""
        return horizon_at(self.parts.horizon, update, self.rollout.max_turns)

    def seeds(self, update: int, round_: int, num: int) -> list[int]:
        """Return the task seeds of a round."""
        return self._tasks.seeds(update) if round_ == 0 else self._tasks.refill(update, round_, num)


class _Played:
    """The rounds of an update and all that was played in them."""

    def __init__(self, collector: Collector, update: int) -> None:
        self._collector, self._update, self._round = collector, update, 0
        self.trajectories: list[Trajectory] = []
        self.stats = RolloutStats()

    async def first(self) -> tuple[Group, ...]:
        """Play the groups that the recipe asks for."""
        return tuple(await self._play(0))

    async def refill(self, num: int) -> Sequence[Group]:
        """Play more groups, on tasks of their own."""
        self._round += 1
        return await self._play(num)

    async def _play(self, num: int) -> list[Group]:
        seeds = self._collector.seeds(self._update, self._round, num)
        groups, stats = await self._collector.play(self._update, self._round, seeds)
        self.trajectories += chain.from_iterable(groups)
        self.stats.merge(stats)
        return groups


def _grouped(trajectories: Iterable[Trajectory]) -> list[Group]:
    """Return trajectories by group, in the order in which groups and members come."""
    groups: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        groups.setdefault(trajectory.group, []).append(trajectory)
    return [tuple(group) for group in groups.values()]
