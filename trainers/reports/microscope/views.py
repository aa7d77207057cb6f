"""An examination in the terminal and as a page."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....agents.types import Trajectory
from ....files import write_whole
from ....shown import visible
from .examination import Examination, why
from .picture import best_and_worst, draw, label
from .stored import Stored

if TYPE_CHECKING:
    from rich.console import Console

_ACTION_CHARS = 48
_TURN_COLUMN, _LEAST_ACTION, _LEAST_WHY = 5, 22, 36  # characters
_FIGURES = ("mean", "std", "dead_groups", "penalty_only")
_STYLE = """body{font:14px sans-serif;margin:2em;max-width:1200px}table{border-collapse:collapse;margin:1em 0}
td,th{padding:2px 8px;text-align:left;border-bottom:1px solid #ddd}td.n{text-align:right;
font-family:monospace}img{max-width:100%}"""


def show(examination: Examination, group: str, console: Console, stored: Stored | None = None) -> None:
    """Print the figures, the agreement, and two trajectories of a group turn by turn.

    Args:
        examination: what there is to show.
        group: the group whose best and worst trajectory are shown.
        console: where to; the numbers are whole however narrow it is.
        stored: what the trajectories are a sample of.
    """
    from rich.table import Table

    _show_figures(examination, console, stored or Stored(examination.trajectories))
    for name, reason in examination.refused.items():
        console.print(f"{name}: set aside: {visible(reason)}", markup=False)
    if examination.agreement:
        agreement = Table("methods", "rank correlation", "same sign", title="agreement", box=None)
        for pair, (rank, sign) in examination.agreement.items():
            agreement.add_row(", ".join(pair), f"{rank:+.2f}", f"{sign:.0%}")
        console.print(agreement)
    for trajectory, rows in best_and_worst(examination, group):
        for names in _columns(list(examination.credits), console.width):
            _show_turns(examination, trajectory, rows.tolist(), names, console)


def _show_figures(examination: Examination, console: Console, stored: Stored) -> None:
    from rich.table import Table

    if stored.sample:
        console.print(visible(stored.sample), markup=False, highlight=False)
    figures = Table("method", "mean", "std", "dead groups", "penalty only", "turns a state", box=None)
    rows = dict(examination.figures)
    if stored.sample and "credit/std" in stored.logged:
        rows = {f"{stored.method}, whole batch": dict(stored.logged)} | rows
    for name, values in rows.items():
        shown = (_rounded(values.get(f"credit/{key}", nan)) for key in _FIGURES)
        figures.add_row(visible(name), *shown, f"{values.get('credit/anchor_size', nan):.2f}")
    console.print(figures)


def _columns(names: list[str], width: int) -> Iterator[list[str]]:
    """Yield the methods of one table after the other, as many as leave room for the action."""
    room = width - _TURN_COLUMN - _LEAST_ACTION
    while names:
        num, used = 0, 0
        while num < len(names) and (num == 0 or used + _width(names[num]) <= room):
            used += _width(names[num])
            num += 1
        yield names[:num]
        names = names[num:]


def _width(name: str) -> int:
    return 1 + max(len(name), len("+0.000"))


def _show_turns(
    examination: Examination, trajectory: Trajectory, rows: list[int], names: list[str], console: Console
) -> None:
    """Print a trajectory turn by turn; reasons wrap, and are left to the page where there is no room."""
    from rich.markup import escape
    from rich.table import Table

    left = console.width - _TURN_COLUMN - sum(map(_width, names))
    console.print(f"\n{escape(_title(trajectory))}")
    view = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for name in ("turn", *names):
        view.add_column(name, no_wrap=True, justify="right")
    view.add_column("action", overflow="fold")
    if explained := left >= _ACTION_CHARS + _LEAST_WHY:
        view.add_column("why", overflow="fold")
    for row in rows:
        turn = trajectory.turns[examination.table.turn[row]]
        cells = [_coloured(examination.credits[name].advantage[row]) for name in names]
        reasons = [escape(_reasons(examination, row, names))] if explained else []
        view.add_row(str(turn.index), *cells, escape(_short(label(turn))), *reasons)
    console.print(view)
    if not explained:
        console.print("why each: in credit.html, or on a wider terminal", markup=False, highlight=False)


def _reasons(examination: Examination, row: int, names: list[str]) -> str:
    """Return what each method has to say of a turn, a line a method."""
    said = {name: why(examination.credits[name], row) for name in names}
    return "\n".join(f"{name}: {reason}" for name, reason in said.items() if reason)


def write_page(
    examination: Examination, group: str, path: Path, *, picture: bool = True, note: str = ""
) -> Path:
    """Write a page that needs no other file: figures, picture if wanted, the group's turns; a note on top."""
    encoded = base64.b64encode(draw(examination, group)).decode() if picture else ""
    parts = [
        f"<!doctype html><meta charset='utf-8'><title>Credit</title><style>{_STYLE}</style>",
        f"<h1>Credit of group {html.escape(visible(group))}</h1>",
        f"<p>{html.escape(visible(note))}</p>" if note else "",
        _figures(examination),
        "".join(
            f"<p>{html.escape(name)}: set aside: {html.escape(reason)}</p>"
            for name, reason in examination.refused.items()
        ),
        f"<img alt='advantages' src='data:image/png;base64,{encoded}'>" if picture else "",
    ]
    parts += [_turns(examination, group, place) for place in range(len(examination.rows_of_group(group)))]
    write_whole(path, "\n".join(parts).encode())
    return path


def _figures(examination: Examination) -> str:
    names = sorted({key for values in examination.figures.values() for key in values})
    head = "".join(f"<th>{html.escape(name.removeprefix('credit/'))}</th>" for name in names)
    body = "".join(
        f"<tr><td>{html.escape(method)}</td>"
        + "".join(
            f"<td class='n'>{_rounded(values[name])}</td>" if name in values else "<td></td>"
            for name in names
        )
        + "</tr>"
        for method, values in examination.figures.items()
    )
    return f"<table><tr><th>method</th>{head}</tr>{body}</table>"


def _turns(examination: Examination, group: str, place: int) -> str:
    trajectory, rows = examination.rows_of_group(group)[place]
    limits = {
        name: max(float(np.abs(credit.advantage).max()), 1e-9) for name, credit in examination.credits.items()
    }
    head = "".join(f"<th>{html.escape(name)}</th>" for name in examination.credits)
    lines = []
    for row in rows.tolist():
        turn = trajectory.turns[examination.table.turn[row]]
        cells = "".join(
            f"<td class='n' style='background:{_shade(credit.advantage[row] / limits[name])}'"
            f" title='{html.escape(why(credit, row), quote=True)}'>{credit.advantage[row]:+.3f}</td>"
            for name, credit in examination.credits.items()
        )
        lines.append(f"<tr><td>{turn.index}</td><td>{html.escape(label(turn))}</td>{cells}</tr>")
    table = f"<table><tr><th>turn</th><th>action</th>{head}</tr>{''.join(lines)}</table>"
    return f"<h2>{html.escape(_title(trajectory))}</h2>{table}"


def _rounded(value: float) -> str:
    """Return a figure to three digits; what rounds to nothing has no sign."""
    return f"{round(value, 3) + 0.0:.3f}"


def _shade(share: float) -> str:
    """Return blue for credit, red for blame, white for neither."""
    pale = 255 - int(150 * min(abs(share), 1.0))
    return f"rgb({pale},{pale},255)" if share >= 0 else f"rgb(255,{pale},{pale})"


def _coloured(value: float) -> str:
    return f"[{'blue' if value > 0 else 'red' if value < 0 else 'dim'}]{value:+.3f}[/]"


def _title(trajectory: Trajectory) -> str:
    name = visible(trajectory.instruction or trajectory.task)
    return f"{name}: return {trajectory.episode_return:g}, {trajectory.end}"


def _short(text: str) -> str:
    return text if len(text) <= _ACTION_CHARS else text[: _ACTION_CHARS - 3] + "..."
