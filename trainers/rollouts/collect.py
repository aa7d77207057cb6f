"""The episodes of an update: played by the plan, chosen by the samplers, annotated.

    tasks, horizon, plan -> rollout -> samplers (which may let more be played) -> annotators -> credit

Everything is a function of the recipe's seed, the update and the round of refilling;
what samplers remember is in `states`, and what came of each task in `tasks`: the trainer takes
both over from a collection once its update is complete, and checkpoints keep them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

from ...agents.policies import Policy
from ...agents.policies.expert import ExpertPolicy
from ...agents.policy import PolicyStopped
from ...agents.prompts.config import PromptConfig
from ...agents.rollout import BranchingPlan, Rollout, RolloutResult, RolloutStats, TaskItem, rollout
from ...agents.rollout.board import Board
from ...agents.rollout.gate import Gate
from ...agents.rollout.rollout import OnTrajectory
from ...agents.sampling import NO_MASK
from ...agents.types import Trajectory
from ...errors import TrainingError, UsageError
from ...servers.client import SessionClient
from ...streams import Stream, rng
from ..sections import EnvSection, RolloutSection, TrainSection
from .bound import RolloutParts
from .choosers.memory import TaskMemory, figures_of
from .choosers.picks import Round, TaskPicker, with_own
from .concurrency import Concurrency
from .flight import Flight, Plan
from .horizon import horizon_at
from .mixture import choices_of
from .samplers import Attempt, Candidates, Group, SamplerState
from .stream import Stream as Groups
from .stream import Taken, Tasks
from .tasks import Pick, TaskSampler, attempted, train_tasks

_PLAIN = PromptConfig()  # an expert reads no prompt


@dataclass(frozen=True, slots=True)
class Collected:
    """The episodes of an update.

    Args:
        played: every trajectory, in the order of the groups.
        chosen: what is trained on, whole groups with notes; failed ones are among them.
        stats: of all rollouts.
        figures: of samplers and annotators, for the log.
        states: what samplers remember from here on, if the update succeeds.
        tasks: what is remembered of the tasks of each environment from here on, if it does.
    """

    played: tuple[Trajectory, ...]
    chosen: tuple[Trajectory, ...]
    stats: RolloutStats
    figures: dict[str, float]
    states: dict[str, SamplerState]
    tasks: dict[str, TaskMemory]


class Collects(Protocol):
    """What gives the episodes of one update after the other, and remembers what its parts do."""

    states: dict[str, SamplerState]
    tasks: dict[str, TaskMemory]
    train: TrainSection

    @property
    def board(self) -> Board:
        """Return where the episodes stand that it plays."""
        ...

    async def collect(self, update: int) -> Collected:
        """Return the episodes of an update."""
        ...

    def in_flight(self, update: int) -> list[dict[str, Any]]:
        """Return what a run would play again that goes on with an update, as plain values."""
        ...

    async def aclose(self) -> None:
        """End what is under way."""
        ...


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
        tasks: what is remembered of the tasks of each environment; empty: nothing yet.
        play: plays the episodes.
        in_flight: what was played ahead when the run was cut short.

    Raises:
        CheckpointError: if that cannot be read.
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
        tasks: Mapping[str, TaskMemory] | None = None,
        in_flight: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.client, self.policy, self.parts = client, policy, parts
        self.rollout, self.prompt, self.train = rollout, prompt, train
        self.states = dict(states or {})
        self._play = play
        sampler = TaskSampler(train.seed, rollout.num_groups, env.num_tasks)
        least = 1 if train.allow_single else 2
        self.picker = TaskPicker(choices_of(env), sampler, rollout.group_size, least, parts.chooser)
        self.tasks = dict(tasks or self.picker.first_memory())
        left = [Plan.read(document, self.picker.choices) for document in in_flight]
        asked = (rollout.num_groups, rollout.slots, train.staleness)
        self._stream = Groups(self._plan, self._fly, *asked, left)
        self._busy = self.board.busy()
        adapts = train.staleness and train.most_slots
        self._slots = Concurrency(rollout.slots, train.most_slots, rollout.group_size) if adapts else None

    @property
    def board(self) -> Board:
        """Return where its episodes stand."""
        return self._stream.board

    def in_flight(self, update: int) -> list[dict[str, Any]]:
        """Return what a run would play again that goes on with an update, as plain values."""
        return [plan.document() for plan in self._stream.in_flight(update)]

    async def aclose(self) -> None:
        """End what is under way."""
        await self._stream.aclose()

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
        figures |= played.chosen
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
                again=played.again,
                shown=self.shown,
            )
            candidates = await sampler(candidates)
            groups, figures, states[slot] = candidates.groups, dict(candidates.figures), candidates.state
        chosen = await self._annotate(list(chain.from_iterable(groups)), update, figures)
        tasks = played.remembered()
        figures |= figures_of(tasks)
        before, self._busy = self._busy, self.board.busy()
        spent = [now - then for now, then in zip(self._busy, before, strict=True)]
        stats = played.stats
        stats.seconds, stats.environment_s, stats.policy_s = spent
        if self._slots is not None:
            figures["stream/slots"] = float(self._stream.slots)
            self._stream.slots = self._slots.after(stats.tokens_per_s)
        return Collected(tuple(played.trajectories), tuple(chosen), played.stats, figures, states, tasks)

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

    async def take(self, update: int, tasks: Tasks) -> Taken:
        """Return the groups of the first round of an update, and play those of later updates ahead."""
        return await self._stream.take(update, tasks)

    async def refill(
        self, update: int, round_: int, picks: Sequence[Pick]
    ) -> tuple[list[Group], RolloutStats]:
        """Play the groups of a later round of an update."""
        return await self._played(update, train_tasks(picks, update, round_), self.parts.plan)

    async def again(
        self, update: int, round_: int, attempts: Sequence[Attempt]
    ) -> tuple[list[Group], RolloutStats]:
        """Play one group of each attempt, its episodes apart from each other."""
        return await self._played(update, attempted(self.picker.choices, attempts, update, round_), None)

    async def shown(self, attempts: Sequence[Attempt]) -> Sequence[Group]:
        """Let the environment's own expert play the task of each attempt once.

        Raises:
            UsageError: if an environment has no expert, or keeps what it says from this client.
        """
        tasks = attempted(self.picker.choices, [replace(each, size=1) for each in attempts])
        config = replace(self.rollout, constraint="none", mask=NO_MASK)
        try:
            result = await rollout(self.client, ExpertPolicy(), tasks, config, prompt=_PLAIN)
        except PolicyStopped as error:
            raise UsageError(f"the environment's expert shows nothing: {error}") from error
        for trajectory in result.trajectories:
            if trajectory.end == "error" and not trajectory.turns:
                raise UsageError(
                    f"the environment's expert shows nothing: {trajectory.env_id}: {trajectory.error}"
                )
        return _grouped(result.trajectories)

    def _plan(self, update: int, tasks: Tasks) -> tuple[Plan, Tasks]:
        """Return the groups of the first round of an update, and what is remembered of the tasks then."""
        picked = self.picker.pick(Round(update, 0, self.rollout.num_groups), tasks)
        return Plan(update, tuple(picked.picks), picked.figures), with_own(tasks, picked.own)

    async def _fly(self, flight: Flight) -> RolloutResult:
        """Play the episodes of a flight."""
        tasks, plan = flight.tasks, self.parts.plan
        return await self._rollout(flight.plan.update, tasks, plan, flight.gate, flight.keep)

    async def _played(
        self, update: int, tasks: Sequence[TaskItem], plan: BranchingPlan | None
    ) -> tuple[list[Group], RolloutStats]:
        result = await self._rollout(update, tasks, plan, Gate(self.board))
        return _grouped(result.trajectories), result.stats

    async def _rollout(
        self,
        update: int,
        tasks: Sequence[TaskItem],
        plan: BranchingPlan | None,
        gate: Gate,
        keep: OnTrajectory | None = None,
    ) -> RolloutResult:
        """Play tasks; beside others there is no lock-step, in which all would wait for the slowest."""
        lockstep = self.rollout.deterministic and not self.train.staleness
        with self.board.playing:
            return await self._play(
                self.client,
                self.policy,
                [replace(task, options={**self.parts.options, **task.options}) for task in tasks],
                replace(self.rollout, max_turns=self.max_turns(update), deterministic=lockstep),
                keep,
                plan,
                prompt=self.prompt,
                seed=self.train.seed,
                gate=gate,
            )

    def max_turns(self, update: int) -> int:
        """Return the horizon of an update."""
        return horizon_at(self.parts.horizon, update, self.rollout.max_turns)


class _Played:
    """The rounds of an update and all that was played in them."""

    def __init__(self, collector: Collector, update: int) -> None:
        self._collector, self._update, self._round = collector, update, 0
        self._tasks: Tasks = dict(collector.tasks)
        self.trajectories: list[Trajectory] = []
        self.stats = RolloutStats()
        self.chosen: Mapping[str, float] = {}

    async def first(self) -> tuple[Group, ...]:
        """Take the groups that the recipe asks for."""
        taken = await self._collector.take(self._update, self._tasks)
        self._tasks, self.chosen = taken.tasks, taken.figures
        return tuple(self._noted(list(taken.groups), taken.stats))

    async def refill(self, num: int) -> Sequence[Group]:
        """Play more groups, on tasks of their own."""
        self._round += 1
        asked = Round(self._update, self._round, num, self.trajectories)
        picked = self._collector.picker.pick(asked, self._tasks)
        self._tasks = with_own(self._tasks, picked.own)
        return self._noted(*await self._collector.refill(self._update, self._round, picked.picks))

    async def again(self, attempts: Sequence[Attempt]) -> Sequence[Group]:
        """Play attempts, each as a group of its own."""
        if not attempts:
            return ()
        self._round += 1
        return self._noted(*await self._collector.again(self._update, self._round, attempts))

    def _noted(self, groups: list[Group], stats: RolloutStats) -> list[Group]:
        self.trajectories += chain.from_iterable(groups)
        self.stats.merge(stats)
        return groups

    def remembered(self) -> dict[str, TaskMemory]:
        """Return what is remembered of the tasks after all rounds; what was helped says nothing of them."""
        played: dict[str, list[Trajectory]] = {}
        for trajectory in (each for each in self.trajectories if not each.aided):
            played.setdefault(trajectory.env_id, []).append(trajectory)
        return {id: memory.after(played.get(id, ()), self._update) for id, memory in self._tasks.items()}


def _grouped(trajectories: Iterable[Trajectory]) -> list[Group]:
    """Return trajectories by group, in the order in which groups and members come."""
    groups: dict[str, list[Trajectory]] = {}
    for trajectory in trajectories:
        groups.setdefault(trajectory.group, []).append(trajectory)
    return [tuple(group) for group in groups.values()]
