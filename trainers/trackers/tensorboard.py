"""TensorBoard: event files in RUN/tensorboard, read by `tensorboard --logdir RUN`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Tracked, tracker


@tracker("tensorboard", needs="tensorboard")
class TensorBoard:
    """A writer of event files; a run that goes on purges what came after its checkpoint."""

    def __init__(self, run: Tracked, _: dict[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        purge = run.update + 1 if run.update else None
        self._writer = SummaryWriter(str(run.folder / "tensorboard"), purge_step=purge)
        self._writer.add_text("recipe", _fenced(run.text), run.update)

    def figures(self, values: Mapping[str, float], update: int) -> None:
        """Write scalars."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, update)
        self._writer.flush()

    def turns(self, rows: Sequence[Mapping[str, Any]], update: int) -> None:
        """Write the turns as text."""
        text = "\n".join(json.dumps(dict(row), ensure_ascii=False) for row in rows)
        self._writer.add_text("trajectories", _fenced(text), update)

    def finish(self, _: str) -> None:
        """Close the file."""
        self._writer.close()


def _fenced(text: str) -> str:
    """Return text that is shown as it is, whatever markup it holds."""
    return "\n".join(f"    {line}" for line in text.splitlines())
