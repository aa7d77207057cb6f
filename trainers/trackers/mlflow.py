"""MLflow: a run of the store that MLFLOW_TRACKING_URI names, or MLflow's own choice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .base import Tracked, tracker

_MAX_PARAM = 500
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


@tracker("mlflow", needs="mlflow")
class MLflow:
    """A run of MLflow, which goes on under the same id where ours does."""

    def __init__(self, run: Tracked, kept: dict[str, Any]) -> None:
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        if "id" not in kept:
            found = self._client.get_experiment_by_name(run.project)
            experiment = found.experiment_id if found else self._client.create_experiment(run.project)
            kept["id"] = self._client.create_run(experiment, run_name=run.name).info.run_id
            for name, value in _flat(run.recipe):
                self._client.log_param(kept["id"], name, str(value)[:_MAX_PARAM])
            self._client.log_text(kept["id"], run.text, "recipe.toml")
        self._id: str = kept["id"]
        self._client.update_run(self._id, status="RUNNING")

    def figures(self, values: Mapping[str, float], update: int) -> None:
        """Log metrics in one call."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_named(name), value, now, update) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def turns(self, rows: Sequence[Mapping[str, Any]], update: int) -> None:
        """Log them as JSON lines, an artifact for each update."""
        text = "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows)
        self._client.log_text(self._id, text, f"trajectories/update-{update:06d}.jsonl")

    def finish(self, ended: str) -> None:
        """End the run."""
        self._client.set_terminated(self._id, _STATUS[ended])


def _named(name: str) -> str:
    """Return a name with dots between its later parts, which a store of files would make folders of."""
    head, sign, rest = name.partition("/")
    return f"{head}{sign}{rest.replace('/', '.')}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
