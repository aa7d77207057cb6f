"""What a rollout is given and what it gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from ...errors import UnknownName, UsageError
from ..prompts.parse import MAX_ACTION_CHARS
from ..sampling import NEUTRAL, Sampling
from ..types import Constraint, Trajectory

__all__ = ["RolloutConfig", "RolloutResult", "RolloutStats", "TaskItem", "number_members"]


@dataclass(frozen=True, slots=True)
class RolloutConfig:
    """How episodes are played; the [rollout] of a recipe.

    Args:
        max_turns: an episode that takes longer ends as "horizon".
        max_tokens: of one message; None is the policy's own.
        max_episode_tokens: no turn starts whose prompt and message could exceed this;
            the episode ends as "tokens". In conversation mode the prompt is the episode.
        deadline_s: of one episode, in seconds; it ends as "deadline". Waiting for
            other episodes in lock-step is not counted.
        sampling: how tokens are drawn.
        stop: texts that end a message.
        constraint: "none", "admissible", or "listed" (as admissible where the environment lists actions,
            as none elsewhere); None is the policy's own.
        max_action_chars: longer actions are malformed.
        retries: how often an episode that failed is played again.
        slots: episodes under way at once.
        max_batch: the most steps in one call to the service. A slow step holds back the
            others of its call: 1 keeps environments of very different speed apart.
        deterministic: play in lock-step, so that the batches are the same in every run.
        drop_info: keys of info that turns do not keep.
    """

    max_turns: int = 20
    max_tokens: int | None = 24
    max_episode_tokens: int = 2048
    deadline_s: float = 600.0
    sampling: Sampling = NEUTRAL
    stop: tuple[str, ...] = ()
    constraint: Constraint | None = "none"
    max_action_chars: int = MAX_ACTION_CHARS
    retries: int = 1
    slots: int = 128
    max_batch: int = 512
    deterministic: bool = True
    drop_info: tuple[str, ...] = ("admissible",)

    def __post_init__(self) -> None:
        for name in ("max_turns", "max_episode_tokens", "max_action_chars", "slots", "max_batch"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise UsageError(f"max_tokens must be at least 1, got {self.max_tokens}")
        if self.retries < 0:
            raise UsageError(f"retries must not be negative, got {self.retries}")
        if not self.deadline_s > 0:
            raise UsageError(f"deadline_s must be positive, got {self.deadline_s}")
        if self.constraint not in (None, *get_args(Constraint)):
            raise UnknownName("constraint", str(self.constraint), get_args(Constraint))


@dataclass(frozen=True, slots=True)
class TaskItem:
    """Name one episode to play.

    Args:
        env_id: the environment.
        kwargs: its arguments.
        seed: decides the task.
        options: of the reset.
        group: trajectories of one group share environment, task and seed; the seed by default.
        episode: a number that sets this episode's random numbers apart, e.g. the update.
        member: the place in the group; None counts the tasks of the group in their order.
    """

    env_id: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    episode: int = 0
    member: int | None = None

    def __post_init__(self) -> None:
        if self.seed < 0 or self.episode < 0 or (self.member or 0) < 0:
            raise UsageError(
                f"seed {self.seed}, episode {self.episode}, member {self.member}: expected none below 0"
            )

    @property
    def group_name(self) -> str:
        """Return the group's name."""
        return self.group or str(self.seed)


def number_members(tasks: Sequence[TaskItem]) -> list[TaskItem]:
    """Give each task without a place in its group the next one."""
    seen: Counter[tuple[str, int, int]] = Counter()
    numbered = []
    for task in tasks:
        group = (task.group_name, task.seed, task.episode)
        numbered.append(replace(task, member=seen[group]) if task.member is None else task)
        seen[group] += 1
    return numbered


@dataclass(slots=True)
class RolloutStats:
    """Count what a rollout did; times in seconds of the clock on the wall.

    A turn that several trajectories of a tree share counts once.

    `environment_s` and `policy_s` are the times in which at least one call to the
    environments, or to the policy, was under way; they overlap unless in lock-step.
    """

    episodes: int = 0
    turns: int = 0
    tokens: int = 0  # generated
    errors: int = 0
    deadlines: int = 0
    truncated: int = 0  # by horizon or tokens
    retries: int = 0
    malformed: int = 0
    inadmissible: int = 0
    seconds: float = 0.0
    environment_s: float = 0.0
    policy_s: float = 0.0
    causes: Counter[str] = field(default_factory=Counter)  # of errors

    def add(self, trajectory: Trajectory) -> None:
        """Count one finished episode."""
        self.episodes += 1
        self.turns += len(trajectory.own_turns)
        self.errors += trajectory.end == "error"
        self.deadlines += trajectory.end == "deadline"
        self.truncated += trajectory.end in ("horizon", "tokens")
        if trajectory.error:
            self.causes[trajectory.error] += 1
        for turn in trajectory.own_turns:
            self.tokens += turn.generation.num_tokens
            self.malformed += turn.malformed
            self.inadmissible += turn.inadmissible

    def merge(self, other: RolloutStats) -> None:
        """Add what another rollout did."""
        for name in self.__slots__:
            if name == "causes":
                self.causes.update(other.causes)
            else:
                setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def turns_per_s(self) -> float:
        """Return turns per second of the whole rollout."""
        return self.turns / self.seconds if self.seconds else 0.0

    @property
    def tokens_per_s(self) -> float:
        """Return generated tokens per second of the whole rollout."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def malformed_rate(self) -> float:
        """Return the share of turns whose message held no readable action."""
        return self.malformed / self.turns if self.turns else 0.0

    @property
    def inadmissible_rate(self) -> float:
        """Return the share of turns whose action the environment does not offer."""
        return self.inadmissible / self.turns if self.turns else 0.0


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """Be one trajectory for each task, in the order of the tasks, and the counts."""

    trajectories: tuple[Trajectory, ...]
    stats: RolloutStats
