"""Leaderboards of the evaluations below a folder: the same tasks on one board, hostile text as text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from turnwise.agents.evaluation.results import EvalRow
from turnwise.servers.pages.guard import Guard
from turnwise.trainers.pages.site import site

EVIL = "<script>alert(1)</script>\x1b\u202e"
ROW = EvalRow("t", 0, True, 1.0, None, 2, 1, 0.0, 0, 0, "terminated", None, 0.5, "f")


def evaluation(folder: Path, agent: str, wins: list[bool]) -> None:
    folder.mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"environment": EVIL, "kwargs": {}, "agent": agent}))
    rows = [replace(ROW, seed=seed, success=won).document() for seed, won in enumerate(wins)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    evaluation(tmp_path / "a", EVIL, [True] * 8)
    evaluation(tmp_path / "b", "loses", [False] * 8)
    evaluation(
        tmp_path / "deep" / "c", "openai:http://127.0.0.1:8/episodes/s3cret/v1#draws", [True, False] * 4
    )
    (tmp_path / "gateway" / "trajectories").mkdir(parents=True)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "rows.jsonl").write_text("{}\n")
    return TestClient(Guard(site(tmp_path), "word"), base_url="http://127.0.0.1/word/")


def test_evaluations_of_the_same_tasks_are_on_one_board(client: TestClient, tmp_path: Path) -> None:
    assert 'href="boards"' in client.get("./").text
    listed = client.get("boards").text
    assert "On none of them" in listed and "broken" in listed and listed.count("board?of=") == 1
    word = listed.partition("board?of=")[2].partition('"')[0]
    page = client.get(f"board?of={word}").text
    assert "openai:draws" in page and "s3cret" not in page  # whoever knows the address may play there
    assert "gateway" not in listed
    assert "self-reported" in page and page.count("<path") == 4 and "tied with 1 other<" in page
    assert "<script>alert" not in page and "\\u202e" in page and "\x1b" not in page
    pair = client.get(f"board-pair?of={word}&a=a&b=b").text
    assert "0.00781" in pair and "8 better, 0 worse" in pair and "McNemar" in pair  # 2 / 256
    for wrong in ("board?of=nothing", f"board-pair?of={word}&a=a&b=nothing", f"board?of={word}&first=x"):
        assert client.get(wrong).status_code == 404, wrong
    evaluation(tmp_path / "d", "new", [True] * 8)
    assert ">new" in client.get(f"board?of={word}").text  # made again, as something was written
