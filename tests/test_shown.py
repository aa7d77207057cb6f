"""What people are shown: unknown figures as a dash, hostile text as text.

1. Nothing that is shown moves a cursor, has no width, or turns text around; letters of all
   languages and pictures stay as they are.
2. play, the journal, the microscope, the console and errors show it so.
"""

from __future__ import annotations

import io
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from turnwise import TextEnv, __main__, shown
from turnwise.envs.core import Checked
from turnwise.envs.play import play
from turnwise.errors import TurnwiseError
from turnwise.shown import interval, percent, visible
from turnwise.trainers.runs.console import RunDisplay

HOSTILE = "\x1b[2J\x1b]0;owned\x07 [bold red]x[/] \u202etxet\u2066 \x9b31m \u200b\U000e0041"
SPELLED = r"\x1b[2J\x1b]0;owned\x07 [bold red]x[/] \u202etxet\u2066 \x9b31m \u200b\U000e0041"


def test_hostile_text_is_spelled() -> None:
    assert visible(HOSTILE) == SPELLED
    assert visible("a\r\nb\tc\rd\ud800") == "a\nb\tc\\x0dd\\ud800"


@pytest.mark.parametrize(
    "text",
    [
        "\u00d6l, \u6c34, \u05e9\u05dc\u05d5\u05dd, \u0633\u0644\u0627\u0645",
        "\u0939\u093f\u0928\u094d\u0926\u0940",
        "\U0001f469\u200d\U0001f52c \u2764\ufe0f",  # joined and coloured pictures
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "tab\tend\n",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == text


@given(st.text())
def test_nothing_is_acted_upon(text: str) -> None:
    shown = visible(text)
    kinds = {unicodedata.bidirectional(letter) for letter in shown}
    assert not kinds & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    controls = {letter for letter in shown if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")}
    assert controls <= {"\n", "\t"}
    assert visible(shown) == shown


def test_unknown_figures_are_a_dash() -> None:
    assert (percent(None), percent(0.0), percent(0.12345)) == ("-", "0.0 %", "12.3 %")
    assert (interval(None, None), interval(0.1, 0.25), interval(0.1, 0.25, 0)) == (
        "-",
        "10.0 to 25.0 %",
        "10 to 25 %",
    )


class Hostile(TextEnv):
    """A room whose every text is hostile."""

    no_expert = HOSTILE

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        return HOSTILE, {"admissible": [HOSTILE], "instruction": HOSTILE}

    def step(self, action: str) -> Any:
        return HOSTILE, 0.0, False, False, {"admissible": [HOSTILE], "instruction": HOSTILE}


def test_play_shows_hostile_text_as_text() -> None:
    out, lines = io.StringIO(), iter(["1", ":hint", ":quit"])
    play(Checked(Hostile(), "hostile"), 0, input=lambda _: next(lines), console=Console(file=out, width=400))
    assert not set(out.getvalue()) & set("\x1b\x07\x9b\u202e\u2066\u200b\U000e0041")
    # observation and list twice, action, hint; the instruction stands in the observation already
    assert out.getvalue().count(SPELLED) == 6


def test_a_run_and_an_error_show_hostile_text_as_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = io.StringIO()
    RunDisplay(console=Console(file=file, width=400)).say(HOSTILE)
    assert file.getvalue() == SPELLED + "\n"

    def fail() -> None:
        raise TurnwiseError(HOSTILE)

    monkeypatch.setattr(__main__, "app", fail)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(SystemExit):
        __main__.main()
    assert capsys.readouterr().err == f"error: {SPELLED}\n"


def test_commands_are_printed_as_they_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    program = tmp_path / ".venv/bin/turnwise"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    text = "next:\n  turnwise play X\nor `turnwise eval`; turnwise is free"
    for path, found in (("/nowhere", ".venv/bin/turnwise"), (str(program.parent), "turnwise")):
        monkeypatch.setenv("PATH", path)
        shown._program.cache_clear()
        assert shown.runnable(text) == f"next:\n  {found} play X\nor `{found} eval`; turnwise is free"
    program.unlink()
    shown._program.cache_clear()
    assert shown.runnable("turnwise envs") == ".venv/bin/python -m turnwise envs"
    assert shown.runnable("pytest 'a b.py'") == ".venv/bin/python -m pytest 'a b.py'"
    assert shown.runnable("pytest says so") == ".venv/bin/python -m pytest says so"
    shown._program.cache_clear()


def test_installations_go_where_turnwise_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    pip = tmp_path / "bin/pip"
    pip.write_text("#!/bin/sh\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))
    text = "needs peft: pip install 'turnwise[peft]'"
    for path, found in (("/nowhere", f"{tmp_path}/bin/python -m pip"), (str(pip.parent), "pip")):
        monkeypatch.setenv("PATH", path)
        shown._installer.cache_clear()
        assert shown.runnable(text) == f"needs peft: {found} install 'turnwise[peft]'"
    shown._installer.cache_clear()
