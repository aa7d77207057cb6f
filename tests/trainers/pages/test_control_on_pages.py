"""What goes on is controlled from its page, by its reader alone; looking changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from turnwise.agents.control import Control, Wish, ask, entries, hold
from turnwise.servers.pages.guard import Guard
from turnwise.trainers.pages.site import site

HERE = {"origin": "http://127.0.0.1"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text("[train]\nnum_updates = 4\n")
    (folder / "log.jsonl").write_text("")
    return folder


@pytest.fixture
def control(run: Path) -> Iterator[Control]:
    with hold(run, "training") as control:
        yield control


@pytest.fixture
def client(run: Path) -> Iterator[TestClient]:
    with TestClient(Guard(site(run.parent), "word"), base_url="http://127.0.0.1/word/") as client:
        yield client


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_buttons_ask_and_the_log_says_what_came_of_it(client: TestClient, control: Control) -> None:
    page = client.get("run?at=one").text
    assert re.search(r'<button id="control-on" name="word" value="pause">Pause</button>', page)
    page = client.post("control", data={"at": "one", "word": "pause"}, headers=HERE)
    assert page.url.path == "/word/run" and "1 asked, and not answered yet" in page.text
    (asked,) = control.take()
    assert asked.wish == Wish("pause")
    control.answer(asked, "paused after update <b>3</b>")
    control.note("paused", "after update 3")
    page = client.get("run?at=one").text
    assert "paused after update &lt;b&gt;3&lt;/b&gt;" in page and 'value="resume">Go on' in page
    assert "<dt>state</dt><dd>paused</dd>" in page
    client.post(
        "control", data={"at": "one", "word": "limit", "limit": "updates", "value": "7"}, headers=HERE
    )
    assert control.take()[0].wish == Wish("limit", {"updates": 7.0})
    told = client.post(
        "control", data={"at": "one", "word": "limit", "limit": "turns", "value": "7"}, headers=HERE
    )
    assert "it decides what an episode can reach" in told.text and control.take() == []


def test_looking_changes_nothing_and_no_other_page_can_ask(
    client: TestClient, control: Control, run: Path
) -> None:
    before = files(run)
    asked = {"at": "one", "word": "stop"}
    assert client.get("run?at=one").status_code == 200
    assert client.get("control", params=asked).status_code == 405
    assert client.post("control", data=asked).status_code == 403
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {**HERE, "host": "evil.example"}):
        assert client.post("control", data=asked, headers=headers).status_code == 403
    assert client.post("http://127.0.0.1/other/control", data=asked, headers=HERE).status_code == 403
    outside = client.post("control", data={"at": "../..", "word": "stop"}, headers=HERE)
    assert outside.status_code == 404
    assert files(run) == before and control.take() == []


def test_what_does_not_go_on_says_how_it_would_and_a_cell_is_the_suites(
    client: TestClient, run: Path
) -> None:
    assert "Control:" not in client.get("run?at=one").text
    with hold(run, "training"):
        pass
    assert "Control:" not in client.get("run?at=one").text  # nobody has asked anything
    with hold(run, "training"):
        ask(run, Wish("pause"))
    page = client.get("run?at=one").text
    assert (
        f"go on with turnwise train --resume --out {run}" in page
        and "<button id=" not in page.split("<main")[1]
    )
    told = client.post("control", data={"at": "one", "word": "stop"}, headers=HERE).text
    assert "does not go on, so nothing takes the request" in told
    cell = run.parent / "suite" / "agent" / "env"
    cell.mkdir(parents=True)
    (cell / "rows.jsonl").write_text("")
    with hold(run.parent / "suite", "suite") as suite, hold(cell, "cell"):
        assert "the suite: going on" in client.get("run?at=suite/agent/env").text
        client.post("control", data={"at": "suite/agent/env", "word": "requeue"}, headers=HERE)
        assert suite.take()[0].wish == Wish("requeue")
        with TestClient(Guard(site(cell), "word"), base_url="http://127.0.0.1/word/") as alone:
            assert "Control:" not in alone.get("run?at=.").text  # what is above is not looked at
            alone.post("control", data={"at": ".", "word": "stop"}, headers=HERE)
        assert suite.take() == [] and entries(cell) == []
