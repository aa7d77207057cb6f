"""The picture of an examination: two trajectories turn by turn, the whole group, the agreement.

Shapes: _T turns, _M methods.
"""

from __future__ import annotations

import io
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ....agents.types import Trajectory, Turn
from ....files import write_whole
from ....shown import visible
from ..curves import pyplot
from .examination import Examination

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Member = tuple[Trajectory, NDArray[np.int64]]  # with the rows of its turns
_COLOURS = "RdBu"
_NOTHING = "#e4e4e4"  # where there is no turn
_ACTION_CHARS, _TITLE_CHARS = 44, 60
_PANELS_A_ROW = 3
_DARK = 0.6  # share of the limit from which numbers are written in white
_LINE, _ROW = 0.21, 0.2  # inches: a turn in a table, a trajectory in a panel


def best_and_worst(examination: Examination, group: str) -> list[Member]:
    """Return the trajectories of a group with the highest and the lowest return; one if there is one."""
    ordered = _ordered(examination, group)
    return [ordered[0], ordered[-1]] if len(ordered) > 1 else ordered


def label(turn: Turn) -> str:
    """Return an action for people, behind the subgoal that the turn has set, if it has."""
    said = f"[{turn.subgoal}] {turn.action}" if turn.switch else turn.action
    return visible(" ".join(said.split())) + ("" if turn.valid else " (invalid)")


def draw(examination: Examination, group: str) -> bytes:
    """Return a PNG.

    Above, the best and the worst trajectory of the group, a line a turn and a
    column a method; below, a panel a method with all trajectories of the group,
    the best on top, and the rank correlations of the methods over the batch.

    Raises:
        UsageError: if there is no such group, or matplotlib is not installed.
    """
    plot = pyplot()
    members = _ordered(examination, group)
    pair = best_and_worst(examination, group)
    num_panels = len(examination.credits) + 1
    num_rows = ceil(num_panels / _PANELS_A_ROW)
    longest = max(rows.size for _, rows in pair)
    table = 1.0 + _LINE * longest
    panel = max(1.9, 0.7 + _ROW * len(members))
    figure = plot.figure(figsize=(12, 0.5 + table + num_rows * panel), layout="constrained")
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[table, num_rows * panel])
    upper, lower = parts[0, 0], parts[1, 0]
    limits = _limits(examination, members)
    for axis, member in zip(upper.subplots(1, len(pair), squeeze=False)[0], pair, strict=True):
        _draw_turns(axis, examination, member, limits)
        axis.set_ylim(longest - 0.5, -0.5)
    axes = lower.subplots(num_rows, _PANELS_A_ROW, squeeze=False).ravel()
    for axis, name in zip(axes, examination.credits, strict=False):
        _draw_group(axis, lower, examination, members, name, limits[name])
    _draw_agreement(axes[num_panels - 1], examination)
    for axis in axes[num_panels:]:
        axis.set_axis_off()
    title = f"Advantage of every turn, group {visible(group)}: blue is credit, red is blame"
    figure.suptitle(title, fontsize=11, parse_math=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    plot.close(figure)
    return content.getvalue()


def picture(examination: Examination, group: str, path: Path) -> Path:
    """Write the picture."""
    write_whole(path, draw(examination, group))
    return path


def _ordered(examination: Examination, group: str) -> list[Member]:
    return sorted(examination.rows_of_group(group), key=lambda member: -member[0].episode_return)


def _limits(examination: Examination, members: list[Member]) -> dict[str, float]:
    """Return the largest absolute advantage in the group, by method."""
    rows = np.concatenate([rows for _, rows in members])
    return {
        name: max(float(np.abs(credit.advantage[rows]).max()), 1e-9)
        for name, credit in examination.credits.items()
    }


def _draw_turns(axis: Axes, examination: Examination, member: Member, limits: dict[str, float]) -> None:
    trajectory, rows = member
    names = list(examination.credits)
    value_TM = np.stack([examination.credits[name].advantage[rows] for name in names], axis=1)
    share_TM = value_TM / np.array([limits[name] for name in names])
    axis.set_facecolor(_NOTHING)
    axis.imshow(share_TM, cmap=_COLOURS, vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    _write(axis, value_TM, share_TM, "{:+.2f}")
    said = [f"{turn.index}: {_short(label(turn), _ACTION_CHARS)}" for turn in trajectory.turns]
    axis.set_yticks(range(len(said)), said, fontsize=7, parse_math=False)
    axis.set_xticks(range(len(names)), names, fontsize=8)
    axis.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    title = f"{trajectory.instruction or trajectory.task}"
    axis.set_title(
        f"{_short(visible(title), _TITLE_CHARS)}\nreturn {trajectory.episode_return:g}, {trajectory.end}",
        fontsize=8,
        parse_math=False,
    )


def _draw_group(
    axis: Axes, figure: Any, examination: Examination, members: list[Member], name: str, limit: float
) -> None:
    from matplotlib.ticker import MaxNLocator

    grid = np.full((len(members), max(rows.size for _, rows in members)), np.nan)
    for line, (_, rows) in enumerate(members):
        grid[line, : rows.size] = examination.credits[name].advantage[rows]
    axis.set_facecolor(_NOTHING)
    image = axis.imshow(grid, cmap=_COLOURS, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    axis.set_title(name, loc="left", fontsize=9)
    axis.set_yticks(
        range(len(members)), [f"{trajectory.episode_return:g}" for trajectory, _ in members], fontsize=7
    )
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.tick_params(labelsize=7)
    axis.set_ylabel("trajectory, by return", fontsize=7)
    axis.set_xlabel("turn", fontsize=7)
    figure.colorbar(image, ax=axis, pad=0.01).ax.tick_params(labelsize=7)


def _draw_agreement(axis: Axes, examination: Examination) -> None:
    names = list(examination.credits)
    grid = np.eye(len(names))
    for pair, (rank, _) in examination.agreement.items():
        line, column = map(names.index, pair)
        grid[line, column] = grid[column, line] = rank
    axis.imshow(grid, cmap=_COLOURS, vmin=-1, vmax=1)
    axis.set_xticks(range(len(names)), names, fontsize=7, rotation=45, ha="right")
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.set_title("rank correlation, whole batch", loc="left", fontsize=9)
    _write(axis, grid, grid, "{:.2f}")


def _write(axis: Axes, values: NDArray[np.float64], shares: NDArray[np.float64], form: str) -> None:
    """Write the number into every cell, so that it can be read on its colour."""
    for line, column in np.ndindex(values.shape):
        colour = "white" if abs(shares[line, column]) > _DARK else "black"
        text = form.format(round(float(values[line, column]), 2) + 0.0)  # never -0.00
        axis.text(column, line, text, ha="center", va="center", fontsize=7, color=colour)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
