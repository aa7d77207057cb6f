"""A run is paused, goes on, gets other limits, is stopped and killed, and loses nothing.

Real processes: what is asked is asked from outside, while the run trains.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from turnwise.__main__ import main
from turnwise.agents.control import Entry, entries, standing
from turnwise.agents.control.asking import answer, request
from turnwise.agents.tiny.checkpoint import load_model
from turnwise.errors import UsageError
from turnwise.trainers.recipe import dump, load
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.folder import open_run
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
MANY = {
    "rollout": {"num_groups": 4, "group_size": 4},
    "train": {"num_updates": 100_000, "save_every": 100_000},
    "eval": {"every": 0, "episodes": 0},
}


@pytest.fixture
def place(lights: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder with the environment and a recipe of very many updates, made the current one."""
    (tmp_path / "many.toml").write_text(dump(lights(env={"id": "lights.py:Lights"}, **MANY)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def begun(place: Path, run: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "turnwise", "train", "many.toml", "--out", run],
        cwd=place,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (place / run / "log.jsonl").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    return process


def told(run: Path, word: str, **limits: float) -> Entry:
    found = answer(run, request(run, word, limits), 120)
    assert found is not None
    return found


def weights(run: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(checkpoint.load(checkpoint.latest(run / "checkpoints")).policy).state_dict())


def test_a_run_that_was_paused_killed_and_resumed_equals_one_that_was_not(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = place / "run"
    process = begun(place, "run")
    try:
        assert told(run, "pause").said.endswith("and saved")
        lines = (run / "log.jsonl").read_bytes()
        with (
            pytest.raises(UsageError, match="plays here already"),
            open_run(run, load("many.toml"), resume=True),
        ):
            pass
        refused = told(run, "pause")
        assert not refused.done
        assert ((run / "log.jsonl").read_bytes(), standing(run).state) == (lines, "paused")
        assert told(run, "resume").done
        paused = told(run, "pause")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    num = int(paused.said.split()[3].rstrip(","))
    assert checkpoint.load(checkpoint.latest(run / "checkpoints")).update == num == len(read_log(run))
    monkeypatch.setattr(sys, "argv", ["turnwise", "control", "run", "resume"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1 and "turnwise train --resume --out run" in capsys.readouterr().err
    ending = [f"train.num_updates={num + 2}"]
    assert train(load("many.toml", ending), run, resume=True).update == num + 2
    train(load("many.toml", ending), place / "straight")
    one, two = weights(run), weights(place / "straight")
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    kept = [[entry[key] for key in ("update", "reward", "loss", "entropy")] for entry in read_log(run)]
    straight = read_log(place / "straight")
    assert kept == [[entry[key] for key in ("update", "reward", "loss", "entropy")] for entry in straight]


def test_limits_change_while_it_goes_on_and_stop_saves_the_last_update(place: Path) -> None:
    run = place / "run"
    process = begun(place, "run")
    try:
        assert told(run, "limit", updates=90_000, seconds=5000).done
        kept = load(str(run / "recipe.toml")).train
        assert (kept.num_updates, kept.max_seconds) == (90_000, 5000.0)
        stopped = told(run, "stop")
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, error
    num = checkpoint.load(checkpoint.latest(run / "checkpoints")).update
    assert stopped.said == f"stopped after update {num}, and saved"
    assert f"stopped after update {num}, and saved; run is saved" in error and "--resume --out run" in error
    assert [entry.asked for entry in entries(run)] == ["limit updates=90000 seconds=5000", "stop"]
    assert num == len(read_log(run))
