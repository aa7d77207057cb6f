"""The script for one GPU: every step on the CPU with small shapes, and its words where there is no card.

1. all steps end, every bound holds, and what was found stands in both files as it came;
2. without a card, and cut off, it says so and ends with a code of its own; what it had found stays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "benchmarks" / "gpu" / "run.py"
STEPS = ["agreement", "runs", "checkpointing", "memory", "speed", "adapter"]
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
