"""An environment that was made is closed, whoever made it and however it ends.

1. Each command, for environments with a clone, without one, and plain ones of Gymnasium.
2. Exceptions in the constructor, in reset and in step.
3. Ctrl-C, SIGTERM and a terminal that goes away, in real processes; the exit code says which it was.
4. A server with sessions open, in each way of isolation.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import turnwise
from turnwise.__main__ import app
from turnwise.errors import EnvironmentFault
from turnwise.files import import_file
from turnwise.servers.client import ServerProcess, SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.sessions.journal.records import Entry, SessionRecord
from turnwise.servers.sessions.journal.verify import replayed, verify
from turnwise.servers.sessions.service import Service
from turnwise.servers.sessions.session import Diverged

FILE = Path(__file__).with_name("counted.py")
counted = import_file(FILE, given="the test")  # as a command imports it
CLASSES = ["Counted", "Wired", "Plain"]
ISOLATED = [word for name in ("Counted", "Wired", "Boxed") for word in ("--env", f"{FILE}:{name}")]
ISOLATED += ["--isolation", f"{FILE}:Wired=thread", "--isolation", f"{FILE}:Boxed=process"]
TINY = [
    "train.num_updates=1",
    "train.threads=1",
    "server.spawn=false",
    "policy.hidden_size=16",
    "policy.num_layers=1",
    "policy.num_heads=2",
    "policy.num_kv_heads=1",
    "policy.intermediate_size=16",
    "policy.context_tokens=256",
    "rollout.num_groups=2",
    "rollout.group_size=2",
    "rollout.max_turns=4",
    "eval.episodes=2",
    "warmstart.episodes=6",
    "warmstart.max_steps=2",
    "warmstart.copy_steps=0",
    "log.console=false",
]


@pytest.fixture(autouse=True)
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Count in a folder of the test, and hold it to have been used and to be empty at the end."""
    monkeypatch.setenv(counted.VARIABLE, str(tmp_path))
    yield tmp_path
    assert (tmp_path / "opened").exists(), "none was ever open"
    assert counted.num_open() == 0


def place(name: str) -> str:
    return f"{FILE}:{name}"


EVAL = ["eval", "--env", place("Counted"), "--agent", "random", "--episodes", "999", "--slots", "4"]


def run(*arguments: str, input: str | None = None) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it said."""
    done = CliRunner().invoke(app, list(arguments), input=input)
    return done.exit_code, done.output + str(done.exception or "")


def sets(*pairs: str) -> list[str]:
    return [word for pair in pairs for word in ("--set", pair)]


@pytest.mark.parametrize("name", CLASSES)
def test_check(name: str) -> None:
    code, said = run("check", place(name), "--seeds", "2")
    assert (code, "FAIL" in said) == (0, False), said


@pytest.mark.parametrize("name", CLASSES)
def test_play(name: str) -> None:
    assert run("play", place(name), input="right\n:undo\nright\nleft\n:quit\n")[0] == 0
    assert counted.num_open() == 0
    assert run("play", place(name), input="right\nright\n")[0] == 0


@pytest.mark.parametrize("name", CLASSES)
def test_eval(name: str) -> None:
    code, said = run("eval", "--env", place(name), "--agent", "random", "--episodes", "3")
    assert code == 0, said


@pytest.mark.parametrize("name", CLASSES)
def test_train_with_its_warm_start(name: str, tmp_path: Path) -> None:
    code, said = run("train", "tiny", "--out", str(tmp_path / "run"), *sets(f"env.id={place(name)}", *TINY))
    assert code == 0, said


def test_train_on_a_server_of_its_own(tmp_path: Path) -> None:
    given = sets(f"env.id={place('Counted')}", *TINY, "server.spawn=true")
    code, said = run("train", "tiny", "--out", str(tmp_path / "run"), *given)
    assert code == 0, said


def test_warmstart(tmp_path: Path) -> None:
    given = ["--recipe", "tiny", "--env", place("Counted"), "--out", str(tmp_path / "warm")]
    code, said = run("warmstart", *given, *sets(*TINY))
    assert code == 0, said


def test_regrade(tmp_path: Path) -> None:
    """Beside those above the one command that makes an environment; here it refuses it."""
    code, said = run("regrade", str(tmp_path), "--env", place("Counted"))
    assert (code == 0, "has no patches" in said) == (False, True), said


@pytest.mark.parametrize("call", ["init", "reset", "step"])
def test_what_raises(call: str, tmp_path: Path) -> None:
    fails, recipe = ["-k", f"fails={call}"], f'env.train_kwargs={{fails = "{call}"}}'
    done = [
        run("check", place("Counted"), *fails),
        run("play", place("Counted"), *fails, input="right\n"),
        run("eval", "--env", place("Counted"), "--agent", "random", "--episodes", "2", *fails),
        run(
            "train",
            "tiny",
            "--out",
            str(tmp_path / "run"),
            *sets(f"env.id={place('Counted')}", recipe, *TINY),
        ),
    ]
    assert [code == 0 or f"no {call} today" not in said for code, said in done] == [False] * 4, done


def test_a_half_made_environment_that_cannot_be_closed() -> None:
    class Broken(counted.Counted):
        def __init__(self) -> None:
            lease = counted.Lease()
            lease.close()
            raise ValueError("before anything is there")

    with pytest.raises(EnvironmentFault, match="could not be made: ValueError: before anything is there"):
        turnwise.make(Broken)


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (["check", place("Counted"), "-k", "waits=step"], signal.SIGTERM),
        (["play", place("Counted"), "-k", "waits=reset"], signal.SIGHUP),
        (["play", place("Counted"), "-k", "waits=reset"], signal.SIGINT),
        ([*EVAL, "-k", "waits=step"], signal.SIGTERM),
        ([*EVAL, "-k", "waits=step"], signal.SIGINT),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else given.name,
)
def test_a_signal(command: list[str], number: signal.Signals, noted: Path) -> None:
    assert stopped(command, number, noted) == 128 + number


def test_a_signal_while_demonstrations_are_played(noted: Path) -> None:
    waits = sets('env.train_kwargs={waits = "step"}', *TINY, "warmstart.episodes=64", "rollout.slots=4")
    command = ["train", "tiny", "--out", str(noted / "run"), *sets(f"env.id={place('Counted')}"), *waits]
    assert stopped(command, signal.SIGTERM, noted) == 143


def test_a_signal_where_ctrl_c_is_ignored(noted: Path) -> None:
    command = [
        "eval",
        "--env",
        place("Counted"),
        "--agent",
        "random",
        "--episodes",
        "9999",
        "-k",
        "waits=step",
    ]
    assert stopped(command, signal.SIGTERM, noted, ignoring=True) == 143


def stopped(command: list[str], number: signal.Signals, noted: Path, *, ignoring: bool = False) -> int:
    """Start a command, send it a signal while an environment of it is at work, and return its exit code."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if ignoring else None
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "turnwise", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, counted.VARIABLE: str(noted)},
        )
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
    with process:
        while not (noted / "waiting").exists():
            assert process.poll() is None, "it ended before"
            time.sleep(0.02)
        process.send_signal(number)
        try:
            return process.wait(30)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code", "workers"), [(signal.SIGINT, 130, 1), (signal.SIGTERM, 0, 1), (signal.SIGHUP, 129, 2)]
)
def test_a_server_with_sessions_open(number: signal.Signals, code: int, workers: int) -> None:
    def make(name: str, **wanted: Any) -> list[dict[str, Any]]:
        made = httpx.post(f"{server.url}/v1/sessions", json={"env_id": place(name), **wanted})
        return list(made.json()["sessions"])

    with ServerProcess([*ISOLATED, "--workers", str(workers)]) as server:
        for name in ("Counted", "Wired", "Boxed"):
            made = make(name, count=2)
            fork = {"items": [{"id": made[0]["id"], "count": 2}]}
            assert len(httpx.post(f"{server.url}/v1/fork", json=fork).json()["sessions"]) == 2
            for call in ("init", "reset"):
                assert make(name, kwargs={"fails": call})[0]["code"] == "environment_failed"
            url = f"{server.url}/v1/sessions/{make(name, kwargs={'fails': 'step'})[0]['id']}/step"
            reply = httpx.post(url, json={"episode": 0, "turn": 0, "action": "right"}).json()
            assert reply["end"] == "error"
        while counted.num_open() > 12:  # what is isolated is closed on a thread, or in its process
            time.sleep(0.01)
        assert counted.num_open() == 12
        os.kill(server.pid, number)
        assert server._process.wait(30) == code


def test_a_server_that_stops_while_it_makes_what_nobody_waits_for(noted: Path) -> None:
    with ServerProcess(ISOLATED) as server:
        create = {"env_id": place("Wired"), "kwargs": {"waits": "init", "seconds": 1.0}, "count": 2}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}/v1/sessions", json=create, timeout=0.3)
        assert (noted / "waiting").exists()
        os.kill(server.pid, signal.SIGTERM)
        assert server._process.wait(30) == 0


def test_a_journal_that_is_verified_and_replayed() -> None:
    service, catalogue = Service(), Catalogue(trusted=True)

    async def play() -> SessionRecord:
        client = SessionClient(LocalTransport(service))
        try:
            (made,) = await client.create([CreateItem(place("Counted"), {}, 3)], request_id="one")
            await client.step([StepItem(made.id, 0, 0, "right")])
            (session,) = service.sessions.values()
            return session.record
        finally:
            await client.aclose()
            await service.aclose()

    record = asyncio.run(play())
    assert verify(record, catalogue).differs_at is None
    assert len(list(replayed(record, catalogue))) == 2
    assert counted.num_open() == 0
    assert verify(replace(record, fingerprint="another"), catalogue).differs_at == 0
    assert verify(replace(record, reset_digest=b"another"), catalogue).differs_at == 0
    spoiled = replace(record, log=[Entry(record.log[0].action, b"another")])
    assert verify(spoiled, catalogue).differs_at == 1
    with pytest.raises(Diverged):
        list(replayed(spoiled, catalogue))
