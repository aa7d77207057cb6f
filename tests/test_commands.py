"""The command line as a user meets it: its exit code, its two streams; as a process where that is the point.

1. Wrong usage (unknown environment, recipe, key, algorithm, option) exits with 2,
   says what is close, and writes nothing.
2. --json prints one document on standard output and nothing else.
3. --help of every command shows examples or options and exits with 0.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from turnwise.__main__ import _COMMANDS, app, main

DEMO = Path(__file__).resolve().parents[1] / "trainers" / "warmstarts" / "demo"


def turnwise(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "turnwise", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "200"},
    )


Here = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["check", "household/mix-v1"], "household/mix-v0"),
        (["check", "nowhere.py:Env"], "no Python file"),
        (["check", "household/mix-v0", "-k", "split"], "NAME=VALUE"),
        (["check", "household/mix-v0", "-k", "split=unsene"], "unseen"),
        (["check", "household/mix-v0", "-k", "splt=seen"], "did you mean 'split'"),
        (
            ["eval", "--env", "household/demo-v0", "--agent", "random", "-k", "max_turns=few"],
            "a whole number",
        ),
        (["envs", "household/demo-v1"], "household/demo-v0"),
        (
            ["eval", "--env", "household/demo-v0", "--agent", f"ckpt:{DEMO}", "--history", "7"],
            "it was trained",
        ),
        (
            ["eval", "--env", "household/demo-v0", "--agent", "random", "--history", "7", "--recipe", "tiny"],
            "the recipe says",
        ),
        (
            ["warmstart", "--recipe", "gigpo", "--set", "policy.checkpoint=", "--out", "warm"],
            "warmstart.base",
        ),
        (["demo", "--resume"], "there is none in runs/"),
        (["train", "demmo"], "demo"),
        (["train", "nothing-like-it"], "`turnwise recipes` lists them"),
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
    arguments: list[str], hint: str, here: Here, tmp_path: Path
) -> None:
    done = here(*arguments)
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


def test_the_arguments_of_an_environment_and_the_recipes_are_listed(tmp_path: Path) -> None:
    listed = turnwise("envs", "household/demo-v0", cwd=tmp_path).stdout
    assert "  max_turns: a whole number, default 20: an episode ends after so many turns.\n" in listed
    document = json.loads(turnwise("envs", "search/qa-v1", "--json", cwd=tmp_path).stdout)
    assert document["arguments"][0]["name"] == "questions" and document["arguments"][0]["required"] is True
    found = {
        each["name"]: each["description"]
        for each in json.loads(turnwise("recipes", "--json", cwd=tmp_path).stdout)
    }
    assert found["g2po"] == "G2PO (arXiv 2606.22995) on household"
    assert found["dr_grpo"].startswith("Dr. GRPO (arXiv 2503.20783): neither deviations nor lengths divide")
    assert all(found.values()) and "turn_ppo" in found


SECRET = """
import os
from turnwise import TextEnv


class Secret(TextEnv):
    def __init__(self):
        self.key = os.environ["A_KEY_THAT_IS_MISSING"]
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "secret.py:Secret"],
        ["play", "secret.py:Secret"],
        ["eval", "--env", "secret.py:Secret", "--agent", "random", "--out", "rows"],
        ["train", "tiny", "--set", "env.id=secret.py:Secret", "--out", "run"],
    ],
    ids=lambda value: value[0],
)
def test_a_constructor_that_raises_is_one_line_and_writes_nothing(
    arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "secret.py").write_text(SECRET)
    done = turnwise(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "error: secret.py:Secret could not be made: KeyError: 'A_KEY_THAT_IS_MISSING' (line 8, in __init__)"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) in (["secret.py"], ["__pycache__", "secret.py"])


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
def test_help_of_every_command(command: str, here: Here) -> None:
    done = here(command, "--help")
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
    told = turnwise("check", "broken.py:Dice", cwd=tmp_path).stdout
    assert told.count("FAIL") == len(failed) and told.count('the fault of "keys of info" again') == 3
    assert told.count("reward nan") == 3  # the fresh process and the strange action say more


def test_examples_of_the_help_keep_their_lines_on_a_narrow_terminal() -> None:
    for name in _COMMANDS:
        said = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "60"}).output
        assert "list[" not in said, name
        documented = re.findall(
            r"(?m)^ +(turnwise .+)$", typer.main.get_command(app).commands[name].help or ""
        )  # type: ignore[attr-defined]
        assert all(f"  {line}\n" in said for line in documented), name


def test_an_interruption_is_told_where_a_command_says_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("turnwise.trainers.recipe.summaries", interrupted)
    monkeypatch.setattr("turnwise.api.training.run_recipe", interrupted)
    monkeypatch.setattr("turnwise.api.evaluating.play", interrupted)
    evaluate = ["eval", "--env", "household/demo-v0", "--agent", "expert"]
    for arguments, said in (
        (["recipes"], "interrupted\n"),
        (["train", "tiny"], "interrupted; nothing was made"),
        (evaluate, "interrupted; 0 of 100 episodes had ended, and nothing is kept: --out DIR keeps them"),
        ([*evaluate, "--out", "e"], "interrupted; no episode had ended, so e holds none; the same command "),
    ):
        monkeypatch.setattr(sys, "argv", ["turnwise", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        error = capsys.readouterr().err
        assert (ended.value.code, error.startswith(said), error.count("interrupted")) == (130, True, 1)
