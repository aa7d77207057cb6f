"""The README does what it says: its first program runs, its environment passes the check and trains."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from turnwise.trainers.runs.log import read_log

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)


def turnwise(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "turnwise", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=250)


@pytest.fixture
def lights(tmp_path: Path) -> Path:
    """Write the environment of the README into a file outside the package."""
    (program,) = [block for block in PYTHON if block.startswith("# lights.py")]
    (tmp_path / "lights.py").write_text(program)
    return tmp_path


def test_first_program_runs(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PYTHON[0]], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Your task is to:" in done.stdout


def test_the_first_lines_lead_from_a_clone_to_the_command() -> None:
    """In this order: a clone, its folder, what makes .venv, and what puts `turnwise` on the path."""
    first = re.findall(r"```\n(.*?)```", README, re.S)[0].splitlines()
    typed = [line.partition("#")[0].strip() for line in first]
    assert typed == [
        "git clone URL_OF_THIS_REPOSITORY turnwise",
        "cd turnwise",
        "make demo",
        ". .venv/bin/activate",
        "turnwise doctor",
    ]
    makefile = (Path(__file__).resolve().parents[1] / "Makefile").read_text()
    assert re.search(r"(?m)^VENV := \.venv$", makefile) and re.search(r"(?m)^demo: \$\(STAMP\)", makefile)


def test_own_environment_passes_the_check(lights: Path) -> None:
    done = turnwise("check", "lights.py:Lights", cwd=lights)
    assert done.returncode == 0, done.stdout + done.stderr


def test_own_environment_trains_by_one_command(lights: Path) -> None:
    command = re.search(r"turnwise (train tiny .*lights.*)", README)
    assert command is not None
    few = ["--set", "train.num_updates=3", "--set", "rollout.num_groups=4", "--set", "eval.episodes=8"]
    done = turnwise(*command.group(1).split(), *few, cwd=lights)
    assert done.returncode == 0, done.stderr
    entries = read_log(lights / "runs" / "lights")
    assert [entry["update"] for entry in entries if entry["kind"] == "update"] == [1, 2, 3]
    assert sum(entry["kind"] == "eval" for entry in entries) == 2


def test_it_is_short_and_names_real_files() -> None:
    assert len(README.splitlines()) <= 150
    root = Path(__file__).resolve().parents[1]
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (root / target).exists(), target
