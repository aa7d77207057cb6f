"""The best checkpoint of a run: RUN/best/update-N, kept beside those that it goes on from.

Best is the highest success on held-out tasks, the mean return where success is unknown, and
of equals the later. Nothing prunes it. The figures it was chosen by flatter it: measure it on
other tasks, `turnwise eval --env ENV --agent ckpt:RUN`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ...agents.policies.places import BEST, updates
from ...files import read_json
from ...settings import read
from .checkpoint import discard, write_sealed

_FIGURES = "evaluation.json"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The evaluation that a best checkpoint was chosen by."""

    update: int
    success_rate: float | None  # None where success is unknown
    mean_return: float

    @classmethod
    def of(cls, update: int, figures: Mapping[str, Any]) -> Self:
        """Take it from the figures of an evaluation during training."""
        rate = figures["eval/success_rate"]
        known = rate is not None and not math.isnan(rate)
        return cls(update, rate if known else None, figures["eval/reward"])

    def beats(self, other: Chosen) -> bool:
        """Tell whether this one, the later, takes the other's place."""
        if self.success_rate is not None and other.success_rate is not None:
            return self.success_rate >= other.success_rate
        return self.mean_return >= other.mean_return


def best_of(run: Path) -> Chosen | None:
    """Return what the best checkpoint of a run was chosen by; None if nothing was evaluated.

    Raises:
        CheckpointError: if its file is broken.
    """
    folders = updates(run / BEST)
    return read(Chosen, read_json(folders[-1] / _FIGURES), str(folders[-1])) if folders else None


def keep_best(run: Path, chosen: Chosen, save_policy: Callable[[Path], None]) -> bool:
    """Keep the policy that was just evaluated if it is the best so far.

    The new one is whole before the old one goes, so that one is there at any moment. A run
    that goes on from an earlier update meets its own best again and keeps it.

    Args:
        run: the folder of the run.
        chosen: the evaluation.
        save_policy: writes the policy into the folder it is given.

    Returns:
        whether it is kept.

    Raises:
        CheckpointError: if it cannot be written; the former one stays.
    """
    before = best_of(run)
    if before is not None and (before == chosen or not chosen.beats(before)):
        return before == chosen
    root = run / BEST
    write_sealed(root, chosen.update, save_policy, {_FIGURES: asdict(chosen)})
    for folder in updates(root):
        if folder.name != f"update-{chosen.update:06d}":
            discard(folder)
    return True
