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


def test_the_elapsed_time_goes_on_after_a_first_part_has_ended() -> None:
    """The clock is ours: 7 s of demonstrations, then cloning until 5 minutes and 7 s."""
    now = [0.0]
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, get_time=lambda: now[0])
    with RunDisplay(console=console) as display:
        for seconds, text, share in ((7.0, "demonstrations", 1.0), (307.0, "cloning: loss 0.123", 0.5)):
            now[0] = seconds
            display.working(text, share)
        display._progress.refresh()
        said = file.getvalue()
    assert "0:05:07" in said


def test_a_bar_fits_into_eighty_columns_with_every_figure() -> None:
    file = io.StringIO()
    entry = {"update": 1234, "success_rate": 0.5, "reward": 0.5, "entropy": 0.5, "train_seconds": 4000.0}
    with RunDisplay(console=Console(file=file, width=80, force_terminal=True)) as display:
        display.update(0.5, entry)
        display._progress.refresh()
    assert "\u2026" not in file.getvalue()
    assert "0:00:0" in file.getvalue() and "about 67 min left" in file.getvalue()


def test_the_split_of_the_held_out_tasks_is_told() -> None:
    display = RunDisplay(console=Console(file=io.StringIO(), width=120), held_out="split unseen")
    figures = {
        "success_rate": 0.5,
        "ci_low": 0.4,
        "ci_high": 0.6,
        "coverage": 1.0,
        "reward": 0.5,
        "turns": 3.0,
    }
    figures |= {"episodes": 8.0, "errors": 0.0}
    display.evaluated({"update": 2, **{f"eval/{name}": value for name, value in figures.items()}})
    display.table()
    said = lines_of(display)
    assert said[0].startswith("evaluation after update 2 (split unseen): 50.0 % of 8 tasks solved")
    assert any("held-out tasks (split unseen)" in line for line in said)
