"""What a run keeps of its evaluations: every turn of the first, the best and the last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from turnwise.agents.stored import StoredTrajectories
from turnwise.servers.pages.guard import Guard
from turnwise.trainers.pages.site import site
from turnwise.trainers.runs.held_out_kept import Keeping, kept_of
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.sections import LogSection
from turnwise.trainers.train import train


def made(run: Path, *names: str) -> None:
    for name in names:
        (run / "held_out" / name).mkdir(parents=True)


def left(run: Path) -> list[str]:
    return [folder.name for folder, _ in kept_of(run)]


def test_the_first_the_best_and_the_last_are_kept(tmp_path: Path) -> None:
    made(tmp_path, *(f"update-{update:06d}" for update in (0, 10, 20, 30, 40)), "update-x", "mine")
    made(tmp_path, "update-000020.a-v0", "update-1000000")
    Keeping(tmp_path, 30, LogSection()).prune(20)
    assert left(tmp_path) == ["update-000000", "update-000020", "update-000020.a-v0", "update-000030"]
    assert (tmp_path / "held_out" / "mine").is_dir()
    Keeping(tmp_path, 30, LogSection(held_out="all")).prune(None)
    assert len(left(tmp_path)) == 4
    for log in (LogSection(held_out="none"), LogSection(held_out_mb=0.0)):
        assert Keeping(tmp_path, 40, log).folder("a/b-v0", False) is None
    keeping = Keeping(tmp_path, 40, LogSection())
    assert keeping.folder("a/b-v0", True) == tmp_path / "held_out" / "update-000040.a-b-v0"
    again = keeping.folder("../../x.py:Env", True)
    assert again is not None and again.parent == tmp_path / "held_out"


def test_a_run_shows_every_turn_of_its_evaluations_and_learns_the_same(
    lights: Callable[..., Any], tmp_path: Path
) -> None:
    small = {"rollout": {"num_groups": 4, "group_size": 4}, "train": {"num_updates": 2, "save_every": 2}}
    small |= {"eval": {"every": 1, "episodes": 8}}
    run = tmp_path / "run"
    train(lights(**small), run)
    train(lights(**small, log={"held_out": "none"}), tmp_path / "bare")
    assert not (tmp_path / "bare" / "held_out").exists()
    figures = ("eval/success_rate", "reward", "loss")
    one, two = (
        [[entry.get(name) for name in figures] for entry in read_log(each)]
        for each in (run, tmp_path / "bare")
    )
    assert one == two
    assert {0, 2} <= {update for _, update in kept_of(run)} <= {0, 1, 2}
    with StoredTrajectories(run / "held_out" / "update-000002") as stored:
        assert len(stored.rows().rows) == 8
    with TestClient(Guard(site(tmp_path), "word"), base_url="http://127.0.0.1/word/") as client:
        assert "after update 2</a>" in client.get("run?at=run").text
        page = client.get("run?at=run/held_out/update-000002").text
        assert "Trajectories</a>" in page and "<dd>update 2</dd>" in page
        assert "held_out" not in client.get("").text
