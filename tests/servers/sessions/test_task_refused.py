"""A task that an environment refuses has a code of its own, wherever it runs, and one line in the log."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from turnwise.envs.registry import load_class
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.isolation.hosts import Isolation
from turnwise.servers.sessions.service import Service


@pytest.mark.parametrize("isolation", ["inline", "process"])
@pytest.mark.parametrize("what", ["usage", "image", "record"])
def test_a_refusal_is_told_from_a_failure(
    talk, world, isolation: Isolation, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def conversation(http: httpx.AsyncClient) -> None:
        body = {"env_id": world("Quoting"), "options": {"refuse": what}}
        answer = await http.post("/v1/sessions", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "task_refused")
        assert answer.json()["detail"] == f"{world('Quoting')}: nothing to read"
        made = (await http.post("/v1/sessions", json={"env_id": world("Quoting")})).json()["sessions"]
        again = f"/v1/sessions/{made[0]['id']}/reset"
        info = (await http.post(again, json={"episode": 1, "options": {"refuse": what}})).json()["info"]
        assert info == {"state_key": "", "error": "nothing to read", "refused": True}

    talk(Service(Catalogue([world("Quoting")], isolation={"*": isolation})), conversation)
    assert caplog.text.count("nothing to read") == 2 and "Traceback" not in caplog.text


def test_words_of_files_are_in_the_log_alone(
    talk, world, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "questions.txt").write_text("the secret\nof a file")

    async def conversation(http: httpx.AsyncClient) -> None:
        body = {"env_id": world("Quoting"), "kwargs": {"data": "questions.txt"}}
        answer = await http.post("/v1/sessions", json={**body, "options": {"refuse": "usage"}})
        assert answer.json()["code"] == "task_refused"
        assert "secret" not in answer.text and "in its log alone" in answer.text

    talk(Service(Catalogue([world("Quoting")], data_roots=(tmp_path,))), conversation)
    assert "the secret" in caplog.text


@pytest.mark.parametrize(("num_missing", "code"), [(2, None), (3, "environment_failed")])
def test_a_box_that_is_not_there_is_asked_for_three_times(talk, world, num_missing: int, code: str) -> None:
    load_class(world("Boxless")).num_missing = num_missing  # type: ignore[attr-defined]

    async def conversation(http: httpx.AsyncClient) -> None:
        answer = (await http.post("/v1/sessions", json={"env_id": world("Boxless")})).json()
        assert answer.get("code") == code and ("no word from the keeper" in str(answer)) == bool(code)

    talk(Service(Catalogue([world("Boxless")])), conversation)
