"""What an evaluation found: one row a task, and the figures over all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ...ends import FAULTS, MACHINE
from ...errors import EnvironmentFault
from ...intervals import wilson
from ...tables import frame
from ..causes import cause_of
from ..types import Trajectory

_IF_ANY = ("filtered", "metrics", "patch", "cause", "prompt_tokens")
"""Fields of a row that are left out where there is nothing in them."""
_NOT_IF_EMPTY = ("metrics", "policy", "causes", "prompt_tokens", "operated")
"""The same of an evaluation."""


@dataclass(frozen=True, slots=True)
class EvalRow:
    """One evaluated episode; `episode_return` is called `return` in files.

    `success` is what the environment says in info["won"], and None where it does not, or
    the episode failed for the machine's reasons: it is never guessed from a reward.
    """

    task: str
    seed: int
    success: bool | None
    episode_return: float
    score: float | None
    turns: int
    tokens: int  # generated
    cost: float  # US dollars, where an endpoint bills
    malformed: int
    inadmissible: int
    end: str
    error: str | None
    seconds: float
    fingerprint: str
    filtered: int = 0  # turns whose message an endpoint withheld
    metrics: dict[str, float] = field(default_factory=dict)  # further figures of the environment
    patch: dict[str, Any] = field(default_factory=dict)  # what became of the files that were changed
    cause: str = ""  # why it was lost (agents.causes)
    prompt_tokens: int = 0  # of all prompts, each counted whole

    @classmethod
    def of(cls, trajectory: Trajectory) -> EvalRow:
        """Summarise a trajectory."""
        turns = trajectory.turns
        return cls(
            task=trajectory.task,
            seed=trajectory.task_seed,
            success=trajectory.success if trajectory.counts else None,
            episode_return=trajectory.episode_return,
            score=trajectory.score,
            turns=len(turns),
            tokens=sum(turn.generation.num_tokens for turn in turns),
            cost=sum(turn.generation.usage.get("cost", 0.0) for turn in turns),
            malformed=sum(turn.malformed for turn in turns),
            inadmissible=sum(turn.inadmissible for turn in turns),
            end=trajectory.end,
            error=trajectory.error,
            seconds=round(trajectory.seconds, 6),
            fingerprint=trajectory.fingerprint,
            filtered=sum(turn.generation.finish_reason == "filtered" for turn in turns),
            metrics=trajectory.metrics,
            patch=trajectory.patch,
            cause=cause_of(trajectory),
            prompt_tokens=sum(turn.generation.num_prompt_tokens for turn in turns),
        )

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> EvalRow:
        """Read what `document` wrote.

        Raises:
            KeyError: if a field is missing.
            TypeError: if there is a field too many.
        """
        values = dict(document)
        return cls(episode_return=float(values.pop("return")), **values)

    @property
    def counts(self) -> bool:
        """Tell whether the row enters the figures: it did not fail for the machine's reasons."""
        return self.end not in FAULTS

    def document(self) -> dict[str, Any]:
        """Return the row as JSON holds it."""
        values = asdict(self)
        values["return"] = values.pop("episode_return")
        return {name: value for name, value in values.items() if value or name not in _IF_ANY}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of an evaluation.

    Means are over the `episodes` that count; `errors` failed for the machine's
    reasons and stand in `per_task` only. The success rate is over the tasks that were
    scored, those of which the environment said whether they were won; `coverage` is
    their share of all tasks, and without any the rate and its interval are None. The
    interval is Wilson's at 95 %: it speaks of tasks drawn as these were, and of one
    agent as it is.
    """

    success_rate: float | None
    ci_low: float | None
    ci_high: float | None
    coverage: float
    episodes: int
    errors: int
    score: float | None
    metrics: dict[str, float]  # means of the environment's further figures; {} is none
    mean_return: float
    turns: float
    tokens: float
    cost: float  # US dollars of all rows together
    malformed_rate: float
    inadmissible_rate: float
    ends: dict[str, int]
    settings: dict[str, Any]
    versions: dict[str, Any]
    per_task: tuple[EvalRow, ...]
    policy: dict[str, Any]  # what the policy says of its answers: requests, server defaults; {} is nothing
    causes: dict[str, int]  # why how many episodes were lost, the most frequent first; {} is none
    prompt_tokens: float  # of all prompts of an episode
    operated: int = 0  # episodes that an operator took over: neither won nor lost, and in `per_task` only

    @classmethod
    def of(
        cls,
        rows: Sequence[EvalRow],
        settings: Mapping[str, Any],
        versions: Mapping[str, Any],
        policy: Mapping[str, Any] | None = None,
    ) -> Evaluation:
        """Sum up the rows.

        Raises:
            EnvironmentFault: if no row counts, with the first cause.
        """
        kept = [row for row in rows if row.counts]
        if not kept:
            cause = rows[0].error if rows else "there was none"
            raise EnvironmentFault(f"none of {len(rows)} episodes could be played; the first: {cause}")
        outcomes = [row.success for row in kept if row.success is not None]
        rate, low, high = _rate(outcomes)
        num_turns = sum(row.turns for row in kept)
        scores = [row.score for row in kept if row.score is not None]
        return cls(
            success_rate=rate,
            ci_low=low,
            ci_high=high,
            coverage=len(outcomes) / len(rows),
            episodes=len(kept),
            errors=sum(row.end in MACHINE for row in rows),
            operated=sum(row.end == "operator" for row in rows),
            score=_mean(scores) if scores else None,
            metrics=_means([row.metrics for row in kept]),
            mean_return=_mean([row.episode_return for row in kept]),
            turns=num_turns / len(kept),
            tokens=_mean([row.tokens for row in kept]),
            cost=sum(row.cost for row in rows),
            malformed_rate=sum(row.malformed for row in kept) / max(1, num_turns),
            inadmissible_rate=sum(row.inadmissible for row in kept) / max(1, num_turns),
            ends=dict(sorted(Counter(row.end for row in rows).items())),
            settings=dict(settings),
            versions=dict(versions),
            per_task=tuple(rows),
            policy=dict(policy or {}),
            causes=dict(Counter(row.cause for row in rows if row.cause).most_common()),
            prompt_tokens=_mean([row.prompt_tokens for row in kept]),
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return one row a task, in plain values."""
        return [row.document() for row in self.per_task]

    def to_pandas(self) -> Any:
        """Return one row a task as a pandas.DataFrame.

        Raises:
            UsageError: if pandas is not installed.
        """
        return frame(self.rows())

    def document(self) -> dict[str, Any]:
        """Return the evaluation as JSON holds it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        kept = {name: value for name, value in values.items() if value or name not in _NOT_IF_EMPTY}
        return {**kept, "per_task": [_without_patch(row.document()) for row in self.per_task]}


def _rate(outcomes: Sequence[bool]) -> tuple[float | None, float | None, float | None]:
    """Return a success rate and its interval; without an outcome there is none."""
    if not outcomes:
        return None, None, None
    return sum(outcomes) / len(outcomes), *wilson(sum(outcomes), len(outcomes))


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the rows that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: _mean([row[name] for row in rows if name in row]) for name in names}


def _without_patch(document: dict[str, Any]) -> dict[str, Any]:
    """Leave the patch to the file of rows, which keeps it for grading it again."""
    return {name: value for name, value in document.items() if name != "patch"}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
