"""What a run tells: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from turnwise.trainers.runs.console import RunDisplay
from turnwise.trainers.runs.time_left import TimeLeft, in_words


def lines_of(display: RunDisplay) -> list[str]:
    file = display.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue().splitlines()


def test_work_before_training_is_told_at_each_tenth_where_there_is_no_terminal() -> None:
    display = RunDisplay(console=Console(file=io.StringIO(), width=80))
    with display:
        for step in range(200):
            display.working("demonstrations", (step + 1) / 200)
        for step in range(50):
            display.working(f"cloning: loss {50 - step}", step / 50)
    told = lines_of(display)
    assert [line for line in told if "demonstrations" in line] == [
        f"{percent:3d} %  demonstrations" for percent in (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
    ]
    assert [line for line in told if "cloning" in line] == [
        f"{10 * tenth:3d} %  cloning: loss {50 - 5 * tenth}" for tenth in range(10)
    ]


def test_a_terminal_gets_the_bar_and_no_lines() -> None:
    file = io.StringIO()
    with RunDisplay(console=Console(file=file, width=80, force_terminal=True)) as display:
        for step in range(10):
            display.working("demonstrations", step / 10)
    assert "  0 %  demonstrations" not in file.getvalue()
    assert "demonstrations" in file.getvalue()


def test_nothing_is_told_where_it_is_switched_off() -> None:
    display = RunDisplay(enabled=False, console=Console(file=io.StringIO(), quiet=True))
    with display:
        display.working("demonstrations", 0.5)
    assert lines_of(display) == []


def test_the_time_left_is_told_from_the_pace_of_each_part() -> None:
    """Times are read off one clock: a part that began at 100 s and did a fifth in 10 s takes 40 s more."""
    now = iter([100.0, 110.0, 200.0, 260.0])
    left = TimeLeft(lambda: next(now))
    assert left.of("cloning", 0.0) is None
    assert left.of("cloning", 0.2) == pytest.approx(40.0)
    assert left.of("training", 0.25, 30.0) == pytest.approx(90.0)  # what earlier updates took
    assert left.of("training", 0.5, 50.0) == pytest.approx(120.0)  # 60 s a quarter, an evaluation included
    assert [in_words(each) for each in (None, 0.4, 40.0, 95.0, 7200.0)] == [
        "",
        "",
        ", about 40 s left",
        ", about 2 min left",
        ", about 2.0 h left",
    ]


def test_updates_tell_the_time_left_where_there_is_no_terminal() -> None:
    display = RunDisplay(console=Console(file=io.StringIO(), width=80))
    with display:
        display.update(0.1, {"update": 1, "train_seconds": 20.0})
    assert lines_of(display) == [" 10 %  update 1, about 3 min left"]
