"""Every task over all agents, as a picture that is text: SVG without style or script."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby

from ...shown import visible
from .sheet import Sheet

MOST_TASKS = 400
MOST_AGENTS = 40
_WIDTH, _NAMES, _ROW = 900.0, 220.0, 18.0
_MOST_NAME = 32
_LOST, _BETWEEN, _WON, _UNKNOWN = (192, 57, 43), (242, 209, 107), (46, 139, 87), "#9aa3ad"
Values = Mapping[str, float | None]


def heat_map(agents: Sequence[tuple[str, Values]], *, label: str) -> str:
    """Draw a row an agent, a column a task: green is won, red is lost, grey is not known.

    Results beyond 0 and 1 are shown from the lowest to the highest of all. Of more than 400 tasks every
    so many-th is drawn, of more than 40 agents the first.

    Args:
        agents: names, with the result of each task by its name.
        label: what the picture says to those who do not see it.
    """
    rows = agents[:MOST_AGENTS]
    names = sorted({name for _, values in rows for name in values}, key=_in_order)
    shown = names[:: max(1, math.ceil(len(names) / MOST_TASKS))]
    known = [value for _, values in rows for value in values.values() if value is not None]
    low, high = min([0.0, *known]), max([1.0, *known])
    if known and not (low == 0.0 and high == 1.0):
        low, high = min(known), max(known)
    cell, height = (_WIDTH - _NAMES) / max(1, len(shown)), _ROW * len(rows)
    parts = [f'<svg viewBox="0 0 {_WIDTH:g} {height:g}" role="img" aria-label="{escape(visible(label))}">']
    for place, (name, values) in enumerate(rows):
        parts.append(f'<text x="0" y="{place * _ROW + 13:g}">{_short(name)}</text>')
        colors = [_color(values.get(task), low, high) for task in shown]
        parts += _cells(colors, cell, place * _ROW + 1)
    return "".join(parts) + "</svg>"


def heat_map_of(sheet: Sheet) -> str:
    """Draw the tasks of a board where they may be shown; "" elsewhere."""
    if sheet.tasks is None or not len(sheet.table):
        return ""
    lines = sheet.table.page(0, MOST_AGENTS)
    agents = [(f"{line.entry.agent} {line.entry.id}", sheet.tasks(line.entry)) for line in lines]
    return heat_map(agents, label=f"every task of {sheet.title} over all agents")


def _cells(colors: Sequence[str], width: float, top: float) -> Iterator[str]:
    """Yield the cells of a row, a path for each colour: neighbours of one colour are one piece of it."""
    pieces: dict[str, list[str]] = {}
    at = 0
    for color, same in groupby(colors):
        number = len(list(same))
        wide = f"{number * width:.1f}"
        pieces.setdefault(color, []).append(
            f"M{_NAMES + at * width:.1f} {top:g}h{wide}v{_ROW - 2:g}h-{wide}z"
        )
        at += number
    for color, found in pieces.items():
        yield f'<path fill="{color}" d="{"".join(found)}"/>'


def _color(value: float | None, low: float, high: float) -> str:
    if value is None or not math.isfinite(value):
        return _UNKNOWN
    share = 0.5 if high <= low else (value - low) / (high - low)
    first, second = (_LOST, _BETWEEN) if share < 0.5 else (_BETWEEN, _WON)
    part = 2 * share if share < 0.5 else 2 * share - 1
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(first, second, strict=True))


def _short(name: str) -> str:
    flat = " ".join(visible(name).split())
    return escape(flat if len(flat) <= _MOST_NAME else flat[: _MOST_NAME - 3] + "...")


def _in_order(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() and len(name) < 30 else (-1, name)
