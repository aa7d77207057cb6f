"""What is started, and started again, when what dies: on a cluster that is a script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from turnwise.errors import Stopped, TrainingError, TurnwiseError, UsageError
from turnwise.trainers.launch import supervise
from turnwise.trainers.launch.commands import Job
from turnwise.trainers.launch.keeper import Command, Ended, Look, Spot
from turnwise.trainers.launch.roles import Role, roles_of
from turnwise.trainers.launch.supervise import Lost, Supervisor
from turnwise.trainers.recipe import from_tables

KILLED = Ended(137, "was killed by SIGKILL")
FAILED = Ended(1, "ended with exit code 1")
DONE = Ended(0, "ended with exit code 0")


@dataclass
class Fake:
    """A keeper whose process ends when the script says."""

    cluster: Script
    role: Role
    host: str
    alive: bool = True
    end: Ended | None = None

    def settle(self, port: int) -> Spot:
        self.cluster.ports += 1
        return Spot("/folder/" + self.role.name, "python", port or self.cluster.ports)

    def start(self, command: Command) -> Ended | None:
        flags = [word for word in command.words if word in ("--resume", "--previous")]
        urls = [url for name, urls in command.env.items() if "_HELD_" in name for url in urls.split()]
        port = command.answers[1] if command.answers else 0
        self.cluster.did("start", self.role.name, *flags, *([str(port)] if port else urls))
        self.command = command
        return self.cluster.stillborn.pop(0) if self.role.name in self.cluster.stillborn_names() else None

    def ended(self) -> Ended | None:
        return self.end

    def look(self, position: int) -> Look:
        if not self.alive:
            raise Lost("gone")
        text = self.cluster.said.pop(0) if self.cluster.said else ""
        return Look(text, position + len(text), self.cluster.update)

    def is_taken(self, port: int) -> bool:
        return True

    def stop(self) -> None:
        self.cluster.did("stop", self.role.name)

    def release(self) -> None:
        self.cluster.did("release", self.role.name)
        del self.cluster.keepers[self.role.name]

    def close(self) -> None:
        self.cluster.did("close", self.role.name)


@dataclass
class Script:
    """A cluster, and what happens on it: one event each time that somebody waits."""

    events: list[Callable[[Script], None]]
    host: str = "127.0.0.1"
    ports: int = 7000
    update: int = 0
    log: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    stillborn: list[Ended] = field(default_factory=list)
    born: str = ""
    keepers: dict[str, Fake] = field(default_factory=dict)

    def stillborn_names(self) -> list[str]:
        return [self.born] if self.stillborn else []

    def place(self, role: Role) -> tuple[str, Fake]:
        assert role.name not in self.keepers, "its place is taken"
        self.keepers[role.name] = Fake(self, role, self.host)
        return self.host, self.keepers[role.name]

    def did(self, *words: str) -> None:
        self.log.append(" ".join(words))

    def wait(self, _: float) -> None:
        assert self.events, "nothing happens any more, and it still waits"
        self.log.append("--")
        self.events.pop(0)(self)


def dies(name: str, how: Ended = KILLED) -> Callable[[Script], None]:
    def happen(script: Script) -> None:
        script.keepers[name].end = how

    return happen


def moves_and_dies(name: str) -> Callable[[Script], None]:
    def happen(script: Script) -> None:
        script.host = "10.0.0.2"
        script.keepers[name].end = KILLED

    return happen


def advances(script: Script) -> None:
    script.update += 1


def held(
    events: list[Callable[[Script], None]],
    monkeypatch: pytest.MonkeyPatch,
    raises: type[TurnwiseError] | None = None,
    policy: dict[str, str] | None = None,
    born: str = "",
    stillborn: tuple[Ended, ...] = (),
    how: tuple[str, ...] = (),
    **launch: object,
) -> tuple[Script, list[str], str]:
    """Hold a run; return the script, what the user was told, and what was raised."""
    script, told = Script(events, born=born, stillborn=[*stillborn]), list[str]()
    monkeypatch.setattr(supervise.time, "sleep", script.wait)
    monkeypatch.setattr(supervise, "_LOOK_S", -1.0)
    monkeypatch.setattr(supervise, "_GRACE_S", 0.0)
    recipe = from_tables({"launch": launch, "policy": policy or {}})
    roles = roles_of(recipe, held=True)
    job = Job(recipe, Path("/runs/a"), "key", "inner")
    supervisor = Supervisor(job, roles, script, told.append, told.append)
    if raises is None:
        supervisor.run(how)
        return script, told, ""
    with pytest.raises(raises) as caught:
        supervisor.run(how)
    return script, told, str(caught.value)


END = ["stop learner-0", "close learner-0", "stop server-0", "close server-0"]
BEGUN = ["start server-0 7001", "start learner-0 http://127.0.0.1:7001"]


def test_a_run_that_nothing_befalls(monkeypatch: pytest.MonkeyPatch) -> None:
    script, told, _ = held([dies("learner-0", DONE)], monkeypatch, how=("--previous",))
    assert script.log == [BEGUN[0], "start learner-0 --previous http://127.0.0.1:7001", "--", *END]
    assert told == []


def test_a_server_comes_back_where_it_was_and_the_learner_plays_on(monkeypatch: pytest.MonkeyPatch) -> None:
    script, told, _ = held([dies("server-0"), dies("learner-0", DONE)], monkeypatch)
    again = ["release server-0", "start server-0 7001"]
    assert script.log == [*BEGUN, "--", *again, "--", *END]
    assert told == ["server-0 at 127.0.0.1 was killed by SIGKILL; it is started again (1 of 3)"]


def test_a_server_whose_machine_is_lost_is_asked_at_its_new_address(monkeypatch: pytest.MonkeyPatch) -> None:
    script, _, _ = held([moves_and_dies("server-0"), dies("learner-0", DONE)], monkeypatch)
    again = ["release server-0", "start server-0 7003", "stop learner-0", "release learner-0"]
    assert script.log == [*BEGUN, "--", *again, "start learner-0 --resume http://10.0.0.2:7003", "--", *END]


def test_a_learner_whose_keeper_is_gone_has_said_nothing_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = dies("learner-0", supervise.gone(Lost("has lost its actor")))
    script, told, _ = held([lost, dies("learner-0", DONE)], monkeypatch)
    assert told == ["learner-0 at 127.0.0.1 has lost its actor; it is started again (1 of 3)"]
    assert "start learner-0 --resume http://127.0.0.1:7001" in script.log


def test_learners_start_again_together_and_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    script, _, _ = held([dies("learner-1"), dies("learner-0", DONE)], monkeypatch, learners=2)
    names = ("learner-0", "learner-1")
    stopped = [f"{word} {name}" for name in names for word in ("stop", "release")]
    started = [f"start {name} --resume http://127.0.0.1:7001" for name in names]
    assert script.log[4:10] == [*stopped, *started]
    env = script.keepers["learner-1"].command.env
    assert (env["RANK"], env["LOCAL_RANK"], env["WORLD_SIZE"]) == ("1", "0", "2")
    assert env["MASTER_PORT"] == script.keepers["learner-0"].command.env["MASTER_PORT"]
    assert env["GLOO_SOCKET_IFNAME"].startswith("lo") and env["TURNWISE_KEY"] == "key"


def test_an_engine_that_dies_has_lost_its_weights_and_learners_bring_them_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told_what = supervise.command_of

    def command_of(job: Job, role: Role, *more: Any) -> Command:
        answers = ("127.0.0.1", more[0][role.name].spot.port)
        return Command((), "/", answers=answers) if role.kind == "engine" else told_what(job, role, *more)

    monkeypatch.setattr(supervise, "command_of", command_of)
    events = [dies("engine-0"), dies("learner-0", DONE)]
    script, _, _ = held(events, monkeypatch, policy={"kind": "vllm", "checkpoint": "somewhere"})
    assert script.log[4:9] == [
        "stop learner-0", "release learner-0", "release engine-0", "start engine-0 7002",
        "start learner-0 --resume http://127.0.0.1:7001 http://127.0.0.1:7002",
    ]  # fmt: skip


def test_a_rank_that_ends_well_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [dies("learner-1", DONE), dies("learner-0", DONE)]
    script, told, _ = held(events, monkeypatch, learners=2)
    assert told == [] and "stop learner-1" not in script.log[:5]


def test_several_servers_stand_behind_a_router(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [dies("server-1"), moves_and_dies("server-0"), dies("learner-0", DONE)]
    script, _, _ = held(events, monkeypatch, servers=2)
    begun = ["start server-0 7001", "start server-1 7002", "start router 7003"]
    assert script.log[:5] == [*begun, "start learner-0 http://127.0.0.1:7003", "--"]
    assert script.log[5:8] == ["release server-1", "start server-1 7002", "--"]
    moved = ["release server-0", "start server-0 7006", "release router", "start router 7007"]
    assert script.log[8:12] == moved
    router, server = script.keepers["router"].command, script.keepers["server-0"].command
    asked = [word for word in router.words if word.startswith("http")]
    assert asked == ["http://10.0.0.2:7006", "http://127.0.0.1:7002"]
    assert "--trusted-network" in router.words
    assert router.env["TURNWISE_SERVERS_KEY"] == "inner" and server.files["keys"] == "router inner router\n"
    assert not {"key", "inner"} & {*router.words, *server.words}


def test_a_learner_that_says_itself_why_it_fails_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script, told, error = held([dies("learner-0", FAILED)], monkeypatch, TrainingError)
    assert error == "learner-0 at 127.0.0.1 ended with exit code 1; its own words stand above"
    assert script.log == [*BEGUN, "--", *END] and told == []
    wrong = Ended(2, "ended with exit code 2")
    events = [dies("server-0"), dies("learner-0", wrong)]
    assert held(events, monkeypatch, UsageError)[2].startswith(
        "learner-0 at 127.0.0.1 ended with exit code 2"
    )


def test_it_is_where_another_process_was_lost_before(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [dies("server-0"), dies("learner-0", FAILED), dies("learner-0", FAILED)]
    script, told, error = held(events, monkeypatch, TrainingError)
    assert [line for line in script.log if line.startswith("start learner-0 --resume")] != []
    assert len(told) == 2 and "its own words" in error, "the second time nothing else was lost"


def test_what_dies_again_and_again_ends_the_run_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    how = Ended(134, "was killed by SIGABRT", "no such library\n")
    events = [dies("server-0", how)] * 3
    script, told, error = held(events, monkeypatch, TrainingError, restarts=2)
    assert len(told) == 2 and told[1].endswith("it is started again (2 of 2)")
    assert error == (
        "server-0 at 127.0.0.1 was killed by SIGABRT; it was started again 2 times since the last update and "
        "is not any more (launch.restarts); the end of its output:\nno such library\n"
    )
    assert script.log[-4:] == END


def test_so_does_what_does_not_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    four = (FAILED,) * 4
    script, told, error = held([], monkeypatch, TrainingError, born="server-0", stillborn=four)
    assert [line for line in script.log if line.startswith("start")] == [
        f"start server-0 {port}" for port in (7001, 7002, 7003, 7004)
    ]
    assert len(told) == 3 and "started again 3 times" in error
    assert script.log.count("release server-0") == 4 and not script.keepers


def test_an_update_forgives(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [
        dies("server-0"),
        advances,
        dies("server-0"),
        advances,
        dies("server-0"),
        dies("learner-0", DONE),
    ]
    _, told, _ = held(events, monkeypatch, restarts=1)
    assert told == ["server-0 at 127.0.0.1 was killed by SIGKILL; it is started again (1 of 1)"] * 3


def test_whoever_asks_a_run_to_stop_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = Ended(130, "ended with exit code 130")
    script, told, _ = held([dies("learner-0", stopped)], monkeypatch, Stopped)
    assert script.log == [*BEGUN, "--", *END] and told == []


def test_an_interrupt_lets_the_learners_save_before_servers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(script: Script) -> None:
        script.said.append("saved\n")
        raise KeyboardInterrupt

    scripts: list[Script] = []
    with pytest.raises(KeyboardInterrupt):
        held([scripts.append, interrupt], monkeypatch)
    assert scripts[0].log == [*BEGUN, "--", "--", *END]
