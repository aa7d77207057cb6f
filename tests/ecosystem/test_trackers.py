"""Each tracker's own store, read back after a run that was cut short and went on, has the log's numbers."""

from __future__ import annotations

import importlib.metadata
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_run import SECONDS

import turnwise
from turnwise.trainers.runs.log import read_log

pytestmark = pytest.mark.ecosystem
ALL = ["tensorboard", "wandb", "mlflow", "trackio"]
SMALL = {**SECONDS, "log.to": ALL}


class Doors(turnwise.TextEnv):
    """One of two doors is open."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.right = str(self.np_random.choice(["left", "right"]))
        return f"The {self.right} door is open.", {"admissible": ["left", "right"]}

    def step(self, action):
        won = action == self.right
        return "in" if won else "out", float(won), True, False, {"admissible": ["left", "right"], "won": won}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Train two updates, and after a pause two more."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("MLFLOW_TRACKING_URI", f"file:{folder / 'mlruns'}")
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        patch.setenv("TRACKIO_DIR", str(folder / "trackio"))
        turnwise.train("tiny", folder / "run", {**SMALL, "train.num_updates": 2}, env=Doors, seed=1)
        former = turnwise.load_recipe(folder / "run" / "recipe.toml", {"train.num_updates": 4})
        turnwise.train(former, folder / "run", resume=True)
        yield folder / "run"


def wanted(run: Path) -> dict[str, dict[int, float]]:
    """Return what the log says of two figures, by update."""
    log = read_log(run)
    return {
        "train/reward": {row["update"]: row["reward"] for row in log if row["kind"] == "update"},
        "eval/success_rate": {
            row["update"]: row["eval/success_rate"] for row in log if row["kind"] == "eval"
        },
    }


def test_tensorboard(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    for name, values in wanted(run).items():
        assert {each.step: each.value for each in events.Scalars(name)} == pytest.approx(values)
    assert {"recipe/text_summary", "trajectories/text_summary"} <= set(events.Tags()["tensors"])


def test_mlflow(run: Path) -> None:
    from mlflow.tracking import MlflowClient

    client, id = MlflowClient(), json.loads((run / "trackers.json").read_text())["mlflow"]["id"]
    for name, values in wanted(run).items():
        assert {each.step: each.value for each in client.get_metric_history(id, name)} == values
    found = client.get_run(id)
    assert found.info.status == "FINISHED"
    assert found.data.params["env.id"] == f"{__name__}:Doors"
    assert {each.path for each in client.list_artifacts(id)} == {"recipe.toml", "trajectories"}


def test_trackio(run: Path) -> None:
    from trackio.sqlite_storage import SQLiteStorage

    rows = SQLiteStorage.get_logs("turnwise", "run")
    for name, values in wanted(run).items():
        assert {row["step"]: row[name] for row in rows if name in row} == values
    assert any("trajectories" in row for row in rows)


def history(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of W&B's offline file: records of LevelDB's log after a head of seven bytes."""
    from wandb.proto import wandb_internal_pb2

    data, at, whole = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", data[at : at + 7])
        whole, at = whole + data[at + 7 : at + 7 + length], at + 7 + length
        if kind in (1, 4):  # whole, or the last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            whole = b""
            if record.WhichOneof("record_type") == "history":
                yield {
                    item.key or "/".join(item.nested_key): json.loads(item.value_json)
                    for item in record.history.item
                }


def test_weights_and_biases(run: Path) -> None:
    id = json.loads((run / "trackers.json").read_text())["wandb"]["id"]
    files = sorted(run.glob(f"wandb/offline-run-*-{id}/*.wandb"))
    assert len(files) == 2
    rows = [row for file in files for row in history(file)]
    for name, values in wanted(run).items():
        assert {row["update"]: row[name] for row in rows if name in row} == values


def test_versions_are_told(record_testsuite_property: Any) -> None:
    for name, package in zip(ALL, ("tensorboard", "wandb", "mlflow-skinny", "trackio"), strict=True):
        record_testsuite_property(name, importlib.metadata.version(package))
