"""Show an examination of credit: in the terminal, as a picture, as a page."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..agents.files import write_whole
from .microscope import Examination, why

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["draw", "picture", "show", "write_page"]

_MOST_TRAJECTORIES = 2
_ACTION_CHARS = 40
_STYLE = """body{font:14px sans-serif;margin:2em;max-width:1200px}table{border-collapse:collapse;margin:1em 0}
td,th{padding:2px 8px;text-align:left;border-bottom:1px solid #ddd}td.n{text-align:right;
font-family:monospace}img{max-width:100%}"""


def show(examination: Examination, group: str, console: Console) -> None:
    """Print the batch's figures, the agreement, and two trajectories of a group turn by turn."""
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
        console.print(f"{name}: set aside: {reason}", markup=False)
    if examination.agreement:
        agreement = Table("methods", "rank correlation", "same sign", title="agreement", box=None)
        for (one, other), (rank, sign) in examination.agreement.items():
            agreement.add_row(f"{one}, {other}", f"{rank:+.2f}", f"{sign:.0%}")
        console.print(agreement)
    ordered = sorted(examination.rows_of_group(group), key=lambda pair: -pair[0].episode_return)
    shown = [ordered[0], ordered[-1]] if len(ordered) > 1 else ordered
    for trajectory, rows in shown[:_MOST_TRAJECTORIES]:
        title = f"{trajectory.task}: return {trajectory.episode_return:g}, {trajectory.end}"
        view = Table("turn", title=title, box=None)
        view.add_column("action", no_wrap=True, overflow="ellipsis")
        for name in examination.credits:
            view.add_column(name, no_wrap=True, min_width=6)
        view.add_column("why", no_wrap=True, overflow="ellipsis")
        for row in rows.tolist():
            turn = trajectory.turns[examination.table.turn[row]]
            cells = [_coloured(each.advantage[row]) for each in examination.credits.values()]
            last = list(examination.credits)[-1]
            reason = f"{last}: {why(examination.credits[last], row)}"
            view.add_row(str(turn.index), _short(turn.action), *cells, reason)
        console.print(view)


def draw(examination: Examination, group: str) -> bytes:
    """Return a PNG: a panel a method with trajectories down and turns across, and the agreement."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    found = sorted(examination.rows_of_group(group), key=lambda pair: -pair[0].episode_return)
    longest = max(rows.size for _, rows in found)
    names = list(examination.credits)
    figure, axes = pyplot.subplots(
        len(names) + 1, 1, figsize=(10, 1.2 + (0.28 * len(found) + 0.7) * len(names) + 3), squeeze=False,
        gridspec_kw={"height_ratios": [*([0.28 * len(found) + 0.5] * len(names)), 3.0]}, layout="constrained",
    )  # fmt: skip
    for axis, name in zip(axes[:-1, 0], names, strict=True):
        grid = np.full((len(found), longest), np.nan)
        for line, (_, rows) in enumerate(found):
            grid[line, : rows.size] = examination.credits[name].advantage[rows]
        limit = max(float(np.nanmax(np.abs(grid))), 1e-9)
        image = axis.imshow(
            grid, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
        )
        axis.set_title(name, loc="left", fontsize=10)
        axis.set_yticks(range(len(found)), [f"{each.episode_return:g}" for each, _ in found], fontsize=7)
        axis.tick_params(axis="x", labelsize=7)
        figure.colorbar(image, ax=axis, pad=0.01)
    axes[-2, 0].set_xlabel("turn")
    figure.supylabel("trajectories, by their return", fontsize=9)
    _draw_agreement(examination, axes[-1, 0])
    figure.suptitle(f"Advantage of every turn, group {group}", fontsize=11)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    pyplot.close(figure)
    return content.getvalue()


def _draw_agreement(examination: Examination, axis: object) -> None:
    names = list(examination.credits)
    grid = np.eye(len(names))
    for (one, other), (rank, _) in examination.agreement.items():
        grid[names.index(one), names.index(other)] = grid[names.index(other), names.index(one)] = rank
    axis.imshow(grid, cmap="RdBu", vmin=-1, vmax=1)  # type: ignore[attr-defined]
    axis.set_xticks(range(len(names)), names, fontsize=7)  # type: ignore[attr-defined]
    axis.set_yticks(range(len(names)), names, fontsize=7)  # type: ignore[attr-defined]
    axis.set_title("rank correlation between methods, whole batch", fontsize=10)  # type: ignore[attr-defined]
    for line, column in np.ndindex(grid.shape):
        axis.text(  # type: ignore[attr-defined]
            column, line, f"{grid[line, column]:.2f}", ha="center", va="center", fontsize=7
        )


def picture(examination: Examination, group: str, path: Path) -> Path:
    """Write the picture."""
    write_whole(path, draw(examination, group))
    return path


def write_page(examination: Examination, group: str, path: Path) -> Path:
    """Write a page that needs no other file: figures, agreement, picture, every turn of the group."""
    encoded = base64.b64encode(draw(examination, group)).decode()
    parts = [
        f"<!doctype html><meta charset='utf-8'><title>Credit</title><style>{_STYLE}</style>",
        f"<h1>Credit of group {html.escape(group)}</h1>",
        _figures(examination),
        "".join(
            f"<p>{html.escape(name)}: set aside: {html.escape(reason)}</p>"
            for name, reason in examination.refused.items()
        ),
        f"<img alt='advantages' src='data:image/png;base64,{encoded}'>",
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
        name: max(float(np.abs(each.advantage).max()), 1e-9) for name, each in examination.credits.items()
    }
    head = "".join(f"<th>{html.escape(name)}</th>" for name in examination.credits)
    lines = []
    for row in rows.tolist():
        turn = trajectory.turns[examination.table.turn[row]]
        cells = "".join(
            f"<td class='n' style='background:{_shade(each.advantage[row] / limits[name])}'"
            f" title='{html.escape(why(each, row), quote=True)}'>{each.advantage[row]:+.3f}</td>"
            for name, each in examination.credits.items()
        )
        mark = "" if turn.valid else " (invalid)"
        lines.append(f"<tr><td>{turn.index}</td><td>{html.escape(turn.action)}{mark}</td>{cells}</tr>")
    title = f"{trajectory.task}: return {trajectory.episode_return:g}, {trajectory.end}"
    table = f"<table><tr><th>turn</th><th>action</th>{head}</tr>{''.join(lines)}</table>"
    return f"<h2>{html.escape(title)}</h2>{table}"


def _shade(share: float) -> str:
    """Return blue for credit, red for blame, white for neither."""
    pale = 255 - int(150 * min(abs(share), 1.0))
    return f"rgb({pale},{pale},255)" if share >= 0 else f"rgb(255,{pale},{pale})"


def _coloured(value: float) -> str:
    return f"[{'blue' if value > 0 else 'red' if value < 0 else 'dim'}]{value:+.3f}[/]"


def _short(text: str) -> str:
    flat = " ".join(text.split()).replace("[", "\\[")
    return flat if len(flat) <= _ACTION_CHARS else flat[: _ACTION_CHARS - 3] + "..."
