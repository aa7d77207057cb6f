"""Rollouts by a program: one process an episode, which calls the model through a gateway.

`HarnessRollout` is called as `agents.rollout.rollout` is, and gives back the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from time import perf_counter
from typing import Any
from uuid import uuid4

from ...ends import MACHINE, End
from ...errors import UsageError
from ...servers.client import SessionClient
from ..policy import Policy
from ..prompts.config import PromptConfig
from ..rollout.beginning import NOTHING
from ..rollout.config import RolloutConfig, RolloutResult, RolloutStats, TaskItem, number_members
from ..rollout.gate import Gate
from ..rollout.rollout import OnTrajectory
from ..rollout.schedule import BranchingPlan
from ..types import Trajectory
from .asked import Refusal
from .config import GatewayLimits, HarnessConfig
from .dialects.reading import MODEL
from .episode import Asking, Episode
from .house import Gateway, Opening
from .programs import Ended, environment, run_program, words_of

_KEY = "turnwise"  # what clients want to see where a key is expected
_TOLD_CHARS = 100_000  # of a variable; Linux takes 131 072 bytes
_SHOWN_CHARS = 400


class HarnessRollout:
    """What plays tasks with a program of the operator's own.

    Args:
        config: [harness].

    Raises:
        UsageError: if the program is not there.
    """

    def __init__(self, config: HarnessConfig) -> None:
        self._config, self._words = config, words_of(config.command)
        self._workers = asyncio.Semaphore(config.workers)  # of all rollouts that are under way

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
        """Play every task once and return the trajectories in the order of the tasks; see `rollout`.

        The prompts are the program's, so that `prompt` decides nothing but how long answers may be.

        Raises:
            UsageError: for a plan that branches, a policy without tokens, or episodes that are helped.
            ServerError: if the service of sessions gives no answer.
            PolicyStopped: if the policy will answer nothing more.
        """
        config, stats = config or RolloutConfig(), RolloutStats()
        if plan is not None or policy.tokens is None:
            raise UsageError("a harness plays episodes apart, with a policy that has tokens")
        if any(task.beginning != NOTHING for task in tasks):
            raise UsageError("a harness cannot be given turns or words: its prompts are its own")
        policy.check_mask(config.mask)
        asked = policy.asked(prompt, config.constraint, config.max_tokens)
        asking = Asking(
            policy.tokens,
            asked.max_tokens,
            config.sampling,
            asked.constraint,
            config.max_episode_tokens,
            config.max_turns,
            seed,
            with_prompts,
            config.mask,
        )
        limits = GatewayLimits(max(1, len(tasks)), config.max_turns, 1e9, 1e9)  # programs have their own
        gateway = Gateway(asking, limits, None if self._config.posted else client)
        slots = asyncio.Semaphore(config.slots)
        found: list[Trajectory | None] = [None] * len(tasks)
        started = perf_counter()

        async def play(place: int, task: TaskItem) -> None:
            async with slots, self._workers:
                if gate is not None:
                    await gate.passed()
                    gate.board.at(f"{task.group_name}#{task.member}", "program")
                trajectory, retries = await self._until_played(gateway, url, task, config.retries)
            if gate is not None:
                gate.board.gone(f"{task.group_name}#{task.member}")
            found[place] = trajectory
            stats.add(trajectory)
            stats.retries += retries
            if on_trajectory is not None:
                on_trajectory(place, trajectory)

        from .serve import beside  # the web framework, which other trainings never need

        async with beside(gateway) as url:
            await _all([play(place, task) for place, task in enumerate(number_members(tasks))])
        stats.seconds = perf_counter() - started
        return RolloutResult(tuple(each for each in found if each is not None), stats)

    async def _until_played(
        self, gateway: Gateway, url: str, task: TaskItem, retries: int
    ) -> tuple[Trajectory, int]:
        """Play a task, again where the machine is at fault; return how often it was again."""
        number, trajectory = 0, await self._play(gateway, url, task)
        while trajectory.end in MACHINE and number < retries:
            number, trajectory = number + 1, await self._play(gateway, url, task)
        return trajectory, number

    async def _play(self, gateway: Gateway, url: str, task: TaskItem) -> Trajectory:
        opening = Opening(task, uuid4().hex, played=not self._config.posted)
        try:
            episode = await gateway.open(opening)
        except Refusal as refusal:
            name = f"{task.env_id}#{task.seed}"
            return Trajectory(
                task.env_id, name, task.seed, task.group_name, (), "error",
                error=refusal.detail, member=task.member or 0,
            )  # fmt: skip
        try:
            config = self._config
            variables = environment(config.pass_env, {**config.env, **told(episode, url)})
            ended = await run_program(self._words, variables, config.timeout_s, episode.id)
            if episode.stopped is not None:
                raise episode.stopped
            return episode.finish(*_end_of(episode, ended, config.timeout_s))
        finally:
            await gateway.close(episode)


async def _all(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Wait for all; the first failure ends the others and is raised by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from failures


def told(episode: Episode, url: str) -> dict[str, str]:
    """Return what a program is told of its episode: addresses and the task, no secret of ours."""
    place, session = f"{url}/episodes/{episode.id}", episode.session
    return {
        "OPENAI_BASE_URL": f"{place}/v1",
        "OPENAI_API_BASE": f"{place}/v1",
        "OPENAI_API_KEY": _KEY,
        "ANTHROPIC_BASE_URL": place,
        "ANTHROPIC_API_KEY": _KEY,
        "TURNWISE_URL": place,
        "TURNWISE_EPISODE": episode.id,
        "TURNWISE_MODEL": MODEL,
        "TURNWISE_SEED": str(episode.task.seed),
        "TURNWISE_INSTRUCTION": _variable(episode.instruction),
        "TURNWISE_OBSERVATION": _variable(session.reply.observation if session else ""),
        "TURNWISE_SESSION": session.reply.id if session else "",
    }


def _variable(text: str) -> str:
    return text.replace("\0", "")[:_TOLD_CHARS]


def _end_of(episode: Episode, ended: Ended, timeout_s: float) -> tuple[End, str | None]:
    """Return why an episode ended, by what its program did."""
    session = episode.session
    if session is not None and session.is_over:
        return "terminated" if session.reply.terminated else session.reply.end or "horizon", None
    if ended.code is None:
        return "deadline", f"the harness took over {timeout_s:g} s"
    if episode.out_of_tokens:
        return "tokens", None
    if episode.out_of_calls:
        return "horizon", None
    if ended.code != 0:
        shown = ended.output.strip()[-_SHOWN_CHARS:]
        return "error", f"the harness ended with exit code {ended.code}: {shown}"
    if not any(call.answer for call in episode.calls):
        return (
            "error",
            "the harness has called no model; it finds it at OPENAI_BASE_URL or ANTHROPIC_BASE_URL",
        )
    if session is None and not episode.posted:
        return "error", "the harness has posted no reward; expected one at TURNWISE_URL/reward"
    return ("horizon" if session else "terminated"), None
