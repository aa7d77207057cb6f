"""The retrieval service against the contract, and the client against it, over real sockets.

1. `/retrieve` as Search-R1's clients call it: with scores, without, several queries, defaults.
2. Bounds and refusals are problem documents: too many queries, wrong types, unknown names, no length.
3. The client: same answers as the knowledge base itself; other servers' shapes; failures named.
4. An environment over the service, with a step that waits without holding the loop.
5. The command line serves a file and refuses nonsense.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

import turnwise
from turnwise.envs.check import expert_episode
from turnwise.envs.retrieval.documents import KnowledgeBase, Passage
from turnwise.envs.search.qa import _remote
from turnwise.envs.search.remote import RemoteKnowledge
from turnwise.errors import RequestRefused, ServerError, ServerUnreachable, UsageError
from turnwise.servers.retrieval import build_retrieval_app, main

FRUIT = KnowledgeBase.of(
    [
        Passage("f1", "Apple", "Apples are red fruit."),
        Passage("f2", "Pear", "Pears are green fruit."),
        Passage("f3", "Plum", "Plums are blue fruit.\nThey are small."),
        Passage("f4", "Lime", "Limes are sour fruit."),
    ]
)
TREES = KnowledgeBase.of([Passage("t1", "Oak", "Oaks bear acorns, no fruit.")])


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application on a free port and yield its url."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, ws="none", log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(build_retrieval_app({"fruit": FRUIT, "trees": TREES})) as address:
        yield address


def post(url: str, body: object) -> httpx.Response:
    return httpx.post(url + "/retrieve", json=body)


def test_contract_with_scores(url: str) -> None:
    answer = post(url, {"queries": ["green fruit", "sour", "nothing"], "topk": 2, "return_scores": True})
    assert answer.status_code == 200
    assert list(answer.json()) == ["result"]
    green, sour, nothing = answer.json()["result"]
    assert green[0]["document"] == {"id": "f2", "contents": '"Pear"\nPears are green fruit.'}
    assert [set(entry) for entry in green] == [{"document", "score"}] * 2
    assert green[0]["score"] > green[1]["score"] > 0
    assert [entry["document"]["id"] for entry in sour] == ["f4"]
    assert nothing == []


def test_contract_without_scores_and_with_defaults(url: str) -> None:
    (found,) = post(url, {"queries": ["fruit"]}).json()["result"]
    assert [document["id"] for document in found] == ["f1", "f2", "f4"]
    assert set(found[0]) == {"id", "contents"}
    assert post(url, {"queries": []}).json() == {"result": []}
    assert post(url, {"queries": ["fruit"], "topk": None, "unknown": 1}).status_code == 200


def test_knowledge_bases_by_name(url: str) -> None:
    (found,) = post(url, {"queries": ["fruit"], "kb": "trees"}).json()["result"]
    assert [document["id"] for document in found] == ["t1"]
    assert httpx.get(url + "/health").json() == {"status": "ok", "kbs": ["fruit", "trees"]}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "bad_request"),
        ({"queries": "fruit"}, 422, "bad_request"),
        ({"queries": [1]}, 422, "bad_request"),
        ({"queries": ["a"] * 1_001}, 422, "bad_request"),
        ({"queries": ["a" * 65_537]}, 422, "bad_request"),
        ({"queries": ["a"], "topk": 0}, 422, "bad_request"),
        ({"queries": ["a"], "topk": 101}, 422, "bad_request"),
        ({"queries": ["a"], "kb": "tree"}, 404, "unknown_kb"),
    ],
)
def test_refusals_are_problems(url: str, body: object, status: int, code: str) -> None:
    answer = post(url, body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code
    assert answer.json()["expected"]
    if code == "unknown_kb":
        assert "did you mean 'trees'" in answer.json()["detail"]


def test_bodies_are_bounded(url: str) -> None:
    answer = httpx.post(url + "/retrieve", content=iter([b'{"queries": []}']))
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    answer = httpx.post(url + "/retrieve", content=b" " * ((16 << 20) + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_empty_service_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        build_retrieval_app({})


def test_client_answers_as_the_knowledge_base(url: str) -> None:
    client = RemoteKnowledge(url)
    for query in ("green fruit", "blue small", "none"):
        assert client.search(query, 3) == FRUIT.search(query, 3)
    assert client.search_many(["red", "blue"], 1) == [FRUIT.search("red", 1), FRUIT.search("blue", 1)]
    assert client.digest == RemoteKnowledge(url + "/retrieve").digest
    with pytest.raises(RequestRefused, match="422"):
        client.search("x" * 70_000, 3)
    client.close()


@contextmanager
def canned(*answers: tuple[int, object]) -> Iterator[str]:
    """Serve canned answers in turn; the last one again and again."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, body = left.pop(0) if len(left) > 1 else left[0]
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_client_reads_other_servers_shapes() -> None:
    bare = {"result": [[{"id": 7, "contents": "Title\ntext"}]]}
    with canned((500, b""), (200, bare)) as address:  # tried again after a 5xx
        client = RemoteKnowledge(address)
        (hit,) = client.search("q", 3)
        assert (hit.passage, hit.score) == (Passage("7", "Title", "text"), 0.0)
        client.close()


@pytest.mark.parametrize(
    ("status", "body", "error", "message"),
    [
        (200, b"<html>", ServerError, "expected JSON"),
        (200, {"results": []}, ServerError, "KeyError: 'result'"),
        (200, {"result": [[{"text": "x"}]]}, ServerError, "expected"),
        (200, {"result": []}, ServerError, "0 lists of passages to 1 queries"),
        (404, b"gone", RequestRefused, "gone"),
        (503, b"", ServerUnreachable, "in 2 tries"),
    ],
)
def test_client_names_what_is_wrong(status: int, body: object, error: type[Exception], message: str) -> None:
    with canned((status, body)) as address:
        client = RemoteKnowledge(address, num_tries=2)
        with pytest.raises(error, match=message):
            client.search("q", 3)
        client.close()


def test_client_needs_a_url_and_a_server() -> None:
    with pytest.raises(UsageError, match="expected a url"):
        RemoteKnowledge("localhost:8000")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = RemoteKnowledge(f"http://127.0.0.1:{port}", num_tries=1)
    with pytest.raises(ServerUnreachable, match="is it up"):
        client.search("q", 3)
    client.close()


@pytest.fixture
def questions(tmp_path: Path) -> str:
    file = tmp_path / "q.json"
    file.write_text(json.dumps([{"question": "Which fruit is sour?", "answer": "lime"}]))
    return str(file)


def test_an_environment_over_the_service(url: str, questions: str) -> None:
    env = turnwise.make("search/qa-v1", questions=questions, retriever=url)
    assert expert_episode(env, 0) == (True, 2)
    env.reset(seed=0)
    asked = "<search>sour</search>"
    assert env.step(asked)[0] == '<information>Doc 1(Title: "Lime") Limes are sour fruit.</information>'
    env.reset(seed=0)
    assert asyncio.run(env.text_env.step_async(asked))[0].startswith("<information>Doc 1")  # type: ignore[attr-defined]
    assert env.clone().step(asked)[0].startswith("<information>")
    _remote(url).close()  # type: ignore[attr-defined]


def test_nothing_waits_without_a_server(questions: str, tmp_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text(json.dumps({"title": "Lime", "text": "sour"}))
    env = turnwise.make("search/qa-v1", questions=questions, corpus=str(corpus))
    assert not hasattr(env.text_env, "step_async")


def test_command_line_serves_a_file(tmp_path: Path) -> None:
    corpus = tmp_path / "c.jsonl"
    corpus.write_text(json.dumps({"id": "1", "contents": '"Lime"\nsour'}) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "turnwise.servers.retrieval",
        "--corpus",
        f"c={corpus}",
        "--port",
        str(port),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            client = RemoteKnowledge(f"http://127.0.0.1:{port}", num_tries=9)
            assert client.search("sour", 3)[0].passage == Passage("1", "Lime", "sour")
            client.close()
        finally:
            child.terminate()


@pytest.mark.parametrize(
    "arguments", [[], ["--corpus", "a", "--generated"], ["--corpus", "/nowhere/a.jsonl"], ["--topk", "0"]]
)
def test_command_line_refuses_nonsense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error:" in capsys.readouterr().err
