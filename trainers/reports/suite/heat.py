"""Every task of every environment over all agents, as a picture."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ....agents.suite import Cell, SuiteFigures
from ....files import write_whole
from ..curves import pyplot

_MOST_TASKS = 400  # of an environment; of more, every so many-th is drawn
_COLORS = ("#c0392b", "#f2d16b", "#2e8b57")


def draw_heat_map(found: SuiteFigures, path: Path) -> None:
    """Draw a panel an environment: a row an agent, a column a task; grey is not known.

    A task is coloured by success, or where nothing says who won, by its return from the lowest of
    the environment to the highest.

    Raises:
        UsageError: if matplotlib is not installed.
    """
    plot = pyplot()
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import MaxNLocator

    envs = list(dict.fromkeys(cell.env for cell in found.cells))
    agents = list(dict.fromkeys(cell.agent for cell in found.cells))
    colors = LinearSegmentedColormap.from_list("outcome", _COLORS).with_extremes(bad="#d5d8dc")
    height = 0.8 + len(envs) * (0.9 + 0.28 * len(agents))
    figure, axes = plot.subplots(len(envs), 1, figsize=(9, height), squeeze=False, constrained_layout=True)
    for env, axis in zip(envs, axes[:, 0], strict=True):
        table = outcomes([cell for cell in found.cells if cell.env == env])
        step = max(1, -(-table.shape[1] // _MOST_TASKS))
        axis.imshow(
            np.ma.masked_invalid(table[:, ::step]), aspect="auto", cmap=colors, vmin=0, vmax=1,
            interpolation="nearest",
        )  # fmt: skip
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.hlines(np.arange(len(agents) - 1) + 0.5, *axis.get_xlim(), colors="white", linewidth=2)
        axis.set_yticks(range(len(agents)), agents, parse_math=False)
        axis.set_xlabel("task" if step == 1 else f"task (every {step}th)")
        axis.set_title(env, loc="left", fontsize=10, parse_math=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    plot.close(figure)
    write_whole(path, buffer.getvalue())


def outcomes(cells: list[Cell]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return how each agent did on each task, from 0 to 1; NaN where it is not known [agents, tasks]."""
    seeds = sorted({row.seed for cell in cells for row in cell.rows})
    places = {seed: place for place, seed in enumerate(seeds)}
    table = np.full((len(cells), max(1, len(seeds))), np.nan)
    told = any(row.success is not None for cell in cells for row in cell.rows)
    for number, cell in enumerate(cells):
        for row in cell.rows:
            if row.counts:
                value = row.success if told else row.episode_return
                table[number, places[row.seed]] = np.nan if value is None else float(value)
    if not told and np.isfinite(table).any():
        low, high = np.nanmin(table), np.nanmax(table)
        table = (table - low) / (high - low) if high > low else np.where(np.isnan(table), np.nan, 0.5)
    return table
