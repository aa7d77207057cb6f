"""What a rollout is given and what it gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, get_args

from ...ends import CUT_OFF, MACHINE
from ...errors import UnknownName, UsageError
from ...settings import FLAT, Setting
from ...tables import frame
from ..prompts.parse import MAX_ACTION_CHARS
from ..rows import rows_of
from ..sampling import NEUTRAL, NO_MASK, Mask, Sampling
from ..types import Constraint, Trajectory
from .beginning import NOTHING, Beginning


@dataclass(frozen=True, slots=True)
class RolloutConfig:
    """How episodes are played; the [rollout] of a recipe.

    Raises:
        UsageError: if a number is out of range.
        UnknownName: for another constraint.
    """

    max_turns: Annotated[int, Setting("Turns of an episode; a longer one ends as horizon.", least=1)] = 20
    max_tokens: Annotated[
        int | None, Setting("Tokens of a message; by default the agent's own.", least=1)
    ] = 24
    # No turn starts whose prompt and message could exceed it. In a conversation the prompt is the episode.
    max_episode_tokens: Annotated[
        int,
        Setting("Tokens of a prompt and its message; an episode that needs more ends as tokens.", least=1),
    ] = 2048
    # Waiting for other episodes in lock-step is not counted.
    deadline_s: Annotated[
        float, Setting("Seconds of an episode, more than 0; a longer one ends as deadline.", name="deadline")
    ] = 600.0
    sampling: Annotated[Sampling, FLAT] = NEUTRAL
    mask: Mask = NO_MASK  # for training alone: what is evaluated is the policy
    stop: Annotated[tuple[str, ...], Setting("A text that ends a message; may be given again.")] = ()
    constraint: Annotated[
        Constraint | None,
        Setting(
            "What may be said: anything, an admissible action, or one where any are listed; "
            "by default the agent's own."
        ),
    ] = "none"
    max_action_chars: Annotated[
        int, Setting("Characters of an action; a longer one is malformed.", least=1)
    ] = MAX_ACTION_CHARS
    retries: Annotated[int, Setting("How often an episode that failed is played again.", least=0)] = 1
    slots: Annotated[int, Setting("Episodes under way at once.", least=1, most=4096)] = 128
    # A slow step holds back the others of its call: 1 keeps environments of very different speed apart.
    max_batch: int = 512  # the most steps in one call to the service
    deterministic: bool = True  # in lock-step, so that the batches are the same in every run
    drop_info: tuple[str, ...] = ("admissible", "tools")  # keys of info that turns do not keep

    def __post_init__(self) -> None:
        for name in ("max_turns", "max_episode_tokens", "max_action_chars", "slots", "max_batch"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise UsageError(f"max_tokens must be at least 1, got {self.max_tokens}")
        if self.max_tokens is not None and self.sampling.min_tokens > self.max_tokens:
            raise UsageError(
                f"min_tokens {self.sampling.min_tokens}, max_tokens {self.max_tokens}: expected no more than "
                "a message may have"
            )
        if self.retries < 0:
            raise UsageError(f"retries must not be negative, got {self.retries}")
        if not self.deadline_s > 0:
            raise UsageError(f"deadline_s must be positive, got {self.deadline_s}")
        if self.constraint not in (None, *get_args(Constraint)):
            raise UnknownName("constraint", str(self.constraint), get_args(Constraint))


@dataclass(frozen=True, slots=True)
class TaskItem:
    """One episode to play.

    Args:
        env_id: the environment.
        kwargs: its arguments.
        seed: decides the task.
        options: of the reset.
        group: trajectories of one group share environment, task and seed; the seed by default.
        episode: a number that sets this episode's random numbers apart, e.g. the update.
        member: the place in the group; None counts the tasks of the group in their order.
        beginning: what it is given before and beside the first state.
    """

    env_id: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    group: str = ""
    episode: int = 0
    member: int | None = None
    beginning: Beginning = NOTHING

    def __post_init__(self) -> None:
        if self.seed < 0 or self.episode < 0 or (self.member or 0) < 0:
            raise UsageError(
                f"seed {self.seed}, episode {self.episode}, member {self.member}: expected no number below 0"
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
    """What a rollout did, counted; times in seconds of the clock on the wall.

    A turn that several trajectories of a tree share counts once.

    `environment_s` and `policy_s` are the times in which at least one call to the
    environments, or to the policy, was under way; they overlap unless in lock-step.
    """

    episodes: int = 0
    turns: int = 0
    tokens: int = 0  # generated
    errors: int = 0
    deadlines: int = 0
    operated: int = 0  # taken over by an operator
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
        self.operated += trajectory.end == "operator"
        self.truncated += trajectory.end in CUT_OFF
        if trajectory.error and trajectory.end in MACHINE:
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
    """One trajectory for each task, in the order of the tasks, and the counts."""

    trajectories: tuple[Trajectory, ...]
    stats: RolloutStats

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a turn, in plain values."""
        return list(rows_of(self.trajectories))

    def to_pandas(self) -> Any:
        """Return one row a turn as a pandas.DataFrame.

        Raises:
            UsageError: if pandas is not installed.
        """
        return frame(self.rows())
