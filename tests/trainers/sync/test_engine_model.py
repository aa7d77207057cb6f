"""An engine that died is started again from its model, also once the checkpoint it came from is gone."""

from __future__ import annotations

import shutil
from pathlib import Path

from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.process import EngineProcess
from turnwise.trainers.policies.vllm import _lasting


def test_a_checkpoint_of_the_run_gets_a_second_name(tmp_path: Path) -> None:
    run, checkpoint = tmp_path / "run", tmp_path / "run" / "checkpoints" / "update-000010" / "policy"
    checkpoint.mkdir(parents=True)
    (checkpoint / "config.json").write_text("{}")
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    (run / "engine-model").mkdir()
    (run / "engine-model" / "stale").touch()
    place = Path(_lasting(str(checkpoint), run))
    assert (place / "model.safetensors").samefile(checkpoint / "model.safetensors")
    shutil.rmtree(checkpoint)
    assert {file.name: file.read_bytes() for file in place.iterdir()} == {
        "config.json": b"{}",
        "model.safetensors": b"weights",
    }
    EngineProcess(str(place), EngineConfig(python="true"), own_model=True).close()
    assert not place.exists()


def test_a_model_from_elsewhere_stays_where_it_is(tmp_path: Path) -> None:
    assert _lasting(str(tmp_path / "model"), tmp_path / "run") == str(tmp_path / "model")
    assert _lasting("owner/model", None) == "owner/model"
