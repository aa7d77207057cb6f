"""Hosted runs on the pages: what the record says of them, and their trajectories."""

from __future__ import annotations

import json
import re
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from turnwise.agents.stored import KeptTrajectories
from turnwise.agents.types import Trajectory
from turnwise.servers.pages.guard import Guard
from turnwise.trainers.pages.site import site

TASK = {"environment": "coin.py:Coin", "task": 0, "slot": "0.3", "end": "terminated", "turns": 2}


@pytest.fixture
def hosted(tmp_path: Path) -> Path:
    tasks = [
        {**TASK, "task": 0, "return": 0.0, "score": None, "success": False},
        {**TASK, "task": 1, "return": 1.0, "score": None, "success": True},
        {**TASK, "task": 2, "return": 1.0, "score": None, "success": True},
    ]
    record: dict[str, Any] = {
        "benchmark": {"name": "coins", "hash": "ab", "draw": "fresh"},
        "declared": {"agent": "openai:word<b>matcher"},
        "measured": {"score": 2 / 3, "tasks": tasks},
    }
    folder = tmp_path / "hosted"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"benchmark": "coins", "server": "http://127.0.0.1:1"}))
    (folder / "record.json").write_text(json.dumps({"key": "k", "record": record}))
    return folder


def asked(root: Path) -> TestClient:
    return TestClient(Guard(site(root), "word"), base_url="http://127.0.0.1/word/")


def test_a_hosted_run_is_an_evaluation_whose_record_tells_its_tasks(hosted: Path) -> None:
    client = asked(hosted.parent)
    assert "hosted" in client.get("./").text
    page = client.get("run?at=hosted").text
    assert "openai:word&lt;b&gt;matcher" in page and "benchmark coins" in page and "66.7" in page
    assert "the outcome from that record" in page
    assert page.count('good">won<') == 2 and page.count('bad">lost<') == 1 and "terminated 3" in page


def test_a_run_that_was_withdrawn_is_said_to_be(hosted: Path) -> None:
    envelope = json.loads((hosted / "record.json").read_text())
    envelope["withdrawal"] = {"withdrawal": {"run": "0" * 32, "reason": "a person <b>"}}
    (hosted / "record.json").write_text(json.dumps(envelope))
    for page in ("run?at=hosted", "./"):
        assert "withdrawn by the operator: a person &lt;b&gt;" in asked(hosted.parent).get(page).text


def test_tasks_that_were_given_up_or_came_too_late_are_lost(hosted: Path) -> None:
    envelope = json.loads((hosted / "record.json").read_text())
    given_up = {"success": None, "return": 0.0, "finished": False}
    envelope["record"]["measured"]["tasks"] += [
        {**TASK, **given_up, "task": 3, "end": "forfeited"},
        {**TASK, **given_up, "task": 4, "end": "deadline"},
    ]
    (hosted / "record.json").write_text(json.dumps(envelope))
    page = asked(hosted.parent).get("run?at=hosted").text
    assert "40.0" in page and page.count('bad">lost<') == 3 and "forfeited 1" in page


def test_a_hosted_run_is_there_before_its_record(hosted: Path) -> None:
    (hosted / "record.json").unlink()
    assert "run?at=hosted" not in asked(hosted.parent).get("./").text  # nothing was played: refused, say
    (hosted / "trajectories").mkdir()
    page = asked(hosted).get("run?at=.").text
    assert "not finished" in page


@pytest.mark.parametrize("content", ["{", "[]", '{"record": 3}', '{"record": {"measured": {"tasks": [1]}}}'])
def test_a_broken_record_is_told_and_breaks_no_page(hosted: Path, content: str) -> None:
    (hosted / "record.json").write_text(content)
    answer = asked(hosted.parent).get("run?at=hosted")
    assert answer.status_code == 200 and "not finished" in answer.text
    assert asked(hosted.parent).get("./").status_code == 200


def test_a_folder_that_holds_episodes_alone_is_counted_from_them(tmp_path: Path) -> None:
    place = tmp_path / "gateway"
    with closing(KeptTrajectories(place, 1.0)) as kept:
        for seed, won in enumerate((True, False, None)):
            said = {"success": won, "metrics": {"side_calls": 2.0}}
            kept.add(Trajectory("my-agent", f"my-agent#{seed}", seed, "", (), "terminated", **said))
    client = asked(tmp_path)
    first = client.get("./").text
    assert "gateway" in first and '<td class="n">3, success of 2 known</td>' in first
    assert "episodes that ended" in first
    page = client.get("run?at=gateway").text
    assert "counted from its trajectories" in page and "50.0" in page and "terminated 3" in page
    assert [page.count(each) for each in ('good">won<', 'bad">lost<', "unknown")] == [1, 1, 1]
    assert "of the 2 that tell" in page and "tokens an episode" in page
    assert "Trajectories of gateway" in asked(place).get("episodes?at=.").text
    link = re.search(r'href="(episode\?[^"]+)"', client.get("episodes?at=gateway").text)
    assert link is not None and "side calls" in client.get(unescape(link[1])).text
