"""Pages of a live server: sessions of a key, an episode played by forms; the key stays behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from turnwise.servers.client import connect
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.pages.guard import Guard
from turnwise.servers.pages.live import live
from turnwise.servers.sessions.service import Service

KEY = "k" * 20
HERE = "http://127.0.0.1"


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Return a browser before the pages of a server that asks for a key."""
    server = Application(Service(Catalogue()), Keys({KEY: Caller("mine"), "o" * 20: Caller("other")}))
    network = httpx.ASGITransport(app=server)
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
