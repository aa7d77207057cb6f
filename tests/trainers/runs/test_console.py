"""What a run tells: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from turnwise.trainers.runs.console import RunDisplay


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
