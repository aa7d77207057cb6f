"""Many episodes, played at once over a session service and returned as data.

`slots` episodes are under way at any time; one that ends makes room for the next
task at once. All that wait for the policy wait for it together, and steps that
are ready together go to the service as one batch. A failed episode is played
again a bounded number of times and is then a trajectory with end "error". Sessions
are closed however the rollout ends.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable, Sequence
from itertools import count
from time import perf_counter
from typing import Protocol
from uuid import uuid4

from ...errors import ServerError, UsageError
from ...servers.client import SessionClient
from ..batching import BusyClock
from ..policy import Policy, PolicyStopped
from ..prompts.config import PromptConfig
from ..types import Trajectory
from .breaker import Beginnings, Breaker
from .config import RolloutConfig, RolloutResult, RolloutStats, TaskItem, number_members
from .gate import Gate
from .journal import Journal
from .lockstep import LockStep
from .schedule import BranchingPlan, GroupScheduler
from .sessions import SessionPool
from .shared import RolloutContext

OnTrajectory = Callable[[int, Trajectory], None]


class Rollout(Protocol):
    """What plays tasks once each: `rollout` itself, or another of the same form."""

    async def __call__(
        self,
        client: SessionClient,
        policy: Policy,
        tasks: Sequence[TaskItem],
        config: RolloutConfig | None = None,
        on_trajectory: OnTrajectory | None = None,
        plan: BranchingPlan | None = None,
        *,
        prompt: PromptConfig | None = None,
        seed: int = 0,
        with_prompts: bool = False,
        gate: Gate | None = None,
    ) -> RolloutResult:
        """Play every task once and return the trajectories in the order of the tasks."""
        ...


async def rollout(
    client: SessionClient,
    policy: Policy,
    tasks: Sequence[TaskItem],
    config: RolloutConfig | None = None,
    on_trajectory: OnTrajectory | None = None,
    plan: BranchingPlan | None = None,
    *,
    prompt: PromptConfig | None = None,
    seed: int = 0,
    with_prompts: bool = False,
    gate: Gate | None = None,
    journal: Journal | None = None,
) -> RolloutResult:
    """Play every task once and return the trajectories in the order of the tasks.

    With a plan the tasks of a group are its members, and those that are no roots
    branch off others; a member that never plays has no trajectory. The tasks of a
    group then stand together, and as many groups play at once as there are slots for.

    The random numbers of a turn are keyed by (seed, task seed, episode,
    member of the group, turn): which slot plays a task, and what is played beside
    it, do not matter. In deterministic mode the batches repeat themselves too, so
    that equal arguments give equal trajectories bit for bit.

    Args:
        client: the service that holds the sessions.
        policy: answers the requests, many at a time.
        tasks: one episode each; equal group, seed and episode make a group.
        config: limits and sampling.
        on_trajectory: called with the task's place and its trajectory as each episode ends.
        plan: where episodes branch; None plays each from its start.
        prompt: how prompts are made; None is the policy's own.
        seed: of the run; the first part of every key of random numbers.
        with_prompts: let trajectories keep their prompts in words, and the id of their session.
        gate: holds and bounds it from outside.
        journal: keeps each turn, and gives back those that an earlier process has kept; where one is given,
            a rollout that is cut short leaves the sessions of a server to their leases, to be attached to.

    Raises:
        UsageError: if an environment, its arguments or an option is refused as wrong, or each of the
            first tasks is; or the policy cannot draw under the mask that is asked for.
        ServerError: if no session can be opened.
        PolicyStopped: if the policy will answer nothing more, or could make none of the first messages.
    """
    if seed < 0:
        raise UsageError(f"seed must not be negative, got {seed}")
    config = config or RolloutConfig()
    policy.check_mask(config.mask)
    stats, environment_clock, policy_clock = RolloutStats(), BusyClock(), BusyClock()
    prefix, numbers = uuid4().hex[:8], count()
    shared = RolloutContext(
        config=config,
        policy=policy,
        seed=seed,
        asked=policy.asked(prompt, config.constraint, config.max_tokens),
        sessions=SessionPool(
            client,
            environment_clock,
            dict(policy.reset_options),
            config.max_batch,
            as_done=not config.deterministic,
        ),
        policy_clock=policy_clock,
        lockstep=LockStep() if config.deterministic else None,
        conversation=lambda: f"{prefix}-{next(numbers)}",
        breaker=Breaker(),
        beginnings=Beginnings(len({(task.env_id, task.seed) for task in tasks})),
        with_prompts=with_prompts,
        gate=gate or Gate(),
        journal=journal or Journal(),
    )
    trajectories: list[Trajectory | None] = [None] * len(tasks)

    def keep(place: int, trajectory: Trajectory, retries: int) -> None:
        trajectories[place] = trajectory
        stats.add(trajectory)
        stats.retries += retries
        if on_trajectory:
            on_trajectory(place, trajectory)

    started = perf_counter()
    members = number_members(tasks)
    try:
        if journal:
            await journal.take_over(client, members)
            shared.sessions.hold(journal.held)
        await GroupScheduler(shared, members, plan, keep).play()
    except (CancelledError, ServerError, PolicyStopped):
        if journal and journal.keeps and not client.is_local:
            shared.sessions.leave_all()
        raise
    finally:
        await shared.sessions.close_all()
    stats.seconds = perf_counter() - started
    stats.environment_s, stats.policy_s = environment_clock.seconds, policy_clock.seconds
    played = (trajectory for trajectory in trajectories if trajectory is not None)
    return RolloutResult(tuple(played), stats)
