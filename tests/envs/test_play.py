from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from turnwise import make
from turnwise.envs.core import Checked, TextEnv
from turnwise.envs.images import file_of
from turnwise.envs.play import play
from turnwise.envs.tools import command


class Corridor(TextEnv):
    """Three rooms to walk through; the list of actions holds one named like our own command."""

    no_expert = None

    def __init__(self, *, listed: bool = True, expert: bool = True, extra: tuple[str, ...] = ()) -> None:
        self.listed, self.expert, self.extra = listed, expert, extra
        self.room, self.asked = 0, False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.room, self.asked = int(seed or 0), bool((options or {}).get("expert"))
        return f"room {self.room} [bold]", self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if action == "right":
            self.room += 1
        elif action == "left":
            self.room -= 1
        won = self.room == 3
        return f"room {self.room}", float(won), won, False, self._info()

    def _info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"won": self.room == 3, "instruction": "walk to room 3"}
        if self.listed:
            info["admissible"] = sorted(["left", "right", *self.extra])
        if self.expert and self.asked:
            info["private"] = {"expert": "right"}
        return info


def script(*lines: str) -> Callable[[str], str]:
    left = list(lines)

    def read(prompt: str) -> str:
        if not left:
            raise EOFError
        return left.pop(0)

    return read


def shown(env: TextEnv, *lines: str, seed: int = 0) -> str:
    out = io.StringIO()
    play(Checked(env, "corridor"), seed, input=script(*lines), console=Console(file=out, width=80))
    return out.getvalue()


def test_numbers_and_texts_are_actions() -> None:
    out = shown(Corridor(), "2", "right", "2")
    assert "room 1" in out
    assert "room 2" in out
    assert "Episode over (won) after 3 turns, reward 1." in out


def test_markup_in_observations_is_text() -> None:
    assert "room 0 [bold]" in shown(Corridor())


def test_the_task_stays_in_sight() -> None:
    assert "walk to room 3" in shown(Corridor(), "right")


def test_undo_takes_back_turn_by_turn_also_after_the_end() -> None:
    env = Corridor()
    out = shown(env, "right", "right", "right", "right", ":undo", ":u", ":undo", ":undo", "left")
    assert "The episode is over: :undo or :quit." in out
    assert "There is nothing to undo." in out
    assert "room -1" in out


def test_hint_is_the_experts_action() -> None:
    assert "The expert would: right" in shown(Corridor(), ":hint")


def test_no_hint_without_an_expert() -> None:
    env = Corridor(expert=False)
    assert "tells no expert" in shown(env, ":hint")
    env.no_expert = "nobody knows"
    assert "No hint: nobody knows" in shown(env, ":h")


def test_an_action_named_like_our_command_wins() -> None:
    out = shown(Corridor(extra=("hint", ":q")), "hint", ":hint", ":q")
    assert "[turn 1] hint" in out and "[turn 2] :q" in out
    assert out.count("The expert would: right") == 1


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("h", "hint"),
        ("u", "undo"),
        ("q", "quit"),
        ("?", "help"),
        ("Help", "help"),
        ("quit", "quit"),
        ("exit", "quit"),
    ],
)
def test_a_command_without_its_colon_costs_no_turn(line: str, meant: str, listed: bool) -> None:
    out = shown(Corridor(listed=listed), line, "right")
    assert f'did you mean :{meant}? As an action it goes between """' in out
    assert "[turn 1] right" in out


def test_help_and_what_is_no_command_say_which_there_are() -> None:
    first = shown(Corridor()).count(":undo :hint :quit (:u :h :q)")
    assert first == 1
    for line in (":?", ":help", ":bogus", ":"):
        out = shown(Corridor(), line)
        assert out.count(":undo :hint :quit (:u :h :q)") == 2 and "[turn 1]" not in out
    assert "[turn 1] :bogus" in shown(Corridor(), '""":bogus"""')


def test_a_tool_named_like_our_command_wins() -> None:
    class Tooled(Scribe):
        def _info(self) -> dict[str, Any]:
            return {**super()._info(), "tools": [{"name": "undo"}, command("hint", "hint {about}", "")]}

    env = Tooled()
    shown(env, "undo", "hint", ":undo")
    assert env.done == ["undo"]


class Scribe(Corridor):
    """A corridor that keeps what is done."""

    def __init__(self) -> None:
        super().__init__(listed=False)
        self.done: list[str] = []

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.done.append(action)
        return super().step(action)

    def clone(self) -> Scribe:
        return self


def test_what_stands_between_quotes_is_one_action_as_it_is() -> None:
    env = Scribe()
    lines = ['"""', "edit a.py", "    x = 1", "", "undo", "  ", '"""', '"""undo"""', '"""', "2", '"""']
    out = shown(env, *lines, '""""', '"""', "quit", '""""', '""""""', '"""', '""""""', '"""', '"""')
    assert env.done == ["edit a.py\n    x = 1\n\nundo\n  ", "undo", "2", '"""\nquit', '"""', ""]
    assert "several lines between" in out and "nothing to undo" not in out


def test_an_action_that_is_not_closed_is_not_taken() -> None:
    env = Scribe()
    shown(env, '"""', "right")
    assert env.done == []


def test_without_a_list_numbers_are_texts() -> None:
    assert "[turn 1] 2" in shown(Corridor(listed=False), "2")


@pytest.mark.parametrize("line", ["0", "3", "9" * 20, "9" * 5000])
def test_numbers_out_of_the_list_cost_no_turn(line: str) -> None:
    out = shown(Corridor(), line)
    assert "There are 2" in out
    assert "[turn 1]" not in out


@pytest.mark.parametrize("line", ["\u00b2", '"""4"""'])
def test_what_is_no_number_of_a_list_is_a_text(line: str) -> None:
    assert f"[turn 1] {line.strip(chr(34))}" in shown(Corridor(), line)


def test_bad_texts_never_reach_the_environment() -> None:
    out = shown(Corridor(), "\udc80", "x" * 70_000, "", "   ")
    assert out.count("An action is UTF-8 text") == 2
    assert "[turn 1]" not in out


def test_quit_and_the_end_of_input_end_the_game() -> None:
    assert "[turn 1]" not in shown(Corridor(), ":quit", "right")
    assert "[turn 1]" not in shown(Corridor(), ":Q", "right")


class Wired(Corridor):
    """A corridor that holds what cannot be copied."""

    def __init__(self, *, drifting: bool = False) -> None:
        super().__init__()
        self.lock, self.drifting, self.num_resets = threading.Lock(), drifting, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        observation, info = super().reset(seed=seed, options=options)
        self.num_resets += 1
        return observation + "!" * (self.num_resets if self.drifting else 0), info


def test_what_cannot_be_cloned_is_played_anew() -> None:
    out = shown(Wired(), "right", "right", ":undo", ":hint", ":undo", "left", seed=1)
    out = " ".join(out.split())
    assert out.count("cannot pickle '_thread.lock' object (:undo plays the turns anew)") == 1
    assert "The expert would: right" in out
    assert "[turn 1] left" in out
    assert "room 0" in out
    assert "did not repeat" not in out


def test_what_does_not_repeat_itself_is_said() -> None:
    out = shown(Wired(drifting=True), "right", ":undo")
    assert "It did not repeat itself" in out
    assert "room 0 [bold]!!" in out


def test_the_reason_of_an_environment_without_clone_is_shown() -> None:
    env = Corridor()
    env.no_clone = "its state is elsewhere"
    assert "corridor cannot be cloned: its state is elsewhere (:undo plays the" in shown(
        env, "right", ":undo"
    )


def test_pictures_are_written_and_it_is_said_where_they_lie() -> None:
    stream = io.StringIO()
    with make("pictures/board-v0") as other:
        shown = [file_of(other.reset(seed=1)[1]["images"][0]), file_of(other.step("take a1")[4]["images"][0])]
    console = Console(file=stream, width=60)
    play(make("pictures/board-v0"), 1, input=script("take a1", ":undo", ":quit"), console=console)
    said = [line for line in stream.getvalue().split("\n") if line.startswith("picture: ")]
    files = [Path(line.removeprefix("picture: ")) for line in said]
    assert [file.name for file in files] == ["turn-0-1.png", "turn-1-1.png", "turn-0-1.png"]
    assert [file.read_bytes() for file in files] == [shown[0], shown[1], shown[0]]
    assert shown[0] != shown[1]
    shutil.rmtree(files[0].parent)
