"""Help texts."""

from __future__ import annotations

from collections.abc import Sequence

from .spec import Argument, Command, Option

MAX_LEFT = 24
"""Columns of the left side, its margin of two included; what is longer has its help on the next line."""


def usage(command: Command, path: Sequence[str]) -> str:
    """Return one line: the path, what is required, what is not in brackets."""
    parts = [*path]
    parts += [
        f"{option.flags[-1]} {_shown(option)}".rstrip() for option in command.options if option.required
    ]
    if any(not option.required for option in command.options):
        parts.append("[options]")
    parts += [_argument(argument) for argument in command.arguments]
    if command.commands:
        parts.append("COMMAND ...")
    return " ".join(parts)


def help_text(command: Command, path: Sequence[str], width: int = 80) -> str:
    """Return the help of a command: usage, what it is for, arguments, options, commands."""
    blocks = [f"usage: {usage(command, path)}"]
    if command.help:
        blocks.append("\n".join(wrapped(command.help, width)))
    sections = [
        ("arguments", [(argument.name.upper(), argument.help) for argument in command.arguments]),
        ("options", [(_left(option), _right(option)) for option in command.options]),
        ("commands", [(inner.name, inner.help) for inner in command.commands]),
    ]
    for title, rows in sections:
        if rows:
            blocks.append("\n".join([f"{title}:", *columns(rows, width)]))
    return "\n\n".join(blocks) + "\n"


def columns(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Return lines of two columns; the right one is wrapped and begins after the longest left that fits."""
    fitting = [len(left) + 4 for left, _ in rows if len(left) + 4 <= MAX_LEFT]
    margin = max(fitting, default=4)
    lines = []
    for left, right in rows:
        text = wrapped(right, width - margin)
        if len(left) + 4 <= margin:
            first = text.pop(0) if text else ""
            lines.append(f"  {left}".ljust(margin) + first if first else f"  {left}")
        else:
            lines.append(f"  {left}")
        lines += [" " * margin + line for line in text]
    return lines


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most `width` characters; words are not cut, paragraphs stay apart."""
    lines: list[str] = []
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = ""
            line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def _left(option: Option) -> str:
    return f"{', '.join(option.flags)} {_shown(option)}".rstrip()


def _shown(option: Option) -> str:
    return option.name.upper() if option.kind == "value" else ""


def _right(option: Option) -> str:
    notes = []
    if option.default is not None:
        notes.append(f"default: {option.default}")
    if option.env is not None:
        notes.append(f"env: {option.env}")
    return f"{option.help} [{', '.join(notes)}]".strip() if notes else option.help


def _argument(argument: Argument) -> str:
    name = argument.name.upper() + ("..." if argument.many else "")
    return name if argument.required else f"[{name}]"
