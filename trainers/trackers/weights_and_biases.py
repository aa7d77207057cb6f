"""Weights & Biases. Where it writes is its own affair: WANDB_MODE=offline keeps it on this machine."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from .base import Tracked, tracker


@tracker("wandb", needs="wandb")
class WeightsAndBiases:
    """A run of W&B, which goes on under the same id where ours does."""

    def __init__(self, run: Tracked, kept: dict[str, Any]) -> None:
        import wandb

        self._wandb = wandb
        id = kept.setdefault("id", secrets.token_hex(4))
        self._run = wandb.init(
            project=run.project,
            name=run.name,
            id=id,
            resume="allow",
            config=dict(run.recipe),
            dir=str(run.folder),
            settings=wandb.Settings(console="off", silent=True),
        )
        # figures are over updates: an evaluation comes after its update, a resumed run repeats some
        self._run.define_metric("update")
        self._run.define_metric("*", step_metric="update")

    def figures(self, values: Mapping[str, float], update: int) -> None:
        """Log figures."""
        self._run.log({"update": update, **values})

    def turns(self, rows: Sequence[Mapping[str, Any]], update: int) -> None:
        """Log a table."""
        columns = list(rows[0])
        table = self._wandb.Table(columns=columns, data=[[row[name] for name in columns] for row in rows])
        self._run.log({"update": update, "trajectories": table})

    def finish(self, ended: str) -> None:
        """End the run."""
        self._run.finish(exit_code=1 if ended == "failed" else 0)
