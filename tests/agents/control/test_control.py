"""What goes on is controlled through its folder.

1. One process holds a folder, and lets go of it however it ends.
2. What lies there may be anybody's: it is bounded, checked, answered; who asked is who owns the file.
3. A paused evaluation says nothing, keeps its sessions, and comes to the rows of one that was not paused.
4. What failed by the machine's fault is played again, and nothing else; stop keeps what ended.
5. What decides a score cannot change, or the result says so.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from turnwise.__main__ import main
from turnwise.agents.control import Wish, ask, entries, hold, read_wish, standing
from turnwise.agents.control.asking import answer, request
from turnwise.agents.evaluation.config import EVALUATION
from turnwise.agents.evaluation.evaluate import evaluate
from turnwise.agents.policies.expert import ExpertPolicy
from turnwise.agents.suite import load, play
from turnwise.errors import NotRunning, Stopped, UnknownName, UsageError
from turnwise.servers.client import connect
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.sessions.service import Service

HOLDER = """
import sys
from pathlib import Path
from turnwise.agents.control import hold
with hold(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    sys.stdin.read()
"""


class Slow(ExpertPolicy):
    """An expert who takes a while over each message, and counts them."""

    said = 0

    async def generate(self, request):
        await asyncio.sleep(0.1)
        self.said += 1
        return await super().generate(request)


async def until(condition: Callable[[], Any]) -> Any:
    while not (found := condition()):
        await asyncio.sleep(0.01)
    return found


def told(place: Path, word: str, **limits: float) -> Awaitable[Any]:
    """Ask, and return what waits for the answer."""
    id = request(place, word, limits)
    return until(lambda: next((entry for entry in entries(place) if entry.id == id), None))


def controlled(policy, env_id, out: Path, doing: Callable[[], Awaitable[None]], ttl_s=600.0, **more):
    """Evaluate, and do something meanwhile."""

    async def inside():
        service = Service(Catalogue(trusted=True), limits=Limits(ttl_s=ttl_s))
        client = connect("local:")
        await client.aclose()
        client = type(client)(LocalTransport(service))
        playing = asyncio.create_task(evaluate(client, policy, env_id, out=out, **more))
        try:
            await until(lambda: standing(out) or playing.done())
            await doing()
            return await playing
        finally:
            playing.cancel()
            await asyncio.wait({playing})
            await client.aclose()

    return asyncio.run(inside())


def test_one_process_holds_a_folder_until_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        found = standing(tmp_path)
        assert (found.running, found.pid, found.state) == (True, process.pid, "going on")
        with (
            pytest.raises(UsageError, match=f"process {process.pid} plays here already"),
            hold(tmp_path, "suite"),
        ):
            pass
        id = ask(tmp_path, Wish("pause"))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (standing(tmp_path).running, standing(tmp_path).state) == (False, "ended")
    with pytest.raises(NotRunning, match="turnwise train --resume --out"):
        request(tmp_path, "pause", {})
    with hold(tmp_path, "training") as control:
        assert control.take() == []
    assert [(entry.id, entry.done, entry.said) for entry in entries(tmp_path)] == [
        (id, False, "the process that was asked had ended")
    ]


def test_what_lies_in_the_folder_is_checked_and_answered(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"word": "stop", "limits": {}}')
    with hold(tmp_path, "training") as control:
        hidden = tmp_path / ".control"
        (hidden / "1.ask").write_text("{")
        (hidden / "2.ask").write_text(json.dumps({"word": "stop", "limits": {}, "more": "x" * 5000}))
        (hidden / "3.ask").write_text(json.dumps({"word": "leave\x1b[31m", "limits": {}}))
        (hidden / "4.ask").symlink_to(secret)
        os.mkfifo(hidden / "5.ask")
        (hidden / "6.ask").write_text(json.dumps({"word": "limit", "limits": {"updates": True}}))
        (hidden / "7.ask").write_text(json.dumps({"word": "limit", "limits": [], "pid": "x"}))
        (hidden / "8.ask").write_text("[" * 4000)
        good = ask(tmp_path, Wish("limit", {"updates": 5.0}))
        (taken,) = control.take()
        assert (taken.id, taken.wish, taken.who) == (good, Wish("limit", {"updates": 5.0}), getpass.getuser())
        assert [entry.done for entry in entries(tmp_path)] == [False] * 8
        assert list(hidden.glob("*.ask")) == [] and secret.exists()
        if os.getuid() == 0:  # root may give a file away: the name is the owner's, whatever the file says
            ask(tmp_path, Wish("stop"))
            (waits,) = hidden.glob("*.ask")
            os.chown(waits, 1, -1)
            assert control.take()[0].who == "daemon"
        for number in range(100):
            (hidden / f"{number}.ask").write_text("{}")
        with pytest.raises(UsageError, match="100 requests wait already"):
            ask(tmp_path, Wish("stop"))


@pytest.mark.parametrize(
    ("kind", "word", "limits", "error", "said"),
    [
        ("training", "puase", {}, UnknownName, "did you mean 'pause'"),
        ("training", "requeue", {}, UsageError, "is for evaluations"),
        ("training", "pause", {"updates": 3}, UsageError, "expected NAME=VALUE with limit"),
        ("training", "limit", {}, UsageError, "expected NAME=VALUE with limit"),
        ("training", "limit", {"slots": 4}, UsageError, "to the last bit"),
        ("evaluation", "limit", {"turns": 4}, UsageError, "decides what an episode can reach"),
        ("evaluation", "limit", {"slot": 4}, UnknownName, "did you mean 'slots'"),
        ("evaluation", "limit", {"slots": "4.5"}, UsageError, "a whole number from 1 to 4096"),
        ("evaluation", "limit", {"episodes": "nan"}, UsageError, "a whole number"),
        ("suite", "limit", {"episodes": 4}, UsageError, "every agent plays the same tasks"),
        ("cell", "stop", {}, UsageError, "a folder above it: control that"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_reason(kind, word, limits, error, said) -> None:
    with pytest.raises(error, match=said):
        read_wish(word, limits, kind)


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_paused_evaluation_stands_still_and_comes_to_the_same(room, tmp_path, deterministic) -> None:
    policy, config = Slow(), replace(EVALUATION, deterministic=deterministic, slots=3)
    more = {"episodes": 8, "config": config}

    async def pause() -> None:
        await until(lambda: policy.said)
        assert (await told(tmp_path / "held", "pause")).done
        await asyncio.sleep(0.1)  # what was being said is said
        said = policy.said
        assert 0 < said < 24
        await asyncio.sleep(1.3)  # longer than a session lives that nobody calls
        assert (policy.said, standing(tmp_path / "held").state) == (said, "paused")
        refused = await told(tmp_path / "held", "limit", episodes=9)
        assert not refused.done and "given 8 episodes" in refused.said
        assert (await told(tmp_path / "held", "limit", slots=2)).done
        assert (await told(tmp_path / "held", "resume")).said == "goes on"
        assert not (await told(tmp_path / "held", "resume")).done

    async def nothing() -> None:
        pass

    paused = controlled(policy, room("Corridor"), tmp_path / "held", pause, ttl_s=1.0, **more)
    calm = controlled(Slow(), room("Corridor"), tmp_path / "calm", nothing, **more)
    assert paused.success_rate == 1.0
    assert [replace(row, seconds=0.0) for row in paused.per_task] == [
        replace(row, seconds=0.0) for row in calm.per_task
    ]
    assert "changed" not in paused.settings
    assert [entry.asked for entry in entries(tmp_path / "held")] == [
        "pause", "limit episodes=9", "limit slots=2", "resume", "resume",
    ]  # fmt: skip


def test_what_failed_by_the_machines_fault_is_played_again_and_a_changed_number_is_said(
    room, tmp_path
) -> None:
    floor, out = tmp_path / "floor", tmp_path / "out"
    floor.write_text("gone")
    config = replace(EVALUATION, retries=0, slots=1)

    async def mend() -> None:
        await until(lambda: len((out / "rows.jsonl").read_text().splitlines()) > 4)  # 0 and 3 have failed
        await told(out, "pause")
        floor.write_text("there")
        again = request(out, "requeue", {})
        assert (await told(out, "limit", episodes=6)).done
        await told(out, "resume")
        await until(lambda: any(entry.id == again for entry in entries(out)))

    kwargs = {"floor": str(floor)}
    result = controlled(Slow(), room("Treacherous"), out, mend, kwargs=kwargs, config=config, episodes=10)
    assert (result.episodes, result.errors, result.success_rate) == (6, 0, 1.0)
    (changed,) = result.settings["changed"]
    assert (changed["episodes"], changed["given"], changed["who"]) == (6, 10, getpass.getuser())
    seeds = [json.loads(line)["seed"] for line in (out / "rows.jsonl").read_text().splitlines()]
    assert sorted(seeds) == [0, 0, 1, 2, 3, 3, 4, 5]


def test_stop_keeps_what_ended_and_the_same_call_goes_on(room, tmp_path) -> None:
    more = {"episodes": 8, "config": replace(EVALUATION, slots=2)}

    async def stop() -> None:
        await until(lambda: (tmp_path / "rows.jsonl").read_text())
        await told(tmp_path, "pause")
        request(tmp_path, "stop", {})

    with pytest.raises(Stopped, match="of 8 episodes"):
        controlled(Slow(), room("Corridor"), tmp_path, stop, **more)
    ended = len((tmp_path / "rows.jsonl").read_text().splitlines())
    assert 2 <= ended < 8 and entries(tmp_path)[-1].said == f"stopped after {ended} of 8 episodes"

    async def nothing() -> None:
        pass

    policy = Slow()
    assert controlled(policy, room("Corridor"), tmp_path, nothing, **more).episodes == 8
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 8


SUITE = """
name = "two"
episodes = 4
[[agents]]
name = "expert"
agent = "expert"
[[environments]]
name = "corridor"
id = "{corridor}"
[[environments]]
name = "faulty"
id = "{faulty}"
kwargs = {{floor = "{floor}"}}
[rollout]
retries = 0
"""


def test_a_suite_is_controlled_as_a_whole(room, tmp_path, monkeypatch) -> None:
    (tmp_path / "floor").write_text("gone")
    file, out = tmp_path / "suite.toml", tmp_path / "out"
    text = SUITE.format(corridor=room("Corridor"), faulty=room("Treacherous"), floor=tmp_path / "floor")
    file.write_text(text)
    monkeypatch.setattr(sys.modules[play.__module__], "make_policy", lambda *_, **__: Slow())

    async def inside() -> None:
        playing = asyncio.create_task(play(load(file), out, lambda: connect("local:")))
        cell = out / "expert" / "faulty"
        await until(lambda: (cell / "rows.jsonl").exists() and len((cell / "rows.jsonl").read_text()) > 10)
        with pytest.raises(UsageError, match="a folder above it: control that"):
            request(cell, "stop", {})
        (tmp_path / "floor").write_text("there")
        request(out, "requeue", {})
        await playing

    asyncio.run(inside())
    rows = [json.loads(line) for line in (out / "expert" / "faulty" / "rows.jsonl").read_text().splitlines()]
    assert {row["seed"] for row in rows if row["error"] is None} == {0, 1, 2, 3}
    assert len((out / "expert" / "corridor" / "rows.jsonl").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere", "pause"), 2, "there is no such folder"),
        ((".", "pause"), 2, "no run, evaluation or suite"),
        (("hosted", "pause"), 2, "goes by the clock of its server"),
        (("old", "pasue"), 2, "did you mean 'pause'"),
        (("old", "pause"), 1, "turnwise train --resume --out old"),
        (("old", "limit", "updates"), 2, "expected NAME=VALUE"),
        (("old", "limit", "slots=3"), 2, "cannot change while it goes on"),
        (("old",), 0, "turnwise train --resume --out old"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, monkeypatch, capsys, words, code, said) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "recipe.toml").write_text("")
    (tmp_path / "hosted").mkdir()
    (tmp_path / "hosted" / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["turnwise", "control", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out = capsys.readouterr()
    assert int(ended.value.code or 0) == code and said in out.err + out.out.replace("\n", " ")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["hosted", "old", "recipe.toml", "run.json"]


def test_who_waits_for_an_answer_is_told_that_the_process_ended(tmp_path: Path) -> None:
    with hold(tmp_path, "training"):
        id = request(tmp_path, "pause", {})
        assert answer(tmp_path, id, 0.0) is None
    assert answer(tmp_path, id, 0.0).said == "it ended before it could"
    with pytest.raises(NotRunning, match="has ended before it took"):
        answer(tmp_path, "another", 5.0)
