"""Names of models: a path at which nothing is never goes to the hub, and the hub is asked once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from turnwise.agents.models.hub import check_reachable
from turnwise.agents.policies import make_policy
from turnwise.agents.policies.places import model_place
from turnwise.errors import CheckpointMissing


class Hub(BaseHTTPRequestHandler):
    """A hub that answers alike whatever it is asked."""

    status, code, asked = 404, "RepoNotFound", 0

    def do_HEAD(self) -> None:
        type(self).asked += 1
        self.send_response(self.status)
        self.send_header("X-Error-Code", self.code)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


def at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub be somewhere else, and within reach: tests are offline otherwise."""
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    class Own(Hub):
        pass

    server = HTTPServer(("127.0.0.1", 0), Own)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    at(f"http://127.0.0.1:{server.server_port}", monkeypatch)
    yield Own
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "name", ["./m", "../m", "/m", "~/m", "a/b/c", "m/", "a\\b", "C:\\m", "", "owner/", "/", "..", "a//b"]
)
def test_a_path_at_which_nothing_is_is_no_name_of_the_hub(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointMissing):
        model_place(name)


@pytest.mark.parametrize("name", ["gpt2", "Qwen/Qwen2.5-0.5B-Instruct", "a-b/c_d.e"])
def test_a_name_of_the_hub_is_left_as_it_is(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert model_place(name) == name
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(CheckpointMissing, match=r"no config\.json in it"):
        model_place(name)
    (tmp_path / name / "config.json").write_text("{}")
    assert model_place(name) == name and Path(name).is_dir()


def test_a_model_that_the_hub_does_not_have_is_said(hub: type[Hub]) -> None:
    with pytest.raises(CheckpointMissing, match=r"nobody/nothing: no such folder.*the hub has no such model"):
        check_reachable("nobody/nothing")
    assert hub.asked == 1


def test_a_policy_asks_for_a_model_once(hub: type[Hub]) -> None:
    with pytest.raises(CheckpointMissing, match="the hub has no such model"):
        make_policy("hf:nobody/nothing")
    assert hub.asked == 1


def test_what_else_the_hub_says_is_left_to_the_loading(hub: type[Hub]) -> None:
    hub.status, hub.code = 403, "GatedRepo"
    check_reachable("nobody/nothing")
    hub.status, hub.code = 404, "EntryNotFound"  # an adapter has no config.json
    check_reachable("nobody/nothing")
    assert hub.asked == 2


def test_without_a_network_it_is_said_after_one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    at("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(CheckpointMissing, match=r"the hub cannot be asked from here \(ConnectError"):
        check_reachable("nobody/nothing")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointMissing, match=r"cannot be asked from here \(OfflineModeIsEnabled"):
        check_reachable("nobody/nothing")


def test_a_folder_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at("http://127.0.0.1:9", monkeypatch)
    check_reachable(str(tmp_path))
