"""The parts of a rollout that a recipe names, bound: chooser, plan, horizon, samplers, annotators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...agents.rollout import BranchingPlan
from ..parts import Named
from ..sections import AnnotateSection, PlanSection, RolloutSection, SamplingSection
from . import annotators, choosers, horizon, plans, samplers
from .annotators import Annotator
from .choosers import Chooser
from .samplers.base import Sampler


@dataclass(frozen=True, slots=True)
class RolloutParts:
    """What decides how groups come about, which of them train, and what is found out about them.

    Args:
        plan: how the episodes of a group come about; None: apart from each other.
        horizon: how long episodes may be at an update; None: always the whole horizon.
        samplers: which groups are trained on, in this order.
        annotators: what is found out about turns, in this order.
        chooser: which tasks are played; None: all alike.
    """

    plan: BranchingPlan | None
    horizon: Named[int] | None
    samplers: tuple[Sampler, ...]
    annotators: tuple[Annotator, ...]
    chooser: Chooser | None = None

    @classmethod
    def of(
        cls, rollout: RolloutSection, plan: PlanSection, sampling: SamplingSection, annotate: AnnotateSection
    ) -> RolloutParts:
        """Bind the parts that a recipe names.

        Raises:
            UnknownName: for a part or a parameter that is not there.
            UsageError: if a part has no name, lacks a parameter, or refuses its numbers.
        """
        scheduled = rollout.horizon.name or rollout.horizon.params
        schedule = horizon.bind(rollout.horizon) if scheduled else None
        horizon.horizon_at(schedule, 0, rollout.max_turns)
        chooses = rollout.chooser.name or rollout.chooser.params
        return cls(
            plans.bind(plan)(rollout.group_size),
            schedule,
            tuple(samplers.bind(part) for part in sampling.steps),
            tuple(annotators.bind(part) for part in annotate.steps),
            choosers.bind(rollout.chooser) if chooses else None,
        )

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of every reset that the annotators need."""
        return {key: value for annotator in self.annotators for key, value in annotator.options.items()}
