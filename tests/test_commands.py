"""The command line as a user meets it: a process, its exit code, its two streams.

1. Wrong usage (unknown environment, recipe, key, algorithm, option) exits with 2,
   says what is close, and writes nothing.
2. --json prints one document on standard output and nothing else.
3. --help of every command shows examples or options and exits with 0.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnwise.__main__ import _COMMANDS


def turnwise(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "turnwise", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["check", "household/mix-v1"], "household/mix-v0"),
        (["check", "nowhere.py:Env"], "no Python file"),
        (["check", "household/mix-v0", "-k", "split"], "NAME=VALUE"),
        (["check", "household/mix-v0", "-k", "split=unsene"], "unseen"),
        (["train", "demmo"], "demo"),
        (["train", "demo", "--set", "optim.learning_rat=1"], "learning_rate"),
        (["train", "demo", "--set", "credit.name=gigop"], "gigpo"),
        (["train", "demo", "--set", "credit.gama=1"], "gamma"),
        (["train", "demo", "--set", "loss.name=pppo"], "ppo"),
        (["train", "demo", "--set", "env.id=household/dem-v0"], "household/demo-v0"),
        (["train", "demo", "--set", "train.seed=x"], "train.seed"),
        (["eval", "--env", "household/demo-v0", "--agent", "exprt"], "expert"),
        (["eval", "--env", "household/dem-v0", "--agent", "expert"], "household/demo-v0"),
        (["report", "nothing-here"], "folder of a run"),
        (["serv"], "serve"),
        (["check", "--sedes", "3", "household/mix-v0"], "seeds"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_wrong_usage_says_what_is_close_and_writes_nothing(
    arguments: list[str], hint: str, tmp_path: Path
) -> None:
    done = turnwise(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_json_is_one_document_and_nothing_else(tmp_path: Path) -> None:
    ids = [entry["id"] for entry in json.loads(turnwise("envs", "--json", cwd=tmp_path).stdout)]
    assert "household/demo-v0" in ids and ids == sorted(ids)
    checked = json.loads(turnwise("check", "household/demo-v0", "--json", cwd=tmp_path).stdout)
    assert checked["passed"] is True
    assert json.loads(turnwise("doctor", "--json", cwd=tmp_path).stdout)["ok"] is True


def test_eval_json_has_the_agreed_fields(tmp_path: Path) -> None:
    done = turnwise(
        *("eval", "--env", "household/demo-v0", "--agent", "expert", "--episodes", "6", "--json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {"success_rate", "ci_low", "ci_high", "episodes", "score", "turns", "per_task"} <= set(result)
    assert (result["success_rate"], result["episodes"], len(result["per_task"])) == (1.0, 6, 6)


@pytest.mark.parametrize("command", [*_COMMANDS])
def test_help_of_every_command(command: str, tmp_path: Path) -> None:
    done = turnwise(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Usage:" in done.stdout


def test_an_environment_that_breaks_the_contract_fails_its_check(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "import random\n"
        "from turnwise import TextEnv\n"
        "class Dice(TextEnv):\n"
        "    def reset(self, *, seed=None, options=None):\n"
        "        return f'rolled {random.random()}', {}\n"
        "    def step(self, action):\n"
        "        return 'again', float('nan'), False, False, {}\n"
    )
    done = turnwise("check", "broken.py:Dice", "--json", cwd=tmp_path)
    assert done.returncode == 1
    failed = {entry["name"] for entry in json.loads(done.stdout)["checks"] if entry["outcome"] == "failed"}
    assert {"gymnasium contract", "same seed, same episode", "any text as an action"} <= failed
