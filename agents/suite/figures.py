"""What came of a suite: figures and cost of each cell, and every pair of agents on each environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from ...errors import EnvironmentFault, UsageError
from ..comparison import Pair, compare, read_results
from ..comparison.pairs import corrected
from ..comparison.results import Metric, rows_of
from ..evaluation.results import EvalRow, Evaluation
from .file import Suite, SuiteAgent, SuiteEnv
from .play import FAILURE, cell_folder

_MILLION = 1e6
_METRICS: tuple[Metric, ...] = ("success", "return")


@dataclass(frozen=True, slots=True)
class Cell:
    """One agent on one environment.

    Args:
        rows: one a task, in the order of the seeds; a task that was played again has its last row.
        missing: tasks without a row yet.
        found: the figures; None where no row counts.
        failure: why the cell could not be played to its end; "" if it was, or is still to be.
        money: US dollars of all rows: by the prices of the file, or as an endpoint billed.
    """

    agent: str
    env: str
    rows: tuple[EvalRow, ...]
    missing: int
    found: Evaluation | None
    failure: str
    money: float

    @property
    def prompt_tokens(self) -> int:
        """Return the tokens of all prompts, each prompt counted whole."""
        return sum(row.prompt_tokens for row in self.rows)

    @property
    def completion_tokens(self) -> int:
        """Return the tokens that were generated."""
        return sum(row.tokens for row in self.rows)

    @property
    def seconds(self) -> float:
        """Return the seconds of all episodes, as if they had been played one after another."""
        return sum(row.seconds for row in self.rows)

    def document(self) -> dict[str, Any]:
        """Return the figures as JSON holds them, without the rows."""
        names = (
            "success_rate",
            "ci_low",
            "ci_high",
            "coverage",
            "episodes",
            "errors",
            "score",
            "mean_return",
        )
        known = {name: getattr(self.found, name) if self.found else None for name in names}
        return {
            "agent": self.agent,
            "environment": self.env,
            **known,
            "turns": self.found.turns if self.found else None,
            "missing": self.missing,
            "failure": self.failure,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "money": self.money,
            "seconds": self.seconds,
            "causes": dict(self.found.causes) if self.found else {},
        }


@dataclass(frozen=True, slots=True)
class SuitePair:
    """Two agents on one environment, by success, or by return where no common task says who won."""

    env: str
    metric: Metric
    pair: Pair


@dataclass(frozen=True, slots=True)
class SuiteFigures:
    """All cells, agent by agent, and the pairs by environment; p-values are corrected over all pairs."""

    name: str
    cells: tuple[Cell, ...]
    pairs: tuple[SuitePair, ...]

    @property
    def whole(self) -> bool:
        """Tell whether every task of every cell was played."""
        return not any(cell.missing or cell.failure for cell in self.cells)

    def document(self) -> dict[str, Any]:
        """Return them as JSON holds them."""
        return {
            "name": self.name,
            "whole": self.whole,
            "cells": [cell.document() for cell in self.cells],
            "pairs": [
                {
                    "environment": each.env,
                    "metric": each.metric,
                    **each.pair.document(),
                }
                for each in self.pairs
            ],
        }


def figures(suite: Suite, out: Path) -> SuiteFigures:
    """Sum up what lies in the folder of a suite, finished or not.

    Raises:
        UsageError: naming the file and the line of a row that is broken.
    """
    cells = [_cell(suite, agent, env, out) for agent in suite.agents for env in suite.environments]
    found = [each for env in suite.environments for each in _pairs(suite, env, out)]
    after = corrected([each.pair for each in found])
    pairs = [replace(each, pair=pair) for each, pair in zip(found, after, strict=True)]
    return SuiteFigures(suite.name, tuple(cells), tuple(pairs))


def _cell(suite: Suite, agent: SuiteAgent, env: SuiteEnv, out: Path) -> Cell:
    folder = cell_folder(out, agent, env)
    seeds = range(env.seed, env.seed + suite.num_episodes(env))
    kept: dict[int, EvalRow] = {}
    if (folder / "rows.jsonl").is_file():
        for row in rows_of(folder):
            if row.seed in seeds and (row.counts or not (row.seed in kept and kept[row.seed].counts)):
                kept[row.seed] = row
    rows = tuple(kept[seed] for seed in sorted(kept))
    try:
        found = Evaluation.of(rows, {}, {})
    except EnvironmentFault:
        found = None
    return Cell(
        agent=agent.name,
        env=env.called,
        rows=rows,
        missing=len(seeds) - len(rows),
        found=found,
        failure=_failure(folder),
        money=_money(agent, rows),
    )


def _money(agent: SuiteAgent, rows: Sequence[EvalRow]) -> float:
    if not (agent.prompt_price or agent.completion_price):
        return sum(row.cost for row in rows)
    prompts, said = sum(row.prompt_tokens for row in rows), sum(row.tokens for row in rows)
    return (prompts * agent.prompt_price + said * agent.completion_price) / _MILLION


def _failure(folder: Path) -> str:
    try:
        return str(json.loads((folder / FAILURE).read_bytes())["cause"])
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"{FAILURE} cannot be read: {error!r}"


def _pairs(suite: Suite, env: SuiteEnv, out: Path) -> list[SuitePair]:
    """Compare agents on one environment: by return where success is unknown; without a common task not."""
    folders = {agent.name: cell_folder(out, agent, env) for agent in suite.agents}
    known = [(name, folder) for name, folder in folders.items() if (folder / "rows.jsonl").is_file()]
    pairs: list[SuitePair] = []
    for first, second in combinations(known, 2):
        for metric in _METRICS:
            results = [read_results(folder, metric, name=name) for name, folder in (first, second)]
            try:
                pairs.append(SuitePair(env.called, metric, *compare(results)))
                break
            except UsageError:
                continue
    return pairs
