"""`turnwise train` and `turnwise warmstart` as commands: exit codes, Ctrl-C, kill -9, own server."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import torch

from turnwise.__main__ import main
from turnwise.agents.tiny.checkpoint import load_checkpoint, load_model
from turnwise.servers.client.server_process import ServerProcess
from turnwise.trainers.recipe import dump
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.console import RunDisplay
from turnwise.trainers.runs.log import read_log

# How often a run is killed: more often in `make test-killed`.
KILLS = int(os.environ.get("TURNWISE_KILLS", "3"))
Here = Callable[..., subprocess.CompletedProcess[str]]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def place(lights, tmp_path: Path) -> Path:
    """Return a folder with an environment file and a recipe that names it, outside the package."""
    (tmp_path / "lights.toml").write_text(dump(lights(env={"id": "lights.py:Lights"})))
    return tmp_path


def test_an_own_environment_is_trained_by_one_command_over_http(place: Path) -> None:
    command = [sys.executable, "-m", "turnwise", "train", "lights.toml", "--set", "server.spawn=true"]
    done = subprocess.run(
        [*command, "--seed", "3"],
        cwd=place,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    run = place / "runs" / "lights-3"
    assert "results: runs/lights-3" in done.stdout
    assert [entry["update"] for entry in read_log(run) if entry["kind"] == "update"] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("train", "dmo"), 2, "did you mean 'demo'"),
        (("train", "lights.toml", "--set", "optim.learning_rat=1"), 2, "did you mean 'learning_rate'"),
        (("train", "lights.toml", "--set", "credit.name=gigppo"), 2, "did you mean 'gigpo'"),
        (("train", "lights.toml", "--set", "policy.checkpoint=nowhere"), 2, "nowhere"),
    ],
)
def test_mistakes_are_named_with_their_exit_code(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    hint: str,
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["turnwise", *arguments])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == code
    assert hint in capsys.readouterr().err
    assert not (place / "runs").exists()


def test_ctrl_c_saves_the_last_complete_update_and_exits_with_130(place: Path, here: Here) -> None:
    command = [sys.executable, "-m", "turnwise", "train", "lights.toml", "--out", "run"]
    more = ["--set", "train.num_updates=100000", "--set", "train.save_every=100000"]
    process = subprocess.Popen(
        [*command, *more], cwd=place, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    )
    log = place / "run" / "log.jsonl"
    wait_for(lambda: log.exists() and len(log.read_text().splitlines()) > 4)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert "turnwise train --resume --out run\n" in error
    saved = checkpoint.load(checkpoint.latest(place / "run" / "checkpoints"))
    assert saved.update == max(entry["update"] for entry in read_log(place / "run"))
    assert f"run is saved as it was after update {saved.update}, and goes on from there:" in error
    # the printed command, with a limit that ends it, goes on under the run's own settings
    more = ["--set", f"train.num_updates={saved.update + 1}"]
    gone_on = here("train", "--resume", "--out", "run", *more)
    assert gone_on.returncode == 0, gone_on.stderr
    assert read_log(place / "run")[-1]["update"] == saved.update + 1
    again = here("train", "--resume", "--out", "run", "--set", "log.console=true")
    assert "run is finished" in again.stderr and "held-out" not in again.stderr
    assert f"--resume --out run --set train.num_updates={2 * saved.update + 2}`" in again.stderr


def test_without_a_recipe_a_run_to_go_on_with_is_needed(here: Here) -> None:
    done = here("train", "--out", "run")
    assert (done.returncode, "which recipe?" in done.stderr) == (2, True)
    done = here("train", "--resume", "--out", "nowhere")
    assert (done.returncode, "expected the folder of a run" in done.stderr) == (2, True)


def wait_for(condition, timeout_s: float = 120.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_at_random_moments_it_resumes_and_leaves_no_session(place: Path, here: Here) -> None:
    changes = ["--set", f"train.num_updates={3 * KILLS + 3}", "--set", "train.save_every=1"]
    changes += ["--set", "eval.every=3"]
    assert here("train", "lights.toml", "--out", "calm", *changes).returncode == 0
    dice, left = random.Random(5), set()
    with ServerProcess(["--env", "lights.py:Lights", "--ttl", "600"], cwd=place) as server:
        changes += ["--set", f"server.url={server.url}"]
        for kill in range(KILLS):
            moment = dice.uniform(0.0, 0.3) if kill else None
            kill_after_updates(place, changes, 3 * kill + dice.randint(1, 2), moment)
            left |= noted(place / "run" / "sessions.open")
        assert left, "it was killed while it played"
        assert here("train", "lights.toml", "--out", "run", "--resume", *changes).returncode == 0
        rows = httpx.get(f"{server.url}/v1/sessions").json()["sessions"]
        assert not left & {row["id"] for row in rows}, "it has closed what it left"
    rates = [
        [entry["eval/success_rate"] for entry in read_log(place / name) if entry["kind"] == "eval"]
        for name in ("calm", "run")
    ]
    assert rates[0] == rates[1] and len(rates[0]) == KILLS + 2
    one, two = (
        load_model(checkpoint.latest(place / name / "checkpoints") / "policy").state_dict()
        for name in ("calm", "run")
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def kill_after_updates(place: Path, changes: list[str], num_updates: int, more_s: float | None) -> None:
    """Go on with the run, and kill it after so many updates: a moment later, or as soon as it plays again."""
    command = [sys.executable, "-m", "turnwise", "train", "lights.toml", "--out", "run", "--resume", *changes]
    process = subprocess.Popen(command, cwd=place, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: num_logged(place / "run") >= num_updates)
        if more_s is None:
            wait_for(lambda: bool(noted(place / "run" / "sessions.open")))
        else:
            time.sleep(more_s)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL


def noted(file: Path) -> set[str]:
    lines = file.read_text().split() if file.exists() else []
    return {line[1:] for line in lines if line[0] == "+"} - {line[1:] for line in lines if line[0] == "-"}


def num_logged(run: Path) -> int:
    text = (run / "log.jsonl").read_text() if (run / "log.jsonl").exists() else ""
    return text.count('"kind": "update"')


def test_warmstart_writes_a_compact_policy_that_repeats(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    common = ["--recipe", "lights.toml", "--env", "lights.py:Lights", "--episodes", "10", "--compact"]
    for out in ("one", "two"):
        monkeypatch.setattr(sys, "argv", ["turnwise", "warmstart", *common, "--seed", "1", "--out", out])
        with pytest.raises(SystemExit) as exit_info:
            main()
        assert exit_info.value.code in (0, None), capsys.readouterr().err
    contents = [(place / out / "model.safetensors").read_bytes() for out in ("one", "two")]
    assert contents[0] == contents[1]
    model, tokenizer = load_checkpoint(place / "one")
    assert next(iter(model.parameters())).dtype == torch.float32
    assert tokenizer.decode(tokenizer.encode("The light is red.")) == "The light is red."


def test_ctrl_c_while_demonstrations_are_collected_ends_the_rollout_and_leaves_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    before, shares = sorted(place.rglob("*.toml")), []

    def press(display: RunDisplay, text: str, share: float) -> None:
        shares.append(share)
        if len(shares) == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(RunDisplay, "working", press)
    words = ["--recipe", "lights.toml", "--env", "lights.py:Lights", "--episodes", "1000", "--out", "out"]
    monkeypatch.setattr(sys, "argv", ["turnwise", "warmstart", *words])
    with pytest.raises(SystemExit) as exit_info:
        main()
    assert exit_info.value.code == 130 and "interrupted" in capsys.readouterr().err
    assert 3 <= len(shares) < 500  # those that were under way may end
    assert sorted(place.rglob("*.toml")) == before and not list(place.glob("*out*"))
    assert not list(place.glob(".*out*"))
