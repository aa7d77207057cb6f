"""Pages of other places, other names and bodies without a type are refused, and nobody else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from turnwise.errors import UsageError
from turnwise.servers.client.server_process import ServerProcess
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.http.visitors import Visitors
from turnwise.servers.protocol.problems import Refused
from turnwise.servers.run.config import ServerConfig

COUNTER = f"{(Path(__file__).parents[1] / 'worlds.py')}:Counter"


@pytest.fixture(scope="module")
def server():
    with ServerProcess(["--env", COUNTER, "--allowed-host", "play.example"]) as server:
        yield server


def passes(visitors: Visitors, host: str | None, origin: str | None = None) -> bool:
    headers = [(b"host", host.encode())] if host is not None else []
    headers += [(b"origin", origin.encode("latin-1"))] if origin is not None else []
    try:
        visitors.check(headers)
    except Refused as refusal:
        assert refusal.problem.status == 403
        return False
    return True


HOSTS = [
    ("127.0.0.1:8000", True),
    ("[::1]:8000", True),
    ("10.2.3.4", True),
    ("localhost:8000", True),
    ("LocalHost", True),
    ("a.localhost", True),
    (None, True),
    ("play.example", True),
    ("play.example.:80", True),
    ("a.b.pages.example", True),
    ("pages.example", False),
    ("rebind.example:8000", False),
    ("127.0.0.1.rebind.example", False),
    ("notlocalhost", False),
    ("evilplay.example", False),
    ("[::1", True),
    ("127.1", False),
]


@pytest.mark.parametrize(("host", "right"), HOSTS)
def test_the_names_of_a_server(host, right):
    assert passes(Visitors(["play.example", "*.pages.example"], strict=True), host) is right
    assert passes(Visitors(), host), "with keys, a name alone gives nobody anything"


ORIGINS = [
    ("http://127.0.0.1:8000", True),
    ("https://127.0.0.1:8000", True),
    ("http://127.0.0.1:9000", False),
    ("http://127.0.0.1", False),
    ("http://localhost:8000", False),
    ("https://play.example", True),
    ("https://play.example:8443", True),
    ("https://evil.example", False),
    ("null", False),
    ("file://", False),
    ("chrome-extension://127.0.0.1:8000", False),
    ("http://[bad", False),
    ("\u00e9", False),
]


@pytest.mark.parametrize(("origin", "right"), ORIGINS)
def test_whose_pages_may_ask(origin, right):
    for strict in (False, True):
        visitors = Visitors(["play.example"], strict=strict)
        assert passes(visitors, "127.0.0.1:8000", origin) is right


def test_a_second_header_hides_nothing():
    visitors = Visitors(strict=True)
    with pytest.raises(Refused):
        visitors.check([(b"host", b"127.0.0.1"), (b"host", b"evil.example")])
    with pytest.raises(Refused):
        visitors.check(
            [(b"host", b"127.0.0.1"), (b"origin", b"http://127.0.0.1"), (b"origin", b"http://evil.example")]
        )


@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/openapi.json", "/v1/envs"])
@pytest.mark.parametrize(
    "headers", [{"host": "rebind.example"}, {"origin": "https://evil.example"}, {"origin": "null"}]
)
def test_a_foreign_page_reads_nothing(server, path, headers):
    answer = httpx.get(server.url + path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert "--allowed-host" in answer.json()["todo"]


@pytest.mark.parametrize("kind", [None, "text/plain", "multipart/form-data", "application/jsonx"])
def test_a_foreign_page_makes_no_sessions(server, kind):
    body = json.dumps({"env_id": COUNTER, "count": 4}).encode()
    headers = {"content-type": kind} if kind else {}
    for path in ("/v1/sessions", "/v1/step", "/v1/sessions/x/step", "/v1/close"):
        answer = httpx.post(server.url + path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), path
        assert answer.json()["expected"] == "application/json"
    hidden = {"content-type": "application/json", "origin": "https://evil.example"}
    assert httpx.post(f"{server.url}/v1/sessions", content=body, headers=hidden).status_code == 403
    assert httpx.get(f"{server.url}/v1/sessions").json()["sessions"] == []


@pytest.mark.parametrize("path", ["/v1/ws", "/ws", f"/openenv/{COUNTER}/ws"])
def test_a_foreign_page_opens_no_websocket(server, path):
    url = server.url.replace("http", "ws") + path
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}):
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, additional_headers=headers)
    with connect(url, additional_headers={"origin": server.url}) as ws:
        ws.send('{"request": 1, "call": "envs", "body": {}}')
        assert ws.recv()


def test_our_own_page_and_every_spelling_of_the_type(server):
    for kind in ("application/json", "Application/JSON; charset=utf-8"):
        headers = {"origin": server.url, "content-type": kind}
        answer = httpx.post(f"{server.url}/v1/close", content=b'{"ids": []}', headers=headers)
        assert answer.status_code == 200
    body = b'{"ids": []}'
    headers = {"host": "play.example", "origin": "https://play.example", "content-type": "application/json"}
    assert httpx.post(f"{server.url}/v1/close", content=body, headers=headers).status_code == 200


def test_a_step_of_a_foreign_page_is_not_taken_the_short_way(make_service, listening, world):
    from turnwise.servers.http.control_plane import Application

    app = Application(make_service(), Keys({"a-secret-of-enough-length": Caller("ann")}))
    headers = [(b"authorization", b"Bearer a-secret-of-enough-length"), (b"host", b"x")]
    body = b'{"items": []}'

    async def run() -> None:
        json_type = (b"content-type", b"application/json")
        assert app.try_now("/v1/step", [*headers, json_type], body) is not None
        assert app.try_now("/v1/step", headers, body) is None
        assert app.try_now("/v1/step", [*headers, json_type, (b"origin", b"http://evil")], body) is None
        await app.service.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "", "nowhere.invalid"])
def test_beyond_this_machine_somebody_is_asked_for_a_key(host, tmp_path):
    with pytest.raises(UsageError, match=r"--key-file .* --open-to-everyone"):
        ServerConfig(host=host)
    assert ServerConfig(host=host, key_file=tmp_path / "keys").host == host
    assert ServerConfig(host=host, open_to_everyone=True).host == host
    with pytest.raises(UsageError, match="contradict"):
        ServerConfig(host=host, open_to_everyone=True, key_env="KEY")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_this_machine_nobody_is(host):
    assert ServerConfig(host=host).host == host


@pytest.mark.parametrize("name", ["http://a.example", "a.example:80", "", "a b", "*"])
def test_an_allowed_host_is_a_name(name):
    with pytest.raises(UsageError, match="--allowed-host"):
        ServerConfig(allowed_hosts=(name,))


def test_which_servers_look_at_their_name(tmp_path):
    keyed, opened = {"key_file": tmp_path / "keys"}, {"host": "0.0.0.0", "open_to_everyone": True}
    for more, right in (({}, False), (keyed, True), (opened, True)):
        assert passes(ServerConfig(**more).visitors, "turnwise:8000") is right
        named = ServerConfig(**more, allowed_hosts=("turnwise",)).visitors
        assert passes(named, "turnwise:8000")
        assert not passes(named, "rebind.example")
