"""A server as a real process: start, stop, drain, logs, and settings that are refused."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time

import httpx
import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.errors import ServerUnreachable, UsageError
from turnwise.servers.client import RemoteEnv, ServerProcess


def test_a_process_serves_and_stops_cleanly(world, tmp_path):
    log_file = tmp_path / "server.log"
    with ServerProcess(
        ["--env", world("Sleepy"), "--isolation", "thread", "--log-json"], log_file=log_file
    ) as server:
        with httpx.Client(base_url=server.url, timeout=20) as http:
            id = http.post("/v1/sessions", json={"env_id": world("Sleepy")}).json()["sessions"][0]["id"]
            answers = []
            step = {"episode": 0, "turn": 0, "action": "sleep 0.5"}
            thread = threading.Thread(
                target=lambda: answers.append(httpx.post(f"{server.url}/v1/sessions/{id}/step", json=step))
            )
            thread.start()
            while not http.get(f"/v1/sessions/{id}").json()["running"]:
                time.sleep(0.01)
        assert server.stop() == 0
        thread.join()
        assert answers[0].json()["turn"] == 1, "a request in flight is finished"
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    assert lines[0]["message"].startswith("serving 1 environments on http://127.0.0.1:")
    assert any(line["message"].startswith("stopping") for line in lines)


def test_a_hanging_step_does_not_keep_a_server_from_stopping(world):
    with ServerProcess(["--env", world("Sleepy"), "--isolation", "thread", "--drain", "1"]) as server:
        body = {"env_id": world("Sleepy")}
        id = httpx.post(f"{server.url}/v1/sessions", json=body).json()["sessions"][0]["id"]
        step = {"episode": 0, "turn": 0, "action": "sleep 500"}
        answer = httpx.post(f"{server.url}/v1/sessions/{id}/step", json=step, headers={"prefer": "wait=0.1"})
        assert answer.status_code == 202
        assert server.stop() == 0
        assert "1 steps still run" in server.log_tail()


@pytest.mark.parametrize("action", ["hang", "thread"])
def test_a_server_ends_whatever_holds_it(world, action):
    arguments = ["--env", world("Unruly"), "--drain", "0.1"]
    with ServerProcess(arguments) as server:
        id = httpx.post(f"{server.url}/v1/sessions", json={"env_id": world("Unruly")}).json()["sessions"][0][
            "id"
        ]
        step = {"episode": 0, "turn": 0, "action": action}
        with contextlib.suppress(httpx.ReadTimeout):
            httpx.post(f"{server.url}/v1/sessions/{id}/step", json=step, timeout=0.5)
        os.kill(server.pid, signal.SIGINT)
        assert server._process.wait(20) == 130


def test_a_server_that_is_held_ends_with_the_process_that_started_it(world):
    with ServerProcess(["--env", world("Unruly"), "--drain", "0.1"]) as server:
        made = httpx.post(f"{server.url}/v1/sessions", json={"env_id": world("Unruly")}).json()
        step = {"episode": 0, "turn": 0, "action": "hang"}
        with contextlib.suppress(httpx.ReadTimeout):
            httpx.post(f"{server.url}/v1/sessions/{made['sessions'][0]['id']}/step", json=step, timeout=0.5)
        server._process.stdin.close()
        assert server._process.wait(20) == 0


def test_ctrl_c_twice_does_not_wait(world):
    with ServerProcess(["--env", world("Unruly"), "--drain", "300"]) as server:
        id = httpx.post(f"{server.url}/v1/sessions", json={"env_id": world("Unruly")}).json()["sessions"][0][
            "id"
        ]
        step = {"episode": 0, "turn": 0, "action": "hang"}
        with contextlib.suppress(httpx.ReadTimeout):
            httpx.post(f"{server.url}/v1/sessions/{id}/step", json=step, timeout=0.5)
        os.kill(server.pid, signal.SIGINT)
        time.sleep(0.2)  # two signals of one moment are one
        os.kill(server.pid, signal.SIGINT)
        assert server._process.wait(20) == 130


def test_a_remote_environment_over_a_socket(world):
    with ServerProcess(["--env", world("Counter")]) as server:
        env = RemoteEnv(server.url, world("Counter"))
        _, info = env.reset(seed=1)
        assert info["task"] == "count-1"
        assert env.step("stop")[2] is True
        env.close()
        os.kill(server.pid, signal.SIGINT)
        assert server._process.wait(20) == 130


def test_settings_that_cannot_be_served_are_refused(world, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        cases = {
            ("--port", port): f"cannot listen on 127.0.0.1:{port}",
            ("--env", "household/nothing-v0"): "unknown environment 'household/nothing-v0'",
            ("--env", f"{world('Missing')}"): "unknown name in",
            ("--key-file", str(tmp_path / "none")): "key file",
            ("--isolation", "everywhere"): "expected inline, thread, process or container",
            ("--data-root", str(tmp_path / "none")): "is no folder",
            ("--ttl", "0"): "ttl_s must be at least",
            ("--deadline", "1"): "can only be kept by killing",
            ("--journal", str(tmp_path / "none" / "journal.db")): "there is no folder",
        }
        for arguments, text in cases.items():
            done = CliRunner().invoke(command_line, ["serve", "--port", "0", *arguments])
            assert isinstance(done.exception, UsageError), arguments
            assert text in str(done.exception), arguments


def test_a_server_that_cannot_start_is_told_with_its_log():
    with pytest.raises(ServerUnreachable, match=r"the server ended with 2:\n.*unknown environment"):
        ServerProcess(["--env", "no/such-v0"]).start()


def test_a_key_that_is_added_calls_without_a_new_start(world, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("ann ann-0123456789abcdef\n")
    with ServerProcess(["--env", world("Sleepy"), "--key-file", str(keys)]) as server:

        def answered(name: str, wanted: int) -> bool:
            headers = {"authorization": f"Bearer {name}-0123456789abcdef"}
            for _ in range(100):
                if httpx.get(f"{server.url}/v1/envs", headers=headers).status_code == wanted:
                    return True
                time.sleep(0.1)
            return False

        assert answered("ann", 200) and answered("bob", 401)
        keys.write_text("bob bob-0123456789abcdef\n")
        assert answered("bob", 200) and answered("ann", 401)
        assert "read again; keys: bob" in server.log_tail()
        keys.write_text("carl short\n")
        for _ in range(100):  # nobody calls, and the log says what is wrong all the same
            if "'carl' is shorter" in server.log_tail():
                break
            time.sleep(0.1)
        assert "the keys of before stay" in server.log_tail() and answered("bob", 200)
