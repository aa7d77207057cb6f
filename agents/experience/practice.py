"""Practice: play tasks in groups with the lessons so far, and revise the lessons by what the groups teach.

This is training-free GRPO (arXiv 2510.08191): no weight changes, the prompt does. The tasks lie apart from
those of evaluations, whose seeds begin at 0 or at 2**30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...servers.client import SessionClient
from ...streams import Stream, rng
from ..control import hold
from ..control.holding import Holding, holding
from ..evaluation.config import KEEP_MB
from ..policy import Policy
from ..prompts.config import PromptConfig
from ..rollout.config import RolloutConfig, TaskItem
from ..rollout.rollout import rollout
from ..types import Trajectory
from .config import PracticeConfig
from .folder import PracticeFolder, Steps
from .lessons import Library
from .reflect import Writer, reflect

OnStep = Callable[[int, Mapping[str, float]], None]
_SEEDS = (1 << 20, 1 << 30)  # from, to
# Fields that decide how fast it goes or when it ends, not what a step does.
_FREE = (
    "mask",
    "slots",
    "max_batch",
    "deadline_s",
    "retries",
    "deterministic",
    "drop_info",
    "at_once",
    "epochs",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where is practised: an environment and its arguments."""

    env_id: str
    kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Practised:
    """The library after the last step, and figures of each step."""

    lessons: Library
    steps: Steps


def tasks_of(config: PracticeConfig, seed: int, step: int) -> list[int]:
    """Return the task seeds of a step: all come once in an epoch, in an order of its own."""
    drawn = rng(seed, Stream.PRACTICE, 0).integers(*_SEEDS, size=config.tasks)
    epoch, batch = divmod(step, config.batches)
    order = rng(seed, Stream.PRACTICE, 1 + epoch).permutation(config.tasks)
    return [int(drawn[at]) for at in order[batch * config.batch : (batch + 1) * config.batch]]


async def practise(
    client: SessionClient,
    policy: Policy,
    place: Place,
    out: str | Path,
    *,
    writer: Policy | None = None,
    config: PracticeConfig,
    played: RolloutConfig,
    prompt: PromptConfig | None = None,
    seed: int = 0,
    keep_mb: float = KEEP_MB,
    agent: str = "",
    author: str = "",
    on_step: OnStep | None = None,
) -> Practised:
    """Practise, and keep the lessons in a folder; a practice that was interrupted goes on from it.

    Args:
        client: the service that holds the sessions.
        policy: the agent.
        place: what it plays.
        out: the folder.
        writer: compares and writes the lessons; None is the agent itself.
        config: how lessons are learned.
        played: limits and sampling of the episodes; the writer samples likewise.
        prompt: how prompts are made, before the lessons are in them; None is the policy's own way.
        seed: of tasks, their order, and all sampling.
        keep_mb: megabytes of trajectories that a step keeps.
        agent: what to call the agent; its name by default.
        author: what to call the writer; its name by default.
        on_step: called with the number and the figures of each step as it ends.

    Raises:
        UsageError: if an argument is wrong, `out` holds another practice, or one goes on there.
        ServerError: if no session can be opened.
        PolicyStopped: if the agent or the writer will answer nothing more; `out` keeps what there is.
        Stopped: if somebody has asked it to stop; `out` keeps what there is.
    """
    if seed < 0:
        raise UsageError(f"seed {seed}: expected no number below 0")
    asked = policy.asked(prompt, played.constraint, played.max_tokens)
    settings = {
        "place": asdict(place),
        "agent": _named(policy, agent),
        "writer": _named(writer or policy, author),
        "practice": _kept(config),
        "played": {
            **_kept(played),
            "sampling": played.sampling.document(),
            **({"mask": asdict(played.mask)} if played.mask.is_on else {}),
        },
        "asked": asdict(asked),
        "seed": seed,
    }
    with hold(Path(out), "evaluation") as control:
        folder = PracticeFolder(out, settings)
        practice = Practice(client, policy, writer or policy, place, folder, config, played, seed, keep_mb)
        async with holding(control, client) as held:
            for step in range(len(folder.steps), config.steps):
                figures = await practice.step(step, held, asked.prompt)
                if on_step is not None:
                    on_step(step, figures)
    return Practised(folder.lessons, folder.steps)


def _named(policy: Policy, name: str) -> dict[str, Any]:
    return {"name": name or policy.name, "version": policy.version, **policy.own_settings}


def _kept(config: PracticeConfig | RolloutConfig) -> dict[str, Any]:
    return {each.name: getattr(config, each.name) for each in fields(config) if each.name not in _FREE}


@dataclass(frozen=True, slots=True)
class Practice:
    """What the steps of a practice have in common."""

    client: SessionClient
    policy: Policy
    writer: Policy
    place: Place
    folder: PracticeFolder
    config: PracticeConfig
    played: RolloutConfig
    seed: int
    keep_mb: float

    async def step(self, step: int, held: Holding, prompt: PromptConfig) -> dict[str, float]:
        """Play the groups of a step, and revise the lessons."""
        library = self.folder.lessons
        groups = await self._groups(step, held, library.shown_in(prompt))
        asking = Writer(self.writer, self.config, self.played.sampling, step, self.folder.answers(step))
        revised, figures = await reflect(asking, library, groups)
        figures = {"step": step, **_outcomes(groups), **figures}
        self.folder.add(revised, figures)
        return figures

    async def _groups(self, step: int, held: Holding, prompt: PromptConfig) -> list[list[Trajectory]]:
        """Return the episodes of each task that count; those that are kept are not played again."""
        wanted = [
            TaskItem(
                self.place.env_id,
                self.place.kwargs,
                seed,
                group=f"{step}-{at}",
                episode=step,
                member=member,
            )
            for at, seed in enumerate(tasks_of(self.config, self.seed, step))
            for member in range(self.config.group_size)
        ]
        names = [f"{task.group}#{task.member}" for task in wanted]
        with self.folder.step(step, self.keep_mb) as (known, kept):
            missing = [task for task, name in zip(wanted, names, strict=True) if name not in known]
            held.given = held.episodes = len(wanted)

            def keep(_: int, trajectory: Trajectory) -> None:
                kept.add(trajectory)
                if trajectory.counts:
                    known[trajectory.name] = trajectory

            if missing:
                await rollout(
                    self.client, self.policy, missing, self.played, keep,
                    prompt=prompt, seed=self.seed, with_prompts=True, gate=held.gate,
                )  # fmt: skip
        held.check(sum(name in known for name in names), len(names), "episodes of the step")
        size = self.config.group_size
        rows = [names[first : first + size] for first in range(0, len(names), size)]
        return [[known[name] for name in row if name in known] for row in rows]


def _outcomes(groups: Sequence[Sequence[Trajectory]]) -> dict[str, float]:
    every = [each for group in groups for each in group]
    known = [each.success for each in every if each.success is not None]
    figures = {"episodes": float(len(every))}
    if known:
        figures["success"] = sum(known) / len(known)
    if every:
        figures["return"] = sum(each.episode_return for each in every) / len(every)
    return figures
