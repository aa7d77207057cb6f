"""`turnwise gateway` as a process: who may open, what is kept, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from turnwise.agents.gateway.config import GatewayConfig
from turnwise.agents.stored import StoredTrajectories
from turnwise.errors import UsageError
from turnwise.servers.run.listening_config import Listening

KEY = "a-key-of-twenty-letters"
DEMO = Path(__file__).resolve().parents[3] / "trainers/warmstarts/demo"


def test_a_gateway_as_a_process(tmp_path: Path) -> None:
    file = tmp_path / "port"
    words = ["-m", "turnwise", "gateway", "--agent", f"ckpt:{DEMO}", "--port", "0", "--port-file", str(file)]
    words += ["--key-env", "MY_KEY", "--out", str(tmp_path / "kept"), "--max-tokens", "8"]
    log = tmp_path / "log"
    with (
        log.open("w") as written,
        subprocess.Popen(
            [sys.executable, *words], env={**os.environ, "MY_KEY": KEY}, stderr=written
        ) as process,
    ):
        try:
            while not file.exists():
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            with httpx.Client(base_url=f"http://127.0.0.1:{file.read_text().strip()}", timeout=60) as http:
                assert http.post("/episodes", json={}).status_code == 401
                head = {"authorization": f"Bearer {KEY}"}
                url = http.post("/episodes", json={"seed": 4}, headers=head).json()["url"]
                body = {"messages": [{"role": "user", "content": "You are in a room."}]}
                said = http.post(f"{url}/v1/chat/completions", json=body).json()
                assert 1 <= said["usage"]["completion_tokens"] <= 8
                assert http.post(f"{url}/reward", json={"final": True, "reward": 2}).status_code == 200
                http.post("/episodes", json={}, headers=head)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
    assert code in (0, 143, -signal.SIGTERM), log.read_text()
    assert "trained with its answers bounded" in log.read_text()
    assert KEY not in log.read_text() and url.rsplit("/", 1)[1] not in log.read_text()
    with StoredTrajectories(tmp_path / "kept") as stored:
        found = [stored.read(row) for row in stored.rows().rows]
    assert sorted((one.end, one.episode_return) for one in found) == [("deadline", 0.0), ("terminated", 2.0)]


def test_nobody_is_let_in_from_elsewhere_without_a_key() -> None:
    with pytest.raises(UsageError, match="nobody would be asked for a key"):
        GatewayConfig(Listening(host="0.0.0.0"))
    assert GatewayConfig(Listening(host="0.0.0.0", key_env="MY_KEY")).door.visitors
    assert GatewayConfig().door == Listening(port=8010)
