"""trackio: a store on this machine, shown by `trackio show`; TRACKIO_DIR says where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .base import Tracked, tracker


@tracker("trackio", needs="trackio")
class Trackio:
    """A run of trackio, which goes on under the same name where ours does."""

    def __init__(self, run: Tracked, _: dict[str, Any]) -> None:
        import trackio

        self._trackio = trackio
        self._run = trackio.init(
            project=run.project,
            name=run.name,
            config=dict(run.recipe),
            resume="allow",
            embed=False,
            auto_log_cpu=False,
        )

    def figures(self, values: Mapping[str, float], update: int) -> None:
        """Log figures."""
        self._run.log(dict(values), step=update)

    def turns(self, rows: Sequence[Mapping[str, Any]], update: int) -> None:
        """Log a table."""
        import pandas

        table = self._trackio.Table(dataframe=pandas.DataFrame([dict(row) for row in rows]))
        self._run.log({"trajectories": table}, step=update)

    def finish(self, _: str) -> None:
        """End the run."""
        self._run.finish()
