"""Where a run's time goes: phases, shares, the bottleneck with its key, and who waits where nothing moves."""

from __future__ import annotations

import asyncio
import re
from io import StringIO
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any, get_args
from unittest.mock import patch

import pytest
from rich.console import Console

from turnwise.agents.rollout.board import Board
from turnwise.trainers.loop import Trainer
from turnwise.trainers.recipe import from_tables
from turnwise.trainers.reports.throughput import throughput
from turnwise.trainers.runs.bottleneck import bottleneck
from turnwise.trainers.runs.console import RunDisplay
from turnwise.trainers.runs.log import RunLog, read_log
from turnwise.trainers.runs.state import RunState
from turnwise.trainers.runs.timeline import Phase, Timeline, spent
from turnwise.trainers.runs.under_way import UnderWay
from turnwise.trainers.runs.watchdog import Watchdog, watching


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def timed(**seconds: float) -> dict[str, Any]:
    clock = Clock()
    timeline = Timeline(clock)
    for name in get_args(Phase):
        timeline.to(name)
        clock.now += seconds.get(name, 0.0)
    timeline.to("")
    engine = {"time/policy": seconds.get("policy", 0.0), "time/environment": seconds.get("environment", 0.0)}
    return spent(timeline.take(), engine)


def test_an_update_is_told_phase_by_phase() -> None:
    found = timed(sync=1.0, wait=4.0, credit=2.0, learner=3.0, policy=5.0, environment=25.0)
    assert found == {
        "time/sync": 1.0, "time/wait": 4.0, "time/credit": 2.0, "time/learner": 3.0,
        "time/busy_learner": 0.5, "time/busy_engine": 0.5, "time/busy_environment": 1.0,
        "time/timeline": [["sync", 0.0, 1.0], ["wait", 1.0, 5.0], ["credit", 5.0, 7.0], ["learner", 7.0, 10]],
    }  # fmt: skip
    assert Timeline(Clock()).take() == []


@pytest.mark.parametrize(
    ("seconds", "changes", "named"),
    [
        ({"sync": 6.0, "wait": 3.0, "learner": 1.0}, {}, "sync: 60% .*policy.lora_rank"),
        ({"wait": 5.0, "learner": 4.0, "credit": 1.0}, {}, "turns: .*50% .*50% .*train.mode = 'async'"),
        ({"wait": 1.0, "learner": 9.0}, {}, "learner: .*90% .*optim.micro_tokens"),
        ({"wait": 1.0, "learner": 9.0}, {"optim": {"num_epochs": 2}}, "learner: .*optim.num_epochs"),
        ({"wait": 1.0, "credit": 6.0, "learner": 3.0}, {}, "credit: 60% .*credit.name"),
        (
            {"wait": 1.0, "credit": 6.0, "learner": 3.0},
            {"loss": {"kl": "k3", "kl_coef": 0.1}},
            "credit: .*loss.kl_coef",
        ),
        ({"wait": 9.0, "learner": 1.0, "policy": 3.0, "environment": 8.0}, {}, "environments: .*80% .*spawn"),
        (
            {"wait": 9.0, "learner": 1.0, "policy": 8.0, "environment": 1.0},
            {},
            "engine: .*80% .*rollout.slots",
        ),
        (
            {"wait": 9.0, "learner": 1.0, "policy": 9.5, "environment": 1.0},
            {"policy": {"kind": "vllm"}},
            "engine: .*95% .*policy.engine.urls",
        ),
        ({"wait": 9.0, "learner": 1.0}, {"harness": {"command": "x"}}, "programs: .*90% .*harness.workers"),
        (
            {"wait": 5.0, "learner": 5.0, "policy": 9.9},
            {"train": {"mode": "async"}},
            "learner: .*50% .*optim.micro_tokens",
        ),
    ],
)
def test_the_bottleneck_is_named_with_the_key_to_change(
    seconds: dict[str, float], changes: dict[str, Any], named: str
) -> None:
    recipe = from_tables(changes)
    said = bottleneck(timed(**seconds), recipe)
    assert re.match(named, said), said
    assert "\n" not in said and len(said) < 200


def test_a_report_says_what_held_a_run_up() -> None:
    entries = [
        {**timed(wait=9.0, learner=1.0, policy=8.0), "time/bottleneck": "engine: x; rollout.slots"},
        {**timed(wait=5.0, learner=5.0, policy=8.0), "time/bottleneck": "turns: y; train.mode"},
        {**timed(wait=7.0, learner=3.0, policy=8.0), "time/bottleneck": "engine: z; rollout.slots"},
    ]
    for entry in entries:
        entry |= {"staleness/0": 0.25, "staleness/1": 0.5, "staleness/masked": 0.25}
    page = "\n".join(throughput(entries))
    assert "| the learner waits for episodes, seconds (`time/wait`) | 7 |" in page
    assert "| learner at work, of an update (`time/busy_learner`) | 30% |" in page
    assert "a message under way" in page and "a step under way" not in page  # programs' are not seen
    assert "| tokens 1 versions behind the learner (`staleness/1`) | 50% |" in page
    assert "In 2 of 3 updates it was held up by: engine: z; rollout.slots." in page
    assert throughput([{"step_time": 1.0}]) == []


def test_the_board_tells_who_waits_and_how_long_each_side_was_at_work() -> None:
    clock = Clock()
    board = Board(clock)
    with board.playing:
        board.at("0-0#0", "policy")
        clock.now += 2.0
        board.at("0-0#1", "policy")
        clock.now += 1.0
        board.at("0-0#0", "environment")
        clock.now += 4.0
        assert [each.episode for each in board.waiting("policy")] == ["0-0#1"]
        assert board.busy() == (7.0, 4.0, 7.0)
        board.gone("0-0#0")
        board.gone("0-0#1")
        clock.now += 1.0
    assert board.busy() == (8.0, 4.0, 7.0) and board.waiting("environment") == []
    assert board.moved == 107.0


def test_the_watchdog_says_who_waits_for_whom_once_a_minute() -> None:
    clock = Clock()
    board, timeline, told = Board(clock), Timeline(clock), list[dict[str, Any]]()
    dog = Watchdog(board, timeline, told.append, 60.0, clock)
    timeline.to("wait")
    for member in range(4):
        board.at(f"3-0#{member}", "policy")
    clock.now += 10.0
    board.at("3-1#0", "environment")
    clock.now += 59.0
    dog.look()
    assert told == []  # something moved 59 seconds ago
    clock.now += 1.0
    dog.look()
    assert {name: each for name, each in told[0].items() if name != "said"} == {
        "kind": "standstill", "waiting/seconds": 60.0, "waiting/policy": 4, "waiting/environment": 1,
        "waiting/others": 0, "waiting/program": 0, "waiting/learner_seconds": 70.0,
    }  # fmt: skip
    assert told[0]["said"] == (
        "waiting: 4 for the engine (3-0#0 since 70 s, 3-0#1 since 70 s, 3-0#2 since 70 s, ...), "
        "1 for an environment (3-1#0 since 60 s); the learner for episodes since 70 s"
    )
    clock.now += 59.0
    dog.look()
    assert len(told) == 1
    clock.now += 1.0
    dog.look()
    assert len(told) == 2 and told[1]["waiting/seconds"] == 120.0


@pytest.mark.parametrize(
    ("doing", "says"), [("learner", False), ("credit", False), ("", False), ("sync", True)]
)
def test_a_learner_at_work_is_no_standstill(doing: Any, says: bool) -> None:
    clock, told = Clock(), list[dict[str, Any]]()
    board, timeline = Board(clock), Timeline(clock)
    dog = Watchdog(board, timeline, told.append, 60.0, clock)
    timeline.to(doing)
    clock.now += 1000.0
    dog.look()
    assert bool(told) == says
    if says:
        assert told[0]["said"] == "waiting: no episode; the learner for weights to arrive since 1000 s"


def test_what_an_update_is_at_is_told_once_it_lasts() -> None:
    clock, told = Clock(), list[str]()
    board, timeline = Board(clock), Timeline(clock)
    under_way = UnderWay(board, timeline, told.append, 60.0, clock)
    under_way.look()
    clock.now += 1000.0
    under_way.look()
    assert told == []  # between two updates there is nothing to tell
    timeline.to("wait")
    under_way.look()
    for member in range(3):
        board.at(f"0-0#{member}", "policy")
    board.at("0-0#0", "environment")
    clock.now += 59.0
    under_way.look()
    assert told == []
    clock.now += 1.0
    under_way.look()
    board.gone("0-0#0")
    board.gone("0-0#1")
    clock.now += 59.0
    under_way.look()
    assert told == ["playing for 60 s: 3 under way, 1 messages so far"]
    clock.now += 1.0
    under_way.look()
    assert told[1:] == ["playing for 120 s: 1 under way, 2 messages so far"]
    timeline.to("learner")
    clock.now += 59.0
    under_way.look()
    clock.now += 2.0
    under_way.look()
    assert told[2:] == ["learning for 61 s"]
    timeline.to("wait")
    board.gone("0-0#2")
    for member in range(2):
        board.at(f"0-0#{member}", "program")
    clock.now += 60.0
    under_way.look()
    assert told[3:] == ["playing for 60 s: 2 programs under way"]
    for member in range(2):
        board.gone(f"0-0#{member}")
    board.at("0-0#2", "policy")
    timeline.to("sync")
    under_way.look()
    timeline.to("wait")  # messages are counted from the beginning of a phase
    under_way.look()
    clock.now += 60.0
    under_way.look()
    assert told[4:] == ["playing for 60 s: 1 under way, 0 messages so far"]


def test_lines_are_rarer_than_looks_at_a_bar() -> None:
    for terminal, lines in ((True, []), (False, ["       playing", "       evaluation: 1 of 2 episodes"])):
        console = Console(file=StringIO(), force_terminal=terminal, width=120)
        display = RunDisplay(console=console)
        display.under_way("playing")
        assert display.every_s == (5.0 if terminal else 60.0)
        ended = display.counting("evaluation", 2)
        with patch("turnwise.trainers.runs.console.perf_counter", lambda: perf_counter() + 61.0):
            ended(None)
            ended(None)
        file = console.file
        assert isinstance(file, StringIO)
        assert terminal or file.getvalue().splitlines() == lines


def test_it_looks_by_itself() -> None:
    async def run() -> list[dict[str, Any]]:
        told = list[dict[str, Any]]()
        board, timeline = Board(), Timeline()
        timeline.to("wait")
        async with watching(Watchdog(board, timeline, told.append, 0.02)):
            async with asyncio.timeout(20.0):
                while len(told) < 2:
                    await asyncio.sleep(0.01)
        return told

    assert [each["kind"] for each in asyncio.run(run())[:2]] == ["standstill", "standstill"]


def test_a_silent_engine_is_in_the_log_and_on_the_console(tmp_path: Path) -> None:
    """Of a trainer only what writes is needed: the line has its update, and a resumed run would cut it."""
    said: list[str] = []
    log, state = RunLog(tmp_path), RunState(update=7)
    trainer: Any = SimpleNamespace(log=log, state=state, display=SimpleNamespace(say=said.append))
    trainer._write = lambda entry: Trainer._write(trainer, entry)
    Trainer.note(trainer, {"kind": "standstill", "said": "all wait"})
    assert read_log(tmp_path) == [{"kind": "standstill", "said": "all wait", "update": 7}]
    assert said == ["update 8: all wait"] and state.log_lines == 1
