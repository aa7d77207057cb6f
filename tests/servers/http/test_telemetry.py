"""Traces for a collector: real servers that export to a small real one.

1. One span a request, on the hot path, the control plane and the websocket, named by its route,
   with method, status, environment and number of items; the trace of the client goes on in it.
2. Keys, actions, observations and queries are in none of them.
3. Several workers tell who they are; what is left is sent at the end.
4. Where no collector answers, or one that never does, requests are answered and the server stops in time.
5. Without the packages, and with an address that is none, it does not start: exit code 2.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanContext, use_span
from websockets.asyncio.client import connect as open_socket

from turnwise.servers.client import RemoteEnv, ServerProcess, connect
from turnwise.servers.protocol.types import CreateItem, StepItem

KEY = "secret-of-ann-long-enough"
ACTION = "an-action-nobody-else-may-read"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CONTINUED = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}


class Collector:
    """Take spans as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.paths: set[str] = set()
        self.bodies = b""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.take(self.path, body)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes) -> None:
        self.paths.add(path)
        self.bodies += body
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = attributes(group.resource.attributes)
            for scope in group.scope_spans:
                for span in scope.spans:
                    told = attributes(span.attributes)
                    row = {"name": span.name, "trace": span.trace_id.hex(), "id": span.span_id.hex()}
                    row |= {"parent": span.parent_span_id.hex(), "kind": span.kind, "told": told}
                    self.spans.append({**row, "failed": span.status.code == 2, "resource": resource})

    def named(self, name: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"] == name]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@pytest.fixture
def collector(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    one = Collector()
    yield one
    one.close()


def step(turn: int, action: str = ACTION) -> dict[str, Any]:
    return {"episode": 0, "turn": turn, "action": action}


def test_one_span_a_request(world, tmp_path, collector):
    keys = tmp_path / "keys"
    keys.write_text(f"ann {KEY}\n")
    counter, fragile = world("Counter"), world("Fragile")
    arguments = ["--env", counter, "--env", fragile, "--key-file", str(keys), "--telemetry", collector.url]
    with ServerProcess(arguments) as server:
        headers = {"authorization": f"Bearer {KEY}", **CONTINUED}
        with httpx.Client(base_url=server.url, headers=headers, timeout=20) as http:
            made = http.post("/v1/sessions", json={"items": [{"env_id": counter, "count": 2}]}).json()
            ids = [row["id"] for row in made["sessions"]]
            odd = http.post("/v1/sessions", json={"env_id": fragile}).json()["sessions"][0]["id"]
            assert http.post(f"/v1/sessions/{ids[0]}/step?fields={ACTION}", json=step(0)).status_code == 200
            assert http.post(f"/v1/sessions/{ids[0]}/step", json=step(7)).status_code == 409
            batch = {"items": [{"id": id, **step(1)} for id in ids[:1]] + [{"id": ids[1], **step(0)}]}
            assert http.post("/v1/step", json=batch).status_code == 200
            lines = http.post("/v1/step", json=batch, headers={"accept": "application/x-ndjson"})
            assert len(lines.text.splitlines()) == 2
            mixed = {"items": [{"id": id, **step(2)} for id in (ids[0], odd)]}
            assert http.post("/v1/step", json=mixed).status_code == 200
            assert http.get(f"/v1/sessions/{ids[0]}?turn=2").status_code == 200
            assert http.get(f"/{ACTION[:4]}").status_code == 404
            assert http.post("/v1/close", json={"ids": ids}).status_code == 200
            assert httpx.post(f"{server.url}/v1/close", json={"ids": ids}).status_code == 401
            strange = {"traceparent": "00-" + "z" * 32, "tracestate": "x" * 9000}
            assert http.get("/v1/envs", headers=strange).status_code == 200
        assert server.stop() == 0
        log = server.log_tail()
    _check_hot_path(collector, counter)
    _check_control_plane(collector, counter, fragile)
    assert collector.paths == {"/v1/traces"}
    assert {span["kind"] for span in collector.spans} == {2}, "spans of a server"
    assert {span["resource"]["service.name"] for span in collector.spans} == {"turnwise"}
    for secret in (KEY, ACTION, "start ", "turn 1 "):
        assert secret.encode() not in collector.bodies, secret
    assert "opentelemetry" not in log


def _check_hot_path(collector: Collector, counter: str) -> None:
    done, refused = collector.named("POST /v1/sessions/{id}/step")
    assert (done["trace"], done["parent"]) == (TRACE, PARENT)
    assert done["id"] not in (PARENT, refused["id"])
    told = done["told"]
    assert told["http.request.method"] == "POST"
    assert told["http.route"] == "/v1/sessions/{id}/step"
    assert told["url.path"].startswith("/v1/sessions/")
    assert "url.query" not in told
    assert (told["http.response.status_code"], told["turnwise.env_id"]) == (200, counter)
    assert (told["url.scheme"], told["client.address"]) == ("http", "127.0.0.1")
    assert refused["told"]["http.response.status_code"] == 409
    assert refused["told"]["turnwise.code"] == "wrong_turn"
    assert not refused["failed"], "what the client did wrong is no failure of the server"
    batch, streamed, mixed = collector.named("POST /v1/step")
    for span in (batch, streamed):
        assert (span["told"]["turnwise.items"], span["told"]["turnwise.env_id"]) == (2, counter)
    assert "turnwise.env_id" not in mixed["told"]


def _check_control_plane(collector: Collector, counter: str, fragile: str) -> None:
    many, one = collector.named("POST /v1/sessions")
    assert (many["told"]["turnwise.items"], many["told"]["turnwise.env_id"]) == (1, counter)
    assert one["told"]["turnwise.env_id"] == fragile
    (seen,) = collector.named("GET /v1/sessions/{id}")
    assert seen["told"]["turnwise.env_id"] == counter
    closed, stranger = collector.named("POST /v1/close")
    assert closed["told"]["turnwise.items"] == 2
    assert (closed["trace"], closed["parent"]) == (TRACE, PARENT)
    assert (stranger["told"]["http.response.status_code"], stranger["parent"]) == (401, "")
    (nothing,) = collector.named("GET")
    assert (nothing["told"]["http.response.status_code"], nothing["told"]["turnwise.code"]) == (
        404,
        "unknown_path",
    )
    (listed,) = collector.named("GET /v1/envs")
    assert listed["parent"] == "", "what is no traceparent begins a trace of its own"
    assert collector.named("GET /health")


def test_calls_of_a_websocket_and_of_our_clients(world, collector):
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")
    with ServerProcess(["--env", world("Counter"), "--telemetry", collector.url]) as server:
        asyncio.run(_talk(server.url, world("Counter")))
        with tracer.start_as_current_span("episode") as span:
            asyncio.run(_play(server.url, world("Counter")))
            ours = span.get_span_context()
        with use_span(span):
            env = RemoteEnv(server.url, world("Counter"))
            env.reset(seed=1)
            env.step(ACTION)
            env.close()
        asyncio.run(_play(server.url, world("Counter")))
        server.stop()
    made, taken = collector.named("WS create")[0], collector.named("WS step")
    assert (made["trace"], made["parent"]) == (TRACE, PARENT)
    assert made["told"]["turnwise.env_id"] == world("Counter")
    assert [span["told"]["http.response.status_code"] for span in taken] == [200, 404, 422]
    assert taken[0]["told"]["turnwise.env_id"] == world("Counter")
    assert taken[1]["told"]["turnwise.code"] == "unknown_session"
    (strange,) = collector.named("WS")
    assert strange["told"]["http.response.status_code"] == 422
    assert _children(collector, ours) == {
        "GET /v1/envs": 1,
        "POST /v1/sessions": 2,
        "POST /v1/step": 3,
        "POST /v1/close": 2,
    }
    assert len(collector.named("POST /v1/step")) == 5, "and outside a span a step begins its own trace"
    assert ACTION.encode() not in collector.bodies


def _children(collector: Collector, parent: SpanContext) -> dict[str, int]:
    trace, span_id = f"{parent.trace_id:032x}", f"{parent.span_id:016x}"
    found = [span for span in collector.spans if (span["trace"], span["parent"]) == (trace, span_id)]
    return {span["name"]: sum(other["name"] == span["name"] for other in found) for span in found}


async def _talk(url: str, env_id: str) -> None:
    async with open_socket(f"{url.replace('http', 'ws')}/v1/ws", additional_headers=CONTINUED) as ws:

        async def ask(call: str, body: Any) -> Any:
            await ws.send(json.dumps({"request": 1, "call": call, "body": body}))
            return json.loads(await ws.recv())["body"]

        id = (await ask("create", {"env_id": env_id}))["sessions"][0]["id"]
        await ask("step", {"id": id, **step(0)})
        await ask("step", {"id": "nobody", **step(0)})
        await ask("step", {"id": 7, **step(0)})
        await ask(ACTION, {})


async def _play(url: str, env_id: str) -> None:
    client = connect(url)
    (made,) = await client.create([CreateItem(env_id)], request_id=os.urandom(4).hex())
    await client.step([StepItem(made.id, 0, 0, ACTION)])
    async for _ in client.step_each([StepItem(made.id, 0, 1, ACTION)]):
        pass
    await client.close([made.id])
    await client.aclose()


def test_several_workers(world, collector, monkeypatch):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "60000")  # only the end sends
    arguments = ["--env", world("Counter"), "--workers", "2", "--telemetry", f"{collector.url}/v1/traces/"]
    with ServerProcess(arguments) as server:
        with httpx.Client(base_url=server.url, headers=CONTINUED) as http:
            made = http.post("/v1/sessions", json={"env_id": world("Counter"), "count": 4, "request_id": "r"})
            for row in made.json()["sessions"]:
                assert http.post(f"/v1/sessions/{row['id']}/step", json=step(0)).status_code == 200
        for _ in range(40):
            httpx.get(f"{server.url}/v1/envs")
        assert server.stop() == 0
    assert len(collector.named("POST /v1/sessions/{id}/step")) == 4, "one span, whoever holds the session"
    assert len(collector.named("GET /v1/envs")) == 40
    tellers = {span["resource"]["service.instance.id"] for span in collector.named("GET /v1/envs")}
    assert tellers == {"worker-0", "worker-1"}


@pytest.mark.parametrize("answers", [False, True])
def test_a_collector_that_is_away_or_never_answers(world, monkeypatch, answers):
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if answers:
            taken.listen()
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        arguments = ["--env", world("Counter"), "--telemetry", url, "--log-json"]
        with ServerProcess(arguments) as server:
            with httpx.Client(base_url=server.url, timeout=20) as http:
                body = {"env_id": world("Counter"), "kwargs": {"length": 1000}}
                id = http.post("/v1/sessions", json=body).json()["sessions"][0]["id"]
                for turn in range(200):
                    answer = http.post(f"/v1/sessions/{id}/step", json=step(turn))
                    assert (answer.status_code, answer.json()["turn"]) == (200, turn + 1)
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < 20, "what cannot be sent does not keep a server from stopping"
            lines = [json.loads(line) for line in server.log_file.read_text().splitlines()]
        told = [line["message"] for line in lines if line["logger"].startswith("opentelemetry")]
        assert any("dropping" in message for message in told)
        assert len(told) < 20, "it is said, and not once a span"


def test_it_refuses_to_start(world):
    blocked = "import sys; sys.modules['opentelemetry.sdk'] = None; import turnwise.__main__ as m; m.main()"
    for program, url, told in (
        (blocked, "http://127.0.0.1:4318", "pip install 'turnwise[telemetry]'"),
        ("import turnwise.__main__ as m; m.main()", "collector:4318", "expected http://HOST:PORT"),
    ):
        command = [sys.executable, "-c", program, "serve", "--env", world("Counter"), "--port", "0"]
        for more in ([], ["--workers", "2"]):
            done = subprocess.run(
                [*command, "--telemetry", url, *more], capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 2, done.stderr
            assert told in " ".join(done.stderr.split())
            assert "Traceback" not in done.stderr


def test_nothing_of_it_is_loaded_without_it():
    program = """
import sys
from turnwise.servers.http.control_plane import build_app
from turnwise.servers.client import connect
from turnwise.servers.run.process import _answering
app = build_app()
with _answering(app, None) as answering:
    assert answering is app
assert "opentelemetry.sdk" not in sys.modules and "turnwise.servers.http.tracing" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
