"""The page about a run: figures by the protocol, transcripts, and clear errors.

1. `after` is the mean of the last three evaluations, never the best point.
2. `area` is the mean of the curve over its time, by trapezoids.
3. The page shows the shortest success and a failure, and survives hostile text.
4. A folder without a log is refused; nothing is written.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from turnwise.agents.trajectories import trajectory_path, write_trajectories
from turnwise.agents.types import Trajectory, Turn
from turnwise.errors import UsageError
from turnwise.trainers.reports.report import summarise, write_report


def evaluation(update: int, seconds: float, rate: float) -> dict[str, object]:
    return {
        "kind": "eval",
        "update": update,
        "train_seconds": seconds,
        "eval/success_rate": rate,
        "eval/ci_low": rate - 0.1,
        "eval/ci_high": rate + 0.1,
    }


def update(number: int, seconds: float) -> dict[str, object]:
    return {
        "kind": "update",
        "update": number,
        "train_seconds": seconds,
        "total_tokens": 100 * number,
        "credit/mean": 0.25,
        "success_rate": 0.5,
    }


def episode(actions: list[str], success: bool) -> Trajectory:
    turns = tuple(
        Turn(i, f"room {i}", f"room {i}", action, float(success and i == len(actions) - 1), f"room {i + 1}")
        for i, action in enumerate(actions)
    )
    return Trajectory("toy/room-v0", "t", 0, "g", turns, "terminated", "the end", success=success)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "a-run"
    entries = [
        evaluation(0, 0.0, 0.2),
        update(1, 10.0),
        evaluation(1, 10.0, 0.6),
        update(2, 20.0),
        evaluation(2, 20.0, 0.9),
        update(3, 40.0),
        evaluation(3, 40.0, 0.6),
    ]
    folder.mkdir()
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    write_trajectories(trajectory_path(folder, 1), [episode(["wait", "wait"], success=False)])
    write_trajectories(
        trajectory_path(folder, 3),
        [episode(["a", "b", "take it"], success=True), episode(["take it"], success=True)],
    )
    return folder


def test_figures_follow_the_protocol(run: Path) -> None:
    figures = summarise(run)
    assert figures["after"] == pytest.approx((0.6 + 0.9 + 0.6) / 3)
    assert figures["last"]["success_rate"] == 0.6
    # (0.2+0.6)/2 * 10 + (0.6+0.9)/2 * 10 + (0.9+0.6)/2 * 20, over 40 seconds
    assert figures["area"] == pytest.approx((4.0 + 7.5 + 15.0) / 40)
    assert (figures["num_updates"], figures["train_seconds"], figures["num_tokens"]) == (3, 40.0, 300)


def test_page_shows_how_the_agent_plays(run: Path) -> None:
    page = write_report(run).read_text()
    assert "| before training | 20.0 % | 10.0 % to 30.0 % |" in page
    assert "| mean of the last 3 | 70.0 % | |" in page
    assert "> wait" in page.split("Before training")[1].split("###")[0]
    success = page.split("the shortest success")[1]
    assert "> take it" in success and "> a\n" not in success
    assert "A failure" not in page.split("the shortest success")[1]
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_hostile_text_stays_inside_its_block(run: Path) -> None:
    write_trajectories(trajectory_path(run, 3), [episode(["```\n# not a heading"], success=True)])
    page = write_report(run).read_text()
    assert page.count("```") % 2 == 0
    assert "'''" in page


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"log\.jsonl.*expected the folder of a run"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []
