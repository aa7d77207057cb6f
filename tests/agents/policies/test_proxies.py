"""A proxy that the environment names is not asked for this machine's own endpoints."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from turnwise.agents.policies.endpoint import EndpointConfig
from turnwise.agents.policies.exchange import Exchange
from turnwise.envs.search.remote import RemoteKnowledge


class _Answering(BaseHTTPRequestHandler):
    """An endpoint and a search engine that have nothing to say."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"result": [[]]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def port(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_it_is_reached_directly(port, host):
    async def ask() -> int:
        exchange = Exchange(f"http://{host}:{port}", None, EndpointConfig(timeout_s=10), lambda _: None)
        try:
            return (await exchange.post(b"{}")).status
        finally:
            await exchange.aclose()

    assert asyncio.run(ask()) == 200
    assert RemoteKnowledge(f"http://{host}:{port}", num_tries=1).search("anything", 1) == []
