"""Every task of every environment over all agents: the rows of a suite for the picture of all pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ....agents.suite import Cell, SuiteFigures
from ....servers.board.heat import heat_map


def heat_maps(found: SuiteFigures) -> Iterator[tuple[str, str]]:
    """Yield each environment with its picture: a row an agent, a column a task (SVG)."""
    for env in dict.fromkeys(cell.env for cell in found.cells):
        cells = [cell for cell in found.cells if cell.env == env]
        yield env, heat_map(outcomes(cells), label=f"every task of {env} over all agents")


def outcomes(cells: Sequence[Cell]) -> list[tuple[str, dict[str, float | None]]]:
    """Return how each agent did on each task: success, or where nobody is told who won, the return."""
    told = any(row.success is not None for cell in cells for row in cell.rows)
    found = []
    for cell in cells:
        values: dict[str, float | None] = {}
        for row in cell.rows:
            value = row.success if told else row.episode_return
            values[str(row.seed)] = float(value) if row.counts and value is not None else None
        found.append((cell.agent, values))
    return found
