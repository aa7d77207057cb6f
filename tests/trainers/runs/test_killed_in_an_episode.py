"""A training that is killed in the middle of its episodes plays them on, and ends as if nothing had been.

Real processes, killed for real, at moments that are hit on purpose; a real server holds what they leave.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from dying import killed

from turnwise.agents.rollout.journal_file import JournalFile, read
from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.trajectories import read_trajectories
from turnwise.agents.types import Trajectory
from turnwise.servers.client import ServerProcess
from turnwise.trainers.recipe import from_tables
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train
from turnwise.trainers.warmstart.warmstart import warm_start

ROOM = f"{Path(__file__).parents[2] / 'agents' / 'rooms.py'}:Corridor"
TABLES: dict[str, Any] = {
    "env": {"id": ROOM},
    "policy": {
        "vocab_size": 300, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1,
        "intermediate_size": 16, "context_tokens": 512,
    },
    "warmstart": {"episodes": 4, "max_steps": 2, "teacher": "expert"},
    "rollout": {
        "num_groups": 2, "group_size": 3, "max_turns": 10, "max_episode_tokens": 512,
        "constraint": "admissible", "slots": 4,
    },
    "sampling": {"steps": [{"name": "dynamic"}]},
    "credit": {"name": "grpo"},
    "optim": {"learning_rate": 5e-3},
    "train": {"num_updates": 2, "save_every": 2, "max_failed": 0.5},
    "eval": {"every": 0, "episodes": 2},
    "log": {"console": False, "trajectories": "all"},
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    journal = tmp_path_factory.mktemp("server") / "journal"
    with ServerProcess(["--env", ROOM, "--journal", str(journal)]) as server:
        yield server


Tables = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """Return a maker of recipes, on a server or in the trainer's own process, that begin with one policy."""
    first = tmp_path_factory.mktemp("first") / "policy"
    warm_start(from_tables(TABLES), first)

    def make(server: ServerProcess | None = None, **log: Any) -> dict[str, Any]:
        policy = {**TABLES["policy"], "checkpoint": str(first)}
        asked = {} if server is None else {"server": {"url": server.url}}
        return {**TABLES, "policy": policy, "log": {**TABLES["log"], **log}, **asked}

    return make


@pytest.fixture(scope="module")
def straight(server: ServerProcess, tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that was left alone."""
    run = tmp_path_factory.mktemp("runs") / "straight"
    train(from_tables(tables(server)), run)
    return run


def figures(run: Path) -> list[dict[str, Any]]:
    """Return the log without what a clock decides, and without what it says of going on."""
    clocks = ("time/", "resumed/")
    return [
        {
            name: value
            for name, value in entry.items()
            if not name.startswith(clocks) and "seconds" not in name and "_per_s" not in name
            and name != "step_time"
        }
        for entry in read_log(run)
    ]  # fmt: skip


def played(run: Path, update: int) -> list[Trajectory]:
    stored = read_trajectories(run / "trajectories" / f"update-{update:06d}.jsonl.gz")
    return [replace(trajectory, seconds=0.0) for trajectory in stored]


def assert_equal(run: Path, straight: Path) -> None:
    """Assert that two runs have come to the same, to the last bit."""
    assert figures(run) == figures(straight)
    for update in (1, 2):
        assert played(run, update) == played(straight, update)
    one, two = (
        load_model(checkpoint.load(checkpoint.latest(each / "checkpoints")).policy).state_dict()
        for each in (run, straight)
    )
    assert all(torch.equal(one[name], two[name]) for name in two)


def resumed(run: Path) -> dict[str, float]:
    """Return what the log says of the episodes that went on, over all updates."""
    total: dict[str, float] = {}
    for entry in read_log(run):
        for name in (name for name in entry if name.startswith("resumed/")):
            total[name] = total.get(name, 0.0) + entry[name]
    return total


def num_kept(run: Path) -> int:
    """Return how many messages are kept of what was played for training."""
    files = [read(path) for path in (run / "turns").glob("*-train.turns")]
    return sum(b'{"said":' in record for found in files if found for _, record in found.records)


MOMENTS = {  # how often it is passed before: in the second update, and there is no checkpoint of the first
    "message": (27, "held"),
    "step": (26, "restarted"),
    "journal": (25, "held"),
    "learner": (1, "gone"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_a_moment_it_ends_as_if_it_had_not_been(
    server: ServerProcess, straight: Path, tables: Tables, tmp_path: Path, moment: str
) -> None:
    number, what = MOMENTS[moment]
    run, recipe = tmp_path / "run", tables(server)
    assert killed(recipe, run, moment, number) == -9
    kept = num_kept(run)
    assert kept > 10 and not (run / "checkpoints" / "update-000002").exists()
    open_now = {row["id"] for row in httpx.get(f"{server.url}/v1/sessions").json()["sessions"]}
    if what == "restarted":
        server.kill()
        server.start()
    elif what == "gone":
        httpx.post(f"{server.url}/v1/close", json={"ids": sorted(open_now)})
    train(from_tables(recipe), run, resume=True)
    assert_equal(run, straight)
    found = resumed(run)
    assert found["resumed/kept_turns"] == kept and found["resumed/lost_turns"] == found["resumed/again"] == 0
    if moment != "learner":  # there all episodes had ended
        assert open_now and found["resumed/attached"] > 0 == found["resumed/rebuilt"]
    assert not httpx.get(f"{server.url}/v1/sessions").json()["sessions"], "nothing is left"
    assert not (run / "turns").exists() and not (run / "sessions.open").exists()


def test_killed_in_an_evaluation_it_ends_as_if_it_had_not_been(
    server: ServerProcess, straight: Path, tables: Tables, tmp_path: Path
) -> None:
    run, recipe = tmp_path / "run", tables(server)
    assert killed(recipe, run, "message", 2) == -9
    found = read(run / "turns" / "update-000000-eval.turns")
    assert found is not None and found.header["what"] == "eval" and len(found.records) > 4
    train(from_tables(recipe), run, resume=True)
    assert_equal(run, straight)
    assert not resumed(run) and not (run / "turns").exists()


def test_without_a_server_actions_are_taken_again(straight: Path, tables: Tables, tmp_path: Path) -> None:
    """In the trainer's own process there is nothing to attach to; a journal of others is left out."""
    run, recipe = tmp_path / "run", tables()
    assert killed(recipe, run, "journal", 25) == -9
    kept, path = num_kept(run), next((run / "turns").glob("*-000001-train.turns"))
    assert kept > 10
    header, *records = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([header, *records])[:-7])  # as a power failure might
    train(from_tables(recipe), run, resume=True)
    assert_equal(run, straight)
    found = resumed(run)
    assert found["resumed/rebuilt"] > 0 == found["resumed/attached"]
    assert kept - 1 <= found["resumed/kept_turns"] <= kept


def test_turns_of_other_weights_are_played_again(
    straight: Path, tables: Tables, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, recipe = tmp_path / "run", tables(console=True)
    assert killed(recipe, run, "step", 25) == -9
    for place, path in enumerate(sorted((run / "turns").glob("*-train.turns"))):
        found = read(path)
        assert found is not None
        other = {"weights": "0" * 32} if place else {"recipe": "another"}
        path.unlink()
        file = JournalFile(path, {**found.header, **other}, 1 << 30)
        for record in found.records:
            file._add(*record)
        file.close()
    kept = num_kept(run)
    train(from_tables(recipe), run, resume=True)
    assert_equal(run, straight)
    found = resumed(run)
    assert found["resumed/kept_turns"] == 0 and found["resumed/lost_turns"] == kept
    said = capsys.readouterr().err
    assert "other weights" in said and "another recipe" in said and "played again" in said
    assert math.isclose(found["resumed/twice"], 2.0)
