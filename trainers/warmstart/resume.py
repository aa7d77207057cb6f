"""A cloning that is under way, kept on disk, so that an interruption costs a minute and not an hour.

Demonstrations and tokenizer are functions of recipe and seed and are made again;
what is kept is what the steps have changed. The file's name holds a digest of
everything that the steps depend on, so another recipe never goes on from it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from time import monotonic
from typing import Any

import numpy as np
import torch

from ...agents.models import CausalLM
from ...errors import CheckpointError
from ...files import write_whole

EVERY_S = 60.0  # between two writings
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, UnpicklingError)


@dataclass(slots=True)
class CloningState:
    """How far a cloning is."""

    rng: np.random.Generator  # of the order of episodes
    step: int = 0
    spent_s: float = 0.0  # processor seconds, those before an interruption included
    order: list[int] = field(default_factory=list)  # the episodes that come next


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
        self._written = monotonic()

    @property
    def begun(self) -> bool:
        """Tell whether there is something to go on from."""
        return self.file.is_file()

    def restore(
        self, state: CloningState, model: CausalLM, optimizers: Sequence[torch.optim.Optimizer]
    ) -> None:
        """Put all where it was when it was last written down; where nothing was, change nothing.

        Raises:
            CheckpointError: if the file cannot be read.
        """
        if not self.begun:
            return
        try:
            kept = torch.load(self.file, weights_only=True)
            model.load_state_dict(kept["model"])
            for optimizer, saved in zip(optimizers, kept["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            state.rng.bit_generator.state = json.loads(kept["rng"])
            state.step, state.spent_s, state.order = kept["step"], kept["spent_s"], kept["order"]
        except _UNREADABLE as error:
            raise CheckpointError(
                f"{self.file}: the cloning that was interrupted cannot be read ({error}); "
                "delete the file to begin again"
            ) from error

    def keep(self, state: CloningState, model: CausalLM, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        """Write all down if it is time; call it between two steps."""
        if monotonic() - self._written < EVERY_S:
            return
        content = io.BytesIO()
        kept = {
            "model": model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in optimizers],
            "rng": json.dumps(state.rng.bit_generator.state),
            "step": state.step,
            "spent_s": state.spent_s,
            "order": state.order,
        }
        torch.save(kept, content)
        write_whole(self.file, content.getvalue())
        self._written = monotonic()

    def done(self) -> None:
        """Forget what was written down."""
        self.file.unlink(missing_ok=True)
