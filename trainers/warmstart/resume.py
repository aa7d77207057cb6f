"""A cloning that is under way, kept on disk, so that an interruption costs a minute and not an hour.

Demonstrations and tokenizer are functions of recipe and seed and are made again;
what is kept is what the steps have changed. The file's name holds a digest of
everything that the steps depend on, so another recipe never goes on from it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from time import monotonic
from typing import Any

import numpy as np
import torch

from ...agents.models import CausalLM
from ...errors import CheckpointError
from ..learner.optimizer import Descent

EVERY_S = 60.0  # between two writings
_SHARE = 0.05  # of the time, at most, that writing takes
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, UnpicklingError)


@dataclass(slots=True)
class CloningState:
    """How far a cloning is."""

    rng: np.random.Generator  # of the order of episodes
    step: int = 0
    spent_s: float = 0.0  # processor seconds, those before an interruption included
    order: list[int] = field(default_factory=list)  # the episodes that come next
    drawn: str = ""  # what `rng` was after the last whole step
    whole: bool = True  # False while the weights are in motion

    def __post_init__(self) -> None:
        self.drawn = json.dumps(self.rng.bit_generator.state)

    def begin_step(self) -> None:
        """Note that the weights are in motion."""
        self.whole = False

    def end_step(self, order: list[int], spent_s: float) -> None:
        """Note that a step is whole, which episodes come next, and the time spent so far."""
        self.step, self.spent_s, self.order = self.step + 1, spent_s, order
        self.drawn, self.whole = json.dumps(self.rng.bit_generator.state), True


class CloningCheckpoint:
    """A file that a cloning is written to now and then, and goes on from.

    Args:
        out: the folder that the policy will have; the file lies beside it.
        depends: everything that the steps depend on, as JSON can hold it.
    """

    def __init__(self, out: Path, depends: Any) -> None:
        text = json.dumps(depends, sort_keys=True, default=str)
        name = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        self.file = out.with_name(f".{out.name}.{name}.cloning")
        self._next = monotonic() + EVERY_S

    @property
    def begun(self) -> bool:
        """Tell whether there is something to go on from."""
        return self.file.is_file()

    def restore(self, state: CloningState, model: CausalLM, descent: Descent) -> None:
        """Put all where it was when it was last written down; where nothing was, change nothing.

        Raises:
            CheckpointError: if the file cannot be read.
        """
        if not self.begun:
            return
        try:
            kept = torch.load(self.file, map_location="cpu", weights_only=True)
            for weight, saved in zip(_moved(model, descent), kept["weights"], strict=True):
                weight.data.copy_(saved)
            if descent.copies is not None:
                descent.copies.publish()
            for optimizer, saved in zip(descent.optimizers, kept["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            state.rng.bit_generator.state = json.loads(kept["rng"])
            state.step, state.spent_s, state.order = kept["step"], kept["spent_s"], kept["order"]
            state.drawn = kept["rng"]
        except _UNREADABLE as error:
            raise CheckpointError(
                f"{self.file}: the cloning that was interrupted cannot be read ({error}); "
                "delete the file to begin again"
            ) from error

    def keep(self, state: CloningState, model: CausalLM, descent: Descent, *, now: bool = False) -> None:
        """Write all down if it is time, or now; what stands between two steps is not written."""
        if not state.whole or (not now and monotonic() < self._next):
            return
        began = monotonic()
        kept = {
            "weights": [weight.detach() for weight in _moved(model, descent)],
            "optimizers": [optimizer.state_dict() for optimizer in descent.optimizers],
            "rng": state.drawn,
            "step": state.step,
            "spent_s": state.spent_s,
            "order": state.order,
        }
        temporary = self.file.with_suffix(".tmp")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save(kept, temporary)
            temporary.replace(self.file)
        finally:
            temporary.unlink(missing_ok=True)
        self._next = monotonic() + max(EVERY_S, (monotonic() - began) / _SHARE if EVERY_S else 0.0)

    def done(self) -> None:
        """Forget what was written down."""
        self.file.unlink(missing_ok=True)


def _moved(model: CausalLM, descent: Descent) -> list[torch.nn.Parameter]:
    """Return what steps change: the copies of weights where there are some, else the weights that train."""
    if descent.copies is not None:
        return descent.copies.parameters
    return [weight for weight in model.parameters() if weight.requires_grad]
