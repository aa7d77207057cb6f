"""An environment that reads files of the server tells its words to the log, and clients that it failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.sessions.service import Service

SECRET = "the gold answer"


@pytest.fixture
def told(talk, world, tmp_path):
    """Return a function that gives what a client hears of an environment that fails."""

    def ask(kwargs: dict[str, Any], isolation: str, action: str = "") -> str:
        heard = []

        async def conversation(http: httpx.AsyncClient) -> None:
            answer = await http.post("/v1/sessions", json={"env_id": world("Quoting"), "kwargs": kwargs})
            if action:
                id = answer.json()["sessions"][0]["id"]
                step = {"episode": 0, "turn": 0, "action": action}
                answer = await http.post(f"/v1/sessions/{id}/step", json=step)
                again = {"episode": 1, "options": {"quote": True}}
                heard.append((await http.post(f"/v1/sessions/{id}/reset", json=again)).text)
            heard.append(answer.text)

        catalogue = Catalogue(
            [world("Quoting")], data_roots=(tmp_path,), isolation={"*": isolation} if isolation else None
        )
        talk(Service(catalogue), conversation)
        return "".join(heard)

    (tmp_path / "questions.txt").write_text(SECRET)
    return ask


@pytest.mark.parametrize("isolation", ["inline", "thread"])
@pytest.mark.parametrize("kind", ["ValueError", "UsageError"])
def test_files_are_not_quoted(told, tmp_path: Path, caplog, isolation, kind):
    kwargs = {"data": "questions.txt"}
    for text in (told({**kwargs, "fail": kind}, isolation), told(kwargs, isolation, "quote")):
        assert SECRET not in text
        assert str(tmp_path) not in text
        assert "in its log alone" in text
    assert SECRET in caplog.text


def test_without_files_the_words_are_told(told):
    for kind in ("ValueError", "UsageError"):
        assert "nothing to read" in told({"fail": kind}, "inline")
    assert "nothing to read" in told({}, "inline", "quote")
