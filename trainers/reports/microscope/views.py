"""An examination in the terminal and as a page."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....agents.types import Trajectory
from ....files import write_whole
from ....shown import visible
from .examination import Examination, why
from .picture import best_and_worst, draw, label

if TYPE_CHECKING:
    from rich.console import Console

_ACTION_CHARS = 48
_STYLE = """body{font:14px sans-serif;margin:2em;max-width:1200px}table{border-collapse:collapse;margin:1em 0}
td,th{padding:2px 8px;text-align:left;border-bottom:1px solid #ddd}td.n{text-align:right;
font-family:monospace}img{max-width:100%}"""


def show(examination: Examination, group: str, console: Console) -> None:
    """Print the batch's figures, the agreement, and two trajectories of a group turn by turn."""
    from rich.markup import escape
    from rich.table import Table

    figures = Table("method", "mean", "std", "dead groups", "penalty only", "turns a state", box=None)
    for name, values in examination.figures.items():
        figures.add_row(
            name,
            *(f"{values[f'credit/{key}']:.3f}" for key in ("mean", "std", "dead_groups", "penalty_only")),
            f"{values.get('credit/anchor_size', float('nan')):.2f}",
        )
    console.print(figures)
    for name, reason in examination.refused.items():
        console.print(f"{name}: set aside: {visible(reason)}", markup=False)
    if examination.agreement:
        agreement = Table("methods", "rank correlation", "same sign", title="agreement", box=None)
        for pair, (rank, sign) in examination.agreement.items():
            agreement.add_row(", ".join(pair), f"{rank:+.2f}", f"{sign:.0%}")
        console.print(agreement)
    for trajectory, rows in best_and_worst(examination, group):
        view = Table("turn", title=escape(_title(trajectory)), box=None)
        view.add_column("action", no_wrap=True, overflow="ellipsis")
        for name in examination.credits:
            view.add_column(name, no_wrap=True, min_width=6)
        view.add_column("why", no_wrap=True, overflow="ellipsis")
        for row in rows.tolist():
            turn = trajectory.turns[examination.table.turn[row]]
            cells = [_coloured(credit.advantage[row]) for credit in examination.credits.values()]
            view.add_row(str(turn.index), escape(_short(label(turn))), *cells, _reasons(examination, row))
        console.print(view)


def _reasons(examination: Examination, row: int) -> str:
    """Return what each method has to say of a turn, a line a method."""
    said = {name: why(credit, row) for name, credit in examination.credits.items()}
    return "\n".join(f"{name}: {reason}" for name, reason in said.items() if reason)


def write_page(examination: Examination, group: str, path: Path, *, picture: bool = True) -> Path:
    """Write a page that needs no other file: figures, agreement, picture if wanted, the group's turns."""
    encoded = base64.b64encode(draw(examination, group)).decode() if picture else ""
    parts = [
        f"<!doctype html><meta charset='utf-8'><title>Credit</title><style>{_STYLE}</style>",
        f"<h1>Credit of group {html.escape(visible(group))}</h1>",
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
            f"<td class='n'>{values[name]:.3f}</td>" if name in values else "<td></td>" for name in names
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


def _shade(share: float) -> str:
    """Return blue for credit, red for blame, white for neither."""
    pale = 255 - int(150 * min(abs(share), 1.0))
    return f"rgb({pale},{pale},255)" if share >= 0 else f"rgb(255,{pale},{pale})"


def _coloured(value: float) -> str:
    return f"[{'blue' if value > 0 else 'red' if value < 0 else 'dim'}]{value:+.3f}[/]"


def _title(trajectory: Trajectory) -> str:
    name = visible(trajectory.instruction or trajectory.task)
    return f"{name} Return {trajectory.episode_return:g}, {trajectory.end}"


def _short(text: str) -> str:
    return text if len(text) <= _ACTION_CHARS else text[: _ACTION_CHARS - 3] + "..."
