"""Checkpoints: whole or not there; broken ones are named; the oldest go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from turnwise.errors import CheckpointError
from turnwise.trainers.runs import checkpoint


def save(root: Path, update: int, keep: int = 2) -> Path:
    def save_policy(folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(bytes([update % 256]) * 100)

    state = {"update": update}
    learner = {"moments": torch.full((3,), float(update))}
    return checkpoint.save(root, update, state=state, learner=learner, save_policy=save_policy, keep=keep)


def test_round_trip_and_keep(tmp_path: Path) -> None:
    for update in (1, 2, 10):
        save(tmp_path, update)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["update-000002", "update-000010"]
    saved = checkpoint.load(checkpoint.latest(tmp_path))
    assert (saved.update, saved.state) == (10, {"update": 10})
    assert saved.learner["moments"].tolist() == [10.0] * 3
    assert (saved.policy / "model.safetensors").read_bytes() == bytes([10]) * 100
    assert checkpoint.latest(tmp_path, previous=True).name == "update-000002"


def test_order_is_by_number_beyond_six_digits(tmp_path: Path) -> None:
    save(tmp_path, 999_999)
    save(tmp_path, 1_000_000)
    assert checkpoint.latest(tmp_path).name == "update-1000000"


def test_a_save_that_fails_leaves_the_former_ones(tmp_path: Path) -> None:
    save(tmp_path, 1)

    def full_disk(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match=r"No space left.*earlier checkpoints stay valid"):
        checkpoint.save(tmp_path, 2, state={}, learner={}, save_policy=full_disk, keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["update-000001"]
    assert checkpoint.load(checkpoint.latest(tmp_path)).update == 1


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".writing-update-000001-99999").mkdir()
    save(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["update-000002"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def test_broken_and_foreign_checkpoints_are_named(tmp_path: Path) -> None:
    folder = save(tmp_path, 1)
    weights = folder / "policy" / "model.safetensors"
    flip(weights)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: its SHA-256 is not the manifest's"):
        checkpoint.load(folder)
    weights.write_bytes(b"short")
    with pytest.raises(CheckpointError, match="has 5 bytes, the manifest says 100"):
        checkpoint.load(folder)
    weights.unlink()
    with pytest.raises(CheckpointError, match="no such file"):
        checkpoint.load(folder)
    (folder / "manifest.json").write_text(json.dumps({"schema": 99, "files": {}}))
    with pytest.raises(CheckpointError, match="schema 99"):
        checkpoint.load(folder)
    (folder / "manifest.json").write_text("[]")
    with pytest.raises(CheckpointError, match=r"manifest\.json: holds list"):
        checkpoint.load(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match=r"manifest\.json: cannot be read"):
        checkpoint.load(folder)


def test_no_checkpoint_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        checkpoint.latest(tmp_path)
    save(tmp_path, 1)
    with pytest.raises(CheckpointError, match="only one checkpoint"):
        checkpoint.latest(tmp_path, previous=True)
