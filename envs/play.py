"""Play an environment in the terminal: read, choose an action, take it back, ask the expert.

An action is typed, or chosen by its number. What begins with a colon is ours: `:undo`, `:hint`,
`:quit` and `:help`, or their first letters. Without the colon such a word is an action only where the
environment lists it; elsewhere it costs no turn, and both ways to say it are told. What stands between two
lines of three quotes is an action as it is, however many lines it has and whatever it says; so is what
stands between three quotes in one line. Works without a terminal too: lines come from
whatever `input` reads, and its end ends the game. An environment that cannot be
cloned is taken back by playing its turns anew, as a server does. Pictures are written into a
folder for temporary files, and it is said where they lie.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from ..shown import visible
from .core import ENV_ERRORS, MAX_TEXT_CHARS, Checked, TextEnv, has_surrogate
from .images import file_of, images_of
from .tools import tools_of

_MAX_UNDO = 1_000
_MAX_DIGITS = 12
_QUOTES = '"""'
_SHORT = {"u": "undo", "h": "hint", "q": "quit", "?": "help"}
_WORDS = {**_SHORT, **{word: word for word in _SHORT.values()}, "exit": "quit"}
_HELP = f"a number or an action, several lines between {_QUOTES}; :undo :hint :quit (:u :h :q)"
_OPTIONS = {"expert": True}


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the player sees at one point."""

    observation: str
    info: dict[str, Any]
    turn: int = 0
    total: float = 0.0
    ended: str = ""

    @property
    def admissible(self) -> list[str]:
        return list(self.info.get("admissible") or ())

    def lists(self, word: str) -> bool:
        """Tell whether a word is an action that is listed, or a command without arguments among the tools."""
        usages = (tool.get("usage", tool["name"]) for tool in tools_of(self.info.get("tools")))
        return word in self.admissible or word in usages


@dataclass(slots=True)
class _Table:
    """The game on the table, the turns taken, and what stood there before each of the last ones."""

    env: Checked[TextEnv]
    seed: int
    scene: _Scene
    actions: list[str] = field(default_factory=list)
    past: list[tuple[Checked[TextEnv] | None, _Scene]] = field(default_factory=list)
    clones: bool = True
    folder: Path | None = None  # of pictures, once there are any

    def close(self) -> None:
        """Close every environment of the game."""
        for env in [self.env, *(before for before, _ in self.past)]:
            if env is not None:
                env.close()


def play(
    env: Checked[TextEnv],
    seed: int,
    *,
    input: Callable[[str], str],
    console: Console,
) -> None:
    """Play one episode interactively.

    Args:
        env: the environment, as `turnwise.make` gives it; it is closed at the end.
        seed: which task.
        input: reads one line for a prompt; EOFError ends the game.
        console: where everything is shown.
    """
    with env:
        observation, info = env.reset(seed=seed, options=_OPTIONS)
        table = _Table(env, seed, _Scene(observation, info))
        with closing(table):
            _show(table, console)
            _play(table, input, console)


def _play(table: _Table, input: Callable[[str], str], console: Console) -> None:
    while True:
        try:
            line = input("> ").strip()
            quoted = _quoted(line, input)
        except EOFError:
            return
        if quoted is not None:
            _take(table, quoted, console)
        elif table.scene.lists(line) or not (line.startswith(":") or line.lower() in _WORDS):
            _choose(table, line, console)
        elif line[0] != ":":
            meant = f":{_WORDS[line.lower()]}"
            note = f"did you mean {meant}? As an action it goes between {_QUOTES}"
            console.print(note, style="yellow", highlight=False)
        elif (command := _WORDS.get(line[1:].lower())) == "quit":
            return
        else:
            _do(table, command, console)


def _do(table: _Table, command: str | None, console: Console) -> None:
    """Do a command of ours; say which there are where it is none of them."""
    if command == "undo":
        _undo(table, console)
    elif command == "hint":
        console.print(visible(_hint(table)), style="magenta", highlight=False, markup=False)
    else:
        console.print(_HELP, style="dim" if command else "yellow", highlight=False)


def _quoted(line: str, input: Callable[[str], str]) -> str | None:
    """Return the action that a line in quotes holds or opens; None where it does neither.

    One that opens is ended by a line of as many quotes, so that a text with three may stand between four.
    """
    if len(line) >= len(_QUOTES) and not line.strip('"'):
        lines = []
        while (each := input("... ")).rstrip() != line:
            lines.append(each)
        return "\n".join(lines)
    is_quoted = line.startswith(_QUOTES) and line.endswith(_QUOTES)
    return line[len(_QUOTES) : -len(_QUOTES)] if is_quoted and len(line) > 2 * len(_QUOTES) else None


def _choose(table: _Table, line: str, console: Console) -> None:
    """Take the action that a line means: a number of the list, or the text itself."""
    options = table.scene.admissible
    if not line:
        return
    if not options or line in options or not (line.isascii() and line.isdigit()):
        _take(table, line, console)
    elif 1 <= (number := int(line[:_MAX_DIGITS])) <= len(options):
        _take(table, options[number - 1], console)
    else:
        console.print(
            f"There are {len(options)}, from 1 on; as text it goes between {_QUOTES}.", style="yellow"
        )


def _take(table: _Table, action: str, console: Console) -> None:
    scene = table.scene
    if scene.ended:
        console.print("The episode is over: :undo or :quit.", style="yellow")
        return
    if has_surrogate(action) or len(action) > MAX_TEXT_CHARS:
        console.print(f"An action is UTF-8 text of up to {MAX_TEXT_CHARS} characters.", style="yellow")
        return
    table.past.append((_copy(table, console), scene))
    observation, reward, terminated, truncated, info = table.env.step(action)
    table.actions.append(action)
    for before, _ in table.past[:-_MAX_UNDO]:
        if before is not None:
            before.close()
    del table.past[:-_MAX_UNDO]
    ended = "terminated" if terminated else "out of turns" if truncated else ""
    table.scene = _Scene(observation, info, scene.turn + 1, scene.total + reward, ended)
    console.print(visible(f"[turn {scene.turn + 1}] {action}"), style="bold", highlight=False, markup=False)
    _show(table, console)


def _copy(table: _Table, console: Console) -> Checked[TextEnv] | None:
    """Return a clone of what is on the table, or None where there is none to have."""
    try:
        return table.env.clone() if table.clones else None
    except ENV_ERRORS as error:
        table.clones = False
        reason = str(error) if table.env.text_env.no_clone else f"clone: {type(error).__name__}: {error}"
        note = f"{visible(reason[:200])} (:undo plays the turns anew)"
        console.print(note, style="dim", highlight=False, markup=False)
        return None


def _undo(table: _Table, console: Console) -> None:
    if not table.past:
        console.print("There is nothing to undo.", style="yellow")
        return
    before, scene = table.past.pop()
    table.actions.pop()
    if before is not None:
        table.env.close()
        table.env = before
    elif (observation := _play_anew(table)) != scene.observation:
        console.print("It did not repeat itself; this is what it says now:", style="yellow")
        scene = replace(scene, observation=observation)
    table.scene = scene
    _show(table, console)


def _play_anew(table: _Table) -> str:
    """Play the turns from the start and return the last observation."""
    observation, _ = table.env.reset(seed=table.seed, options=_OPTIONS)
    for action in table.actions:
        observation, *_ = table.env.step(action)
    return observation


def _hint(table: _Table) -> str:
    if table.scene.ended:
        return "The episode is over: :undo or :quit."
    private = table.scene.info.get("private")
    expert = private.get("expert") if isinstance(private, dict) else None
    if expert:
        return f"The expert would: {expert}"
    reason = table.env.text_env.no_expert
    if reason:
        return f"No hint: {reason}"
    return "No hint: the environment tells no expert's action here (info['private']['expert']); try :undo."


def _pictures(table: _Table) -> list[Path]:
    """Write the pictures of what is seen now and return where they lie."""
    files = []
    for number, image in enumerate(images_of(table.scene.info), start=1):
        table.folder = table.folder or Path(tempfile.mkdtemp(prefix="turnwise-play-"))
        file = table.folder / f"turn-{table.scene.turn}-{number}.png"
        file.write_bytes(file_of(image))
        files.append(file)
    return files


def _show(table: _Table, console: Console) -> None:
    scene = table.scene
    instruction = str(scene.info.get("instruction", ""))
    task = "" if instruction in scene.observation else instruction
    console.print(
        Panel(
            Text(visible(scene.observation)),
            title=f"turn {scene.turn}",
            title_align="left",
            subtitle=Text(visible(task)) if task else None,
            subtitle_align="left",
            border_style="cyan",
        )
    )
    for file in _pictures(table):
        console.print(
            f"picture: {visible(str(file))}", style="cyan", highlight=False, markup=False, soft_wrap=True
        )
    if scene.ended:
        outcome = "won" if scene.info.get("won") else scene.ended
        console.print(
            f"Episode over ({outcome}) after {scene.turn} turns, reward {scene.total:g}.",
            style="green" if scene.info.get("won") else "yellow",
            highlight=False,
        )
    elif scene.admissible:
        numbered = [Text(visible(f"{i:>3} {name}")) for i, name in enumerate(scene.admissible, start=1)]
        console.print(Columns(numbered, padding=(0, 2), column_first=True))
    console.print(_HELP, style="dim", highlight=False)
