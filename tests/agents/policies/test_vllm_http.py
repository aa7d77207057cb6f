"""What an engine of vLLM is sent over HTTP, how its answers are read, and what is made of broken ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from turnwise.agents.policies.vllm import http
from turnwise.agents.policies.vllm.config import LIMITS, EngineConfig
from turnwise.agents.policies.vllm.engine import Asked, EngineGone, EngineRefused
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.policies.vllm.process import EngineProcess, environment
from turnwise.agents.sampling import Sampling
from turnwise.errors import PolicyError
from turnwise.watch import watched

MODELS = {"data": [{"id": "policy", "root": "/models/a", "max_model_len": 512}]}
SAID = {
    "choices": [
        {
            "token_ids": [7, 9],
            "finish_reason": "stop",
            "logprobs": {"content": [{"token_id": 7, "logprob": -0.5}, {"token_id": 9, "logprob": -1.5}]},
            "weight_versions": [
                {"version": "run:1", "start": 0, "end": 1},
                {"version": "run:2", "start": 1, "end": 2},
            ],
        }
    ],
    "usage": {"prompt_tokens_details": {"cached_tokens": 3}},
}
Call = Callable[[HttpEngine], Awaitable[Any]]


def ask(call: Call, answers: dict[str, Any], **config: Any) -> tuple[Any, list[tuple[str, Any]]]:
    """Call an engine whose server gives these answers by path; return what came of it, and what was sent."""
    sent: list[tuple[str, Any]] = []

    def reply(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        sent.append((str(request.url.raw_path.decode()), json.loads(request.content or b"null")))
        answer = {"/health": {}, **answers}[path]
        if isinstance(answer, Exception):
            raise answer
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        return httpx.Response(
            status, **({"content": document} if isinstance(document, bytes) else {"json": document})
        )

    async def inside() -> Any:
        engine = HttpEngine("http://engine", EngineConfig(**config), "policy", httpx.MockTransport(reply))
        try:
            return await call(engine)
        finally:
            await engine.aclose()

    return asyncio.run(inside()), sent


def test_every_sampling_parameter_is_sent_and_versions_come_back() -> None:
    asked = Asked((1, 2, 3, 4), Sampling(temperature=0.5), 8, (9,))
    said, sent = ask(lambda engine: engine.generate(asked), {"/inference/v1/generate": SAID})
    assert (said.token_ids, said.logprobs, said.cached) == ((7, 9), (-0.5, -1.5), 3)
    assert said.versions == (("run:1", 0, 1), ("run:2", 1, 2))
    (path, body), = sent  # fmt: skip
    assert (path, body["model"], body["token_ids"]) == ("/inference/v1/generate", "policy", [1, 2, 3, 4])
    parameters = body["sampling_params"]
    assert {name: parameters[name] for name in ("temperature", "top_p", "top_k", "min_p", "min_tokens")} == {
        "temperature": 0.5, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "min_tokens": 0,
    }  # fmt: skip
    assert parameters["repetition_penalty"] == 1.0
    assert parameters["presence_penalty"] == parameters["frequency_penalty"] == 0.0
    assert (parameters["stop_token_ids"], parameters["ignore_eos"], parameters["logprobs"]) == ([9], True, 0)
    assert parameters["detokenize"] is False
    assert "seed" not in parameters


def test_weights_are_loaded_named_and_the_cache_is_emptied_whatever_holds_it() -> None:
    async def sync(engine: HttpEngine) -> Any:
        await engine.pause()
        await engine.load("/dev/shm/v1")
        await engine.set_version("run:1")
        await engine.reset_cache()
        await engine.resume()
        return await engine.facts()

    answers = {
        "/pause": {}, "/collective_rpc": {"results": [{"hidden_size": 8}]}, "/update_weight_version": {},
        "/reset_prefix_cache": {"success": True}, "/resume": {}, "/v1/models": MODELS,
        "/weight_info": {"weight_version": "run:1"},
    }  # fmt: skip
    facts, sent = ask(sync, answers)
    assert (facts.model, facts.context_tokens, facts.version) == ("/models/a", 512, "run:1")
    assert facts.shape == {"hidden_size": 8}
    assert [path for path, _ in sent[:5]] == [
        "/pause?mode=keep", "/collective_rpc", "/update_weight_version",
        "/reset_prefix_cache?reset_running_requests=true", "/resume",
    ]  # fmt: skip
    assert sent[1][1] == {"method": "turnwise_load", "args": ["/dev/shm/v1"]}
    with pytest.raises(EngineRefused, match="was not emptied"):
        ask(lambda engine: engine.reset_cache(), {"/reset_prefix_cache": {"success": False}})
    _, own = ask(lambda engine: engine.load("/x"), {"/collective_rpc": {}}, load="reload_weights")
    assert own[0][1] == {"method": "reload_weights", "kwargs": {"weights_path": "/x"}}


def test_an_adapter_answers_under_its_own_name_and_the_former_one_goes() -> None:
    async def twice(engine: HttpEngine) -> Any:
        await engine.load_adapter("v1", "/a/1")
        await engine.load_adapter("v2", "/a/2")
        return await engine.generate(Asked((1,), Sampling(), 2))

    loads = {"/v1/load_lora_adapter": b"Success", "/v1/unload_lora_adapter": b"Success"}
    _, sent = ask(twice, {**loads, "/inference/v1/generate": SAID})
    assert [body.get("lora_name") for _, body in sent[:3]] == ["v1", "v2", "v1"]
    assert sent[3][1]["model"] == "v2"


def test_scores_are_those_of_the_given_tokens() -> None:
    table = [None, {"2": {"logprob": -1.0}}, {"5": {"logprob": -9.0}, "3": {"logprob": -2.0}}]
    scores, sent = ask(
        lambda engine: engine.score((1, 2, 3), 1), {"/inference/v1/generate": {"prompt_logprobs": table}}
    )
    assert scores == (-1.0, -2.0)
    assert sent[0][1]["sampling_params"]["prompt_logprobs"] == 0
    with pytest.raises(EngineRefused, match="prompt logprobs that cannot be read"):
        ask(lambda engine: engine.score((1, 2), 1), {"/inference/v1/generate": {}})


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (httpx.ConnectError("refused"), EngineGone, "ConnectError refused"),
        (httpx.ReadTimeout("slow"), EngineGone, "no answer to /inference/v1/generate in 600 s"),
        (httpx.RemoteProtocolError("cut"), EngineGone, "RemoteProtocolError"),
        ((500, {"error": "CUDA out of memory"}), EngineRefused, "500: .*CUDA out of memory"),
        (
            {"choices": [{"token_ids": [], "finish_reason": "abort", "logprobs": {"content": []}}]},
            EngineGone,
            "dropped",
        ),
        ((404, b"Not Found"), EngineRefused, "--enable-scale-out"),
        (b"<html>", EngineRefused, "cannot be read"),
        ({"choices": []}, EngineRefused, "cannot be read"),
        ({"choices": [{"token_ids": [1], "logprobs": {"content": []}}]}, EngineRefused, "1 tokens and 0"),
        ({"choices": [{"token_ids": [], "logprobs": {"content": []}}]}, EngineRefused, "0 tokens"),
        (b"x" * ((64 << 20) + 1), PolicyError, "larger than 64 MiB"),
    ],
)
def test_broken_answers_say_what_is_wrong(answer: Any, error: type[Exception], said: str) -> None:
    asked = Asked((1, 2), Sampling(), 8, (9,))
    with pytest.raises(error, match=said):
        ask(lambda engine: engine.generate(asked), {"/inference/v1/generate": answer})


def test_a_server_that_answers_for_its_dead_engine_is_gone() -> None:
    asked = Asked((1, 2), Sampling(), 8, (9,))
    answers = {"/inference/v1/generate": (500, {"error": "EngineCore"}), "/health": (503, b"")}
    with pytest.raises(EngineGone, match=r"500: .*EngineCore"):
        ask(lambda engine: engine.generate(asked), answers)


def test_a_server_that_closes_the_connection_after_an_error_is_not_gone() -> None:
    replies = iter([httpx.Response(500), httpx.ReadError("closed"), httpx.Response(200)])

    def reply(_: httpx.Request) -> httpx.Response:
        given = next(replies)
        if isinstance(given, Exception):
            raise given
        return given

    async def inside() -> None:
        engine = HttpEngine("http://engine", EngineConfig(), "policy", httpx.MockTransport(reply))
        with pytest.raises(EngineRefused, match="answered with 500"):
            await engine.pause()
        await engine.aclose()

    asyncio.run(inside())


def test_a_connection_that_rested_is_not_used_while_its_server_closes_it(tmp_path: Path) -> None:
    """A server may close a connection in the moment in which a request is sent over it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):  # the client hangs up
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")  # the second request over it
        writer.close()

    async def inside() -> None:
        place = str(tmp_path / "engine.sock")
        server = await asyncio.start_unix_server(serve, place)
        transport = httpx.AsyncHTTPTransport(uds=place, limits=LIMITS)
        engine = HttpEngine("http://engine", EngineConfig(), "policy", transport)
        await engine.resume()
        await asyncio.sleep(1.1)
        await engine.resume()
        await engine.aclose()
        server.close()

    asyncio.run(inside())


def test_a_server_that_waits_for_its_dead_engine_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_LOOK_S", 0.02)
    health = [200, 200, 503]

    async def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/health":
            return httpx.Response(health.pop(0))
        await asyncio.Event().wait()
        raise AssertionError

    async def inside() -> None:
        engine = HttpEngine("http://engine", EngineConfig(), "policy", httpx.MockTransport(reply))
        with pytest.raises(EngineGone, match="its engine died during /pause"):
            await engine.pause()
        await engine.aclose()

    asyncio.run(inside())
    assert health == []


def test_an_adapter_is_not_asked_of_a_server_that_was_started_anew() -> None:
    async def twice(engine: HttpEngine) -> Any:
        await engine.load_adapter("v1", "/a/1")
        engine.started_anew()
        await engine.load_adapter("v2", "/a/1")

    _, sent = ask(twice, {"/v1/load_lora_adapter": b"Success"})
    assert [body["lora_name"] for _, body in sent] == ["v1", "v2"]


def test_a_server_without_our_extension_says_how_it_is_started() -> None:
    answers = {"/collective_rpc": (500, {"error": "'Worker' object has no attribute 'turnwise_load'"})}
    with pytest.raises(EngineRefused, match=r"turnwise_weights\.PlainWeights.*reload_weights"):
        ask(lambda engine: engine.load("/x"), answers)


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no module named vllm\nexit 3\n")
    python.chmod(0o755)
    engine = EngineProcess("model", EngineConfig(python=str(python)), log_file=tmp_path / "engine.log")
    with pytest.raises(EngineGone, match=r"(?s)ended with 3; its log .*no module named vllm"):
        engine.start()
    assert not engine.runs()
    engine.close()
    with pytest.raises(ValueError, match=r"policy\.engine\.python 'nobody'"):
        EngineProcess("model", EngineConfig(python="nobody"))


HEALTHY = """#!{python}
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import UnixStreamServer

class Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

UnixStreamServer(sys.argv[sys.argv.index("--uds") + 1], Healthy).serve_forever()
"""


def test_an_engine_that_hangs_is_gone_and_can_be_ended(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(HEALTHY.format(python=sys.executable))
    python.chmod(0o755)
    config = EngineConfig(python=str(python), timeout_s=0.5)
    process = EngineProcess("model", config)
    process.start()
    (server,) = psutil.Process(process.pid).children()
    server.suspend()

    async def inside() -> None:
        engine = HttpEngine("http://engine", config, process.model, process.transport())
        for call in (engine.generate(Asked((1, 2), Sampling(), 8)), engine.pause()):
            with pytest.raises(EngineGone, match=r"no answer to /[a-z/1]+ in 0\.5 s"):
                await call
        await engine.aclose()

    asyncio.run(inside())
    process.close()
    assert not server.is_running()


def test_an_engine_gets_no_secret_and_no_port(tmp_path: Path) -> None:
    around = {
        "OPENAI_API_KEY": "s3cret",
        "TURNWISE_KEY": "k",
        "HF_TOKEN": "t",
        "PATH": "/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    given = environment(around, EngineConfig())
    assert not {"OPENAI_API_KEY", "TURNWISE_KEY", "HF_TOKEN", "PYTHONDONTWRITEBYTECODE"} & given.keys()
    assert (given["PATH"], given["VLLM_SERVER_DEV_MODE"]) == ("/bin", "1")
    told = [environment(around | few, EngineConfig()) for few in ({}, {"OMP_NUM_THREADS": "3"})]
    threads = [(each["OMP_NUM_THREADS"], each["VLLM_CPU_OMP_THREADS_BIND"]) for each in told]
    assert threads == [("1", "auto"), ("3", "nobind")]
    engine = EngineProcess("model", EngineConfig(python=sys.executable))
    assert (engine.socket.parent.stat().st_mode & 0o777) == 0o700
    engine.close()
    assert not engine.socket.parent.exists()


def ends(pid: int) -> bool:
    """Wait until a process is gone."""
    for _ in range(1200):
        stat = Path(f"/proc/{pid}/stat")
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_an_engine_and_its_workers_go_with_whoever_started_them(tmp_path: Path) -> None:
    noted = tmp_path / "pids"
    worker = f"sleep 1000 & echo $$ $! > {noted}.part; mv {noted}.part {noted}; trap '' TERM; wait"
    program = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen({watched(['sh', '-c', worker], 1.0)!r},"
        " stdin=subprocess.PIPE)\n"
        "time.sleep(1000)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program])
    while not noted.exists():
        time.sleep(0.05)
    pids = [int(word) for word in noted.read_text().split()]
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert all(ends(pid) for pid in pids)
