"""The script for one GPU: every step on the CPU with small shapes, and its words where there is no card.

1. all steps end, every bound holds, and what was found stands in both files as it came;
2. of the run that plays ahead it tells what came of it beside the one in turn, and a run that never was ahead
   is found out;
3. without a card, and cut off, it says so and ends with a code of its own; what it had found stays.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "benchmarks" / "gpu" / "run.py"
STEPS = ["agreement", "runs", "ahead", "checkpointing", "memory", "speed", "adapter"]
pytest.importorskip("transformers")
pytest.importorskip("peft")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    given = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=given)


@pytest.mark.gpu
def test_every_step_with_small_shapes(tmp_path: Path) -> None:
    done = run("--device", "cpu", "--small", "--out", str(tmp_path), "--seconds", "1000")
    assert done.returncode == 0, done.stdout + done.stderr
    (lines,) = tmp_path.glob("*-gpu-cpu-*-small-shapes.jsonl")
    first, *found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert first["torch"] == torch.__version__
    assert list(dict.fromkeys(each["step"] for each in found)) == STEPS
    held = [each["name"] for each in found if each["holds"]]
    assert "a second run" in held
    assert "a deterministic update, twice" in held
    assert any(name.startswith("its base moved") for name in held)
    page = lines.with_suffix(".md").read_text()
    assert all(each["name"] in page for each in found)


def test_it_tells_what_playing_ahead_comes_to(tmp_path: Path) -> None:
    done = run("--device", "cpu", "--small", "--only", "ahead", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    (lines,) = tmp_path.glob("*.jsonl")
    found = {each["name"]: each for each in map(json.loads, lines.read_text().splitlines()[1:])}
    held = ["in turn: updates", "played ahead: updates", "tokens up to 1 behind it", "older ones, masked"]
    assert [name for name, each in found.items() if each["holds"] is not None] == held
    value = {name: each["value"] for name, each in found.items()}
    assert value["in turn: updates"] == value["played ahead: updates"] == 3
    for what in ("generate", "wait for episodes", "learn", "throughput"):
        assert value[f"in turn: {what}"] > 0 and value[f"played ahead: {what}"] > 0
    for side in ("learner", "engine"):
        assert 0 < value[f"in turn: {side} at work"] < 1 and 0 < value[f"played ahead: {side} at work"] <= 1
    assert value["in turn: both at once, at least"] == 0
    assert value["in turn: held up by"].partition(":")[0] in {"turns", "learner", "engine", "environments"}
    assert value["throughput by that in turn"] == pytest.approx(
        value["played ahead: throughput"] / value["in turn: throughput"]
    )


def test_what_is_told_of_updates_is_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPT.parent)
    tells = importlib.import_module("updates")
    phases = {"time/policy": 3.0, "time/wait": 1.0, "time/sync": 0.5, "time/learner": 2.0}
    entry = {
        **phases, "time/busy_learner": 0.625, "time/busy_engine": 0.75, "time/bottleneck": "learner: ...",
        "rollout/tokens": 80.0, "step_time": 4.0, "sync/worst_nats": 1e-4, "off_policy/uncut": 1.0,
        "staleness/0": 0.25, "staleness/1": 0.5, "staleness/masked": 0.25,
    }  # fmt: skip
    first = {**entry, "time/learner": 50.0, "step_time": 100.0, "sync/worst_nats": 3e-4, "staleness/0": 0.75}
    first |= {"staleness/1": 0.25, "staleness/masked": 0.0}
    told = {each.name: each for each in tells.told("played ahead", [first, entry, entry], 3)}
    assert told["played ahead: learn"].value == 2.0 and told["played ahead: throughput"].value == 20.0
    assert told["played ahead: both at once, at least"].value == 0.375
    assert told["played ahead: updates"].holds
    assert not next(tells.told("played ahead", [first, entry], 3)).holds
    ages = {each.name: each for each in tells.ages([first, entry], 1)}
    assert ages["tokens of the learner's version"].value == 0.5
    assert ages["tokens up to 1 behind it"].value == 0.375 and ages["tokens up to 1 behind it"].holds
    assert ages["older ones, masked"].value == 0.125 and ages["older ones, masked"].holds
    assert ages["engine and learner after weights came, largest"].value == 3e-4
    never = {**entry, "staleness/0": 1.0, "staleness/1": 0.0, "staleness/masked": 0.0}
    assert [each.holds for each in tells.ages([never], 1)][1:3] == [False, True]
    lost = {**entry, "staleness/masked": 0.0}
    assert [each.holds for each in tells.ages([lost], 1)][1:3] == [True, False]


def test_without_a_card_it_says_so() -> None:
    done = run(CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 3
    assert done.stderr.startswith("no GPU can be reached: torch ")
    assert "--device cpu --small" in done.stderr


def test_what_was_found_stays_when_the_time_is_over(tmp_path: Path) -> None:
    asked = ["--device", "cpu", "--small", "--out", str(tmp_path), "--seconds", "0", "--only", "speed"]
    done = run(*asked)
    assert done.returncode == 5, done.stdout + done.stderr
    (lines,) = tmp_path.glob("*.jsonl")
    assert json.loads(lines.read_text().splitlines()[-1])["name"] == "cut off"
