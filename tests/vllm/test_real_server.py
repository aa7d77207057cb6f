"""A server of vLLM that somebody else started, as docs/vllm.md says: examined, and trained with."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from test_real_runs import recipe_of, rewards
from vllm_rooms import CONTEXT, qwen2

from turnwise.agents.policies.vllm.config import EngineConfig
from turnwise.agents.policies.vllm.http import HttpEngine
from turnwise.agents.policies.vllm.process import environment
from turnwise.trainers.train import train

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def url(python: str, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model_folder)),
        *("--host", "127.0.0.1", "--port", str(port), "--enable-scale-out", "--generation-config", "vllm"),
        *("--logprobs-mode", "processed_logprobs", "--worker-extension-cls", "turnwise_weights.PlainWeights"),
        *("--dtype", "float32", "--enforce-eager", "--max-model-len", str(CONTEXT)),
    ]
    log = tmp_path_factory.mktemp("server") / "log.txt"
    with log.open("wb") as said:
        around = environment(os.environ, EngineConfig())
        server = subprocess.Popen(command, env=around, stdout=said, stderr=said, start_new_session=True)
    try:
        while not _answers(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None, log.read_text()[-2000:]
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def doctor(url: str, *more: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    command = [sys.executable, "-m", "turnwise", "doctor", "--json", "--engine", url, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    found = json.loads(done.stdout)["findings"]
    return done.returncode, {each["what"]: (each["works"], each["detail"]) for each in found}


def test_the_doctor_shows_what_a_server_answers_beside_its_model(url: str, tmp_path: Path) -> None:
    code, found = doctor(url)
    assert code == 0
    assert list(found) == ["version", "shape", "template", "sampled", "prefix", "weights", "engine"]
    assert all(works for works, _ in found.values())
    code, found = doctor(url, "--model", str(qwen2(tmp_path / "other", tied=True, seed=3)))
    assert code == 1
    assert {name for name, (works, _) in found.items() if not works} == {
        "sampled", "prefix", "weights", "engine",
    }  # fmt: skip
    assert "computes with other weights" in found["engine"][1]


def test_a_run_goes_on_with_a_server_that_a_killed_run_left_paused(
    url: str, model_folder: Path, python: str, tmp_path: Path
) -> None:
    async def pause() -> None:
        engine = HttpEngine(url, EngineConfig())
        await engine.pause()
        await engine.aclose()

    asyncio.run(pause())
    recipe = recipe_of("vllm", model_folder, python, 2, engine={"urls": [url], "timeout_s": 300.0})
    assert train(recipe, tmp_path / "run").update == 2
    assert len(rewards(tmp_path / "run")) == 2
