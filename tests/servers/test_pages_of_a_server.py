"""Pages of a live server: sessions of a key, an episode played by forms; the key stays behind them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from turnwise.servers.client import SessionClient, connect
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.pages.guard import Guard
from turnwise.servers.pages.live import live
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.sessions.service import Service

KEY = "k" * 20
HERE = "http://127.0.0.1"


@pytest.fixture
def network() -> httpx.ASGITransport:
    """Return the way to a server that asks for a key."""
    server = Application(Service(Catalogue()), Keys({KEY: Caller("mine"), "o" * 20: Caller("other")}))
    return httpx.ASGITransport(app=server)


@pytest.fixture
def client(network: httpx.ASGITransport) -> Iterator[TestClient]:
    """Return a browser before the pages of this server."""
    app = live(lambda: connect("http://server", KEY, network=network, budget_s=1.0), "http://server")
    with TestClient(Guard(app, "word"), base_url=f"{HERE}/word/") as client:
        yield client


def send(client: TestClient, call: str, **form: str) -> httpx.Response:
    return client.post(call, data=form, headers={"origin": HERE})


def test_an_episode_is_played_by_forms_and_ends(client: TestClient) -> None:
    begun = send(client, "start", env="household/demo-v0", seed="3", kwargs="{}", expert="1")
    assert begun.status_code == 200, begun.text
    id = begun.url.params["id"]
    assert f"{id}</a> played here" in client.get("./").text
    page = begun
    for turn in range(60):
        hint = re.search(r"The expert would</summary><pre>([^<]*)</pre>", page.text)
        if hint is None:
            break
        page = send(client, "step", id=id, turn=str(turn), action=hint[1])
    assert ", won" in page.text and "Over: terminated" in page.text
    assert KEY not in page.text
    again = send(client, "step", id=id, turn="0", action="look")  # a page that is old changes nothing
    assert again.text == page.text
    assert "There are none" in send(client, "close", id=id).text


def test_what_cannot_be_is_told(client: TestClient) -> None:
    refused = send(client, "start", env="nowhere/nothing-v0", seed="0", kwargs="{}")
    assert refused.status_code == 404 and "nowhere/nothing-v0" in refused.text
    assert "and a JSON object" in send(client, "start", env="x", seed="0", kwargs="[]").text
    assert send(client, "start", env="x", seed="<b>", kwargs="{}").status_code == 404
    assert client.get("session?id=nobodys").status_code == 404
    assert send(client, "step", id="nobodys", turn="0", action="look").status_code == 404
    assert client.post("start", data={"env": "x"}).status_code == 403  # from no page of ours
    assert send(client, "start", env="x" * (1 << 20), seed="0").status_code == 404


DEMO = CreateItem("household/demo-v0", {}, 3, {"expert": True})


class Policy:
    """Whoever plays a session elsewhere, with the same key."""

    def __init__(self, client: TestClient, network: httpx.ASGITransport) -> None:
        assert client.portal is not None
        self.call, self.network = client.portal.call, network
        self.client: SessionClient = self.call(self._connected)
        (self.reply,) = self.call(lambda: self.client.create([DEMO], request_id="policy"))
        self.id = self.reply.id

    async def _connected(self) -> SessionClient:
        return connect("http://server", KEY, network=self.network, budget_s=1.0)

    def step(self, turn: int, action: str = "look"):
        item = StepItem(self.id, 0, turn, action)
        (row,) = self.call(lambda: self.client.step([item]))
        return row


def test_a_session_is_taken_over_played_and_given_back(client: TestClient, network) -> None:
    policy = Policy(client, network)
    assert policy.step(0).turn == 1
    page = client.get("session", params={"id": policy.id}).text
    assert "Take it over" in page and "Fork from here" in page
    taken = send(client, "take", id=policy.id, reason="<b>stuck")
    assert "Taken over from a policy" in taken.text and "Give it back" in taken.text
    refused = policy.step(1)
    assert (refused.code, refused.status) == ("taken_over", 409) and "<b>stuck" in refused.detail
    assert "Turn 2," in send(client, "step", id=policy.id, turn="1", action="look").text
    given = send(client, "close", id=policy.id)
    assert f"{policy.id}</a>" in given.text and "played here" not in given.text
    assert policy.step(1).code == "taken_over" and policy.step(2).turn == 3


def test_the_last_word_counts(client: TestClient, network) -> None:
    policy = Policy(client, network)
    send(client, "take", id=policy.id)
    assert send(client, "take", id=policy.id).status_code == 200  # again, as from a page that is old
    send(client, "close", id=policy.id)
    assert policy.step(0).turn == 1


def test_from_a_fork_of_it_the_expert_is_watched(client: TestClient, network, monkeypatch) -> None:
    monkeypatch.setattr("turnwise.servers.pages.playing._PAUSE_S", 0.01)
    policy = Policy(client, network)
    forked = send(client, "fork", id=policy.id)
    id = forked.url.params["id"]
    assert id != policy.id and "Watch the expert play" in forked.text
    watched = send(client, "watch", id=id, on="1")
    assert "Let the expert stop" in watched.text and "data-live" in watched.text
    for _ in range(200):
        page = client.get("session", params={"id": id}).text
        if ", won" in page and "data-live" not in page:
            break
        time.sleep(0.05)
    assert ", won" in page and "data-live" not in page
    assert policy.step(0).turn == 1  # nothing of it has touched the other


def test_nobody_takes_what_another_key_plays(client: TestClient, network) -> None:
    async def others() -> str:
        other = connect("http://server", "o" * 20, network=network)
        (row,) = await other.create([DEMO], request_id="others")
        return row.id

    id = client.portal.call(others)
    for call in ("take", "fork"):
        assert "unknown_session" in send(client, call, id=id).text
        assert client.post(call, data={"id": id}).status_code == 403  # from no page of ours
        assert client.get(call, params={"id": id}).status_code == 405
