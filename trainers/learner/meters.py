"""Sums over the pieces of an update, and the numbers the log shows."""

from __future__ import annotations

import torch

from ..losses import Outcome
from .group import Group

_RENAMED = {
    "clip_low": "clip_ratio/low",
    "clip_high": "clip_ratio/high",
    "off_policy_weight": "off_policy/weight",
    "off_policy_uncut": "off_policy/uncut",
    "off_policy_masked": "off_policy/masked",
    "off_policy_square": "off_policy/square",
}
# what compares engine and learner means nothing once a step has been taken
_FIRST_ONLY = ("mismatch_kl", "max_mismatch")


class UpdateMeter:
    """Sums of what the micro-batches of an update report."""

    def __init__(self) -> None:
        self.num_minibatches = 0
        self._totals: dict[str, float] = {}
        self._num_targets = 0
        self._grad_norms: list[float] = []
        self._losses: list[float] = []
        self._first: dict[str, float] = {}
        self._ratio_max = 0.0
        self.start_minibatch()

    def start_minibatch(self) -> None:
        """Begin with the next optimizer step."""
        self._pieces: list[tuple[Outcome, int]] = []

    def add(self, outcome: Outcome, num_targets: int) -> None:
        """Take in a micro-batch."""
        self._pieces.append((outcome, num_targets))

    def merge(self, group: Group) -> None:
        """Take in what all ranks have of the mini-batch, so that each has all of it."""
        self._pieces = group.gather(self._pieces)

    def loss(self) -> float:
        """Return the loss of the mini-batch so far."""
        return float(torch.stack([outcome.loss.detach() for outcome, _ in self._pieces]).sum())

    def num_read(self) -> int:
        """Return how many targets of the mini-batch were read so far."""
        return sum(count for _, count in self._pieces)

    def minibatch(self) -> dict[str, float]:
        """Return the mini-batch so far: its loss, means over its tokens, and largest values."""
        num = max(1, self.num_read())
        means = {name: total / num for name, total in self._sums().items()}
        mismatch = torch.stack([outcome.max_mismatch for outcome, _ in self._pieces]).max()
        return {**means, "loss": self.loss(), "max_mismatch": float(mismatch)}

    def end_minibatch(self, grad_norm: float) -> None:
        """Close the optimizer step."""
        piece = self.minibatch()
        if self.num_minibatches == 0:
            self._first = {name: piece[name] for name in _FIRST_ONLY}
        for name, total in self._sums().items():
            self._totals[name] = self._totals.get(name, 0.0) + total
        self._num_targets += self.num_read()
        self._losses.append(piece["loss"])
        self._grad_norms.append(grad_norm)
        for outcome, _ in self._pieces:
            self._ratio_max = max(self._ratio_max, float(outcome.max_log_ratio.exp()))
        self.num_minibatches += 1

    def summary(self) -> dict[str, float]:
        """Return the log of the update."""
        num = max(1, self._num_targets)
        means = {
            _RENAMED.get(name, name): total / num
            for name, total in self._totals.items()
            if name not in (*_FIRST_ONLY, "abs_log_ratio")
        }
        return {
            "loss": sum(self._losses) / max(1, len(self._losses)),
            "grad_norm": sum(self._grad_norms) / max(1, len(self._grad_norms)),
            "clip_ratio": means.get("clip_ratio/low", 0.0) + means.get("clip_ratio/high", 0.0),
            "ratio_max": self._ratio_max,
            **means,
            **{("mismatch_max" if k == "max_mismatch" else k): v for k, v in self._first.items()},
        }

    def _sums(self) -> dict[str, float]:
        names = self._pieces[0][0].sums if self._pieces else {}
        return {
            name: float(torch.stack([outcome.sums[name].double() for outcome, _ in self._pieces]).sum())
            for name in names
        }
