"""TRL's GRPOTrainer with the credit of turns: an advantage for every token (TRL 1.16).

    trainer = CreditTrainer(credit="gigpo", environment_factory=environment_factory("household/demo-v0"), ...)

Everything else is TRL's: generation, losses, logging, checkpoints. Its losses take advantages of
shape [B, T] where a subclass gives them; that they come from `_generate_and_score_completions` is what
TRL's own comment in `_compute_loss` provides for.

Shapes: _B completions of this process, _T tokens of the longest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer

from ...agents.types import Trajectory
from ...errors import UsageError
from ...trainers.credit import TurnTable, bind
from ...trainers.parts import Part
from ..called import Called
from .environment import Environment
from .messages import spread, turns_of
from .rollouts import episode_return


class CreditTrainer(GRPOTrainer):
    """A GRPOTrainer whose tokens have the advantage that a credit method gives to their turn.

    Episodes come from `environment_factory` (turnwise.integrations.trl.environment_factory) or
    `rollout_func` (turnwise.integrations.trl.rollout_func). What other reward functions pay for a
    completion is added, with its weight, to the reward of the last turn. `scale_rewards` and its kin
    have no effect: the method decides.

    Args:
        args: of GRPOTrainer, as it takes them.
        credit: a method without critics, as of `turnwise.credit.get`.
        credit_params: its parameters.
        more: of GRPOTrainer.

    Attributes:
        trajectories: the episodes of the last batch, in the order of its rows.

    Raises:
        UnknownName: if there is no such method or parameter.
        UsageError: if the method needs critics, or no episodes of ours are played.
    """

    def __init__(
        self,
        *args: Any,
        credit: str = "gigpo",
        credit_params: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.credit = bind(Part(credit, dict(credit_params or {})))
        if self.credit.heads:
            raise UsageError(f"credit {credit!r} needs critics, which TRL does not train: take another")
        super().__init__(*args, **more)
        made = [each for pool in getattr(self, "_environment_pool", {}).values() for each in pool]
        ours = all(isinstance(each, Environment) for each in made)
        if not ours or not (made or self.rollout_func):
            raise UsageError(
                "CreditTrainer needs the turns of episodes: give environment_factory or rollout_func, made "
                "by turnwise.integrations.trl"
            )
        owned = len({type(each) for each in made})  # reward functions that TRL made of environments
        others = self.reward_funcs[: len(self.reward_funcs) - owned]
        self._others = [place for place, each in enumerate(others) if each is not episode_return]
        self.trajectories: list[Trajectory] = []

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
    ) -> Any:
        """Let TRL score the completions, and keep them as trajectories."""
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        first = self.accelerator.process_index * len(inputs)
        size = self.num_generations if self.model.training else self.num_generations_eval
        self.trajectories = []
        for row, (example, completion) in enumerate(zip(inputs, completions, strict=True)):
            group, member = divmod(first + row, size)
            played = self._played(row, example, completion, str(group), member)
            self.trajectories.append(_paid(played, self._bonus(rewards[first + row])))
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        """Replace the advantages of a batch: [B] becomes [B, T]."""
        batch = super()._generate_and_score_completions(inputs)
        mask_BT = batch["completion_mask"]
        if "tool_mask" in batch:
            mask_BT = mask_BT * batch["tool_mask"]
        given_BT = spread(mask_BT.bool().cpu().numpy(), self._advantages())
        batch["advantages"] = torch.as_tensor(given_BT, dtype=torch.float32, device=mask_BT.device)
        return batch

    def _played(
        self, row: int, example: Mapping[str, Any], completion: Any, group: str, member: int
    ) -> Trajectory:
        if not self.environments:
            played = example.get("trajectory")
            if not isinstance(played, Trajectory):
                raise UsageError(
                    "rollout_func gives no `trajectory` for each completion: make it by "
                    "turnwise.integrations.trl.rollout_func"
                )
            return replace(played, group=group, member=member)
        called: Called = self.environments[row].called
        return called.trajectory(group=group, member=member, turns=turns_of(completion, called))

    def _bonus(self, rewards_F: Any) -> float:
        """Return what reward functions that are not of the environment pay for a completion."""
        if not self._others:
            return 0.0
        paid = rewards_F[self._others] * self.reward_weights.to(rewards_F.device)[self._others]
        return float(paid.nansum())

    def _advantages(self) -> list[list[float]]:
        """Return those of the turns of each completion here; a group may lie in several processes."""
        everyone: Sequence[Trajectory] = gather_object(self.trajectories)
        advantage = self.credit(TurnTable.from_trajectories(everyone)).advantage.tolist()
        first = self.accelerator.process_index * len(self.trajectories)
        ends = [0]
        for trajectory in everyone:
            ends.append(ends[-1] + len(trajectory.turns))
        rows = range(first, first + len(self.trajectories))
        return [advantage[ends[row] : ends[row + 1]] for row in rows]


def _paid(trajectory: Trajectory, bonus: float) -> Trajectory:
    if not bonus or not trajectory.turns:
        return trajectory
    *before, last = trajectory.turns
    return replace(trajectory, turns=(*before, replace(last, reward=last.reward + bonus)))
