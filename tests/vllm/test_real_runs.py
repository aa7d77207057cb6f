"""A run over a real vLLM: the curve of transformers, an engine that is killed, a run that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from vllm_rooms import qwen2

from turnwise.trainers.recipe import Recipe, dump, from_tables
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]
VOWELS = Path(__file__).with_name("vowels.py")


def recipe_of(kind: str, model: Path, python: str, updates: int, **policy: Any) -> Recipe:
    return from_tables(
        {
            "env": {"id": f"{VOWELS}:Vowels"},
            "policy": {"kind": kind, "checkpoint": str(model), "engine": {"python": python}} | policy,
            "prompt": {"style": "plain"},
            "rollout": {
                "num_groups": 4, "group_size": 8, "max_turns": 1, "max_tokens": 12, "max_episode_tokens": 256,
                "constraint": "none", "deterministic": False, "slots": 32,
            },
            "credit": {"name": "grpo"},
            "optim": {"learning_rate": 5e-3, "num_minibatches": 1},
            "train": {"num_updates": updates, "save_every": 1},
            "eval": {"every": 0, "episodes": 0},
            "log": {"console": False},
        }
    )  # fmt: skip


def rewards(run: Path) -> list[float]:
    return [entry["reward"] for entry in read_log(run) if entry["kind"] == "update"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return qwen2(tmp_path_factory.mktemp("vowels") / "model", tied=True)


def test_both_engines_learn_alike(model: Path, python: str, tmp_path: Path) -> None:
    """Both rise steeply, over four seeds from the third to the sixth update, and are at 0.99 by the ninth."""
    curves = {}
    for kind in ("transformers", "vllm"):
        train(recipe_of(kind, model, python, 12), tmp_path / kind)
        curves[kind] = rewards(tmp_path / kind)
    print("reward of each update:", curves)
    entries = [entry for entry in read_log(tmp_path / "vllm") if entry["kind"] == "update"]
    assert max(entry["sync/worst_nats"] for entry in entries) < 1e-4
    assert max(entry["mismatch_kl"] for entry in entries) < 1e-8
    ours, theirs = curves["transformers"], curves["vllm"]
    assert abs(ours[0] - theirs[0]) < 0.1  # the same policy, other draws
    assert max(ours[0], theirs[0]) < 0.1 and min(ours[-1], theirs[-1]) > 0.9
    assert (tmp_path / "vllm" / "engine.log").is_file()


def engines(words: str) -> list[psutil.Process]:
    """Return the processes of vLLM below this one whose command holds words; not the watch over them."""
    found = []
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            said = " ".join(each.cmdline())
            if words in said and " -I " not in said:
                found.append(each)
    return found


def test_an_engine_that_is_killed_comes_back_and_nothing_is_lost(
    model: Path, python: str, tmp_path: Path
) -> None:
    """Its server dies first, then its core alone, which the server outlives for a moment."""
    log, killed = tmp_path / "run" / "log.jsonl", list[int]()

    def kill() -> None:
        for updates, words in ((1, "vllm.entrypoints.openai.api_server"), (3, "EngineCore")):
            while not log.is_file() or log.read_text().count('"kind": "update"') < updates:
                time.sleep(0.05)
            for engine in engines(words):
                engine.kill()
                killed.append(engine.pid)

    threading.Thread(target=kill, daemon=True).start()
    state = train(recipe_of("vllm", model, python, 6), tmp_path / "run")
    assert len(killed) == 2
    assert state.update == 6
    entries = [entry for entry in read_log(tmp_path / "run") if entry["kind"] == "update"]
    assert [entry["update"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert {entry["rollout/errors"] for entry in entries} == {0.0}


def test_a_run_that_is_killed_takes_its_engine_with_it_and_goes_on(
    model: Path, python: str, tmp_path: Path
) -> None:
    recipe, out = recipe_of("vllm", model, python, 3), tmp_path / "run"
    (tmp_path / "recipe.toml").write_text(dump(recipe))
    command = [sys.executable, "-m", "turnwise", "train", str(tmp_path / "recipe.toml"), "--out", str(out)]
    running = subprocess.Popen(command)
    log = out / "log.jsonl"
    while not (log.is_file() and log.stat().st_size) and running.poll() is None:
        time.sleep(0.2)
    below = psutil.Process(running.pid).children(recursive=True)
    assert below
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive, alive
    state = train(recipe, out, resume=True)
    assert state.update == 3
    assert [entry["update"] for entry in read_log(out) if entry["kind"] == "update"] == [1, 2, 3]
