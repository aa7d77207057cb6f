"""What a part needs, found out by calling it: no part has to say it a second time.

A column is needed where a part refuses a table without it. Groups are needed where episodes
that differ get no credit as long as each is alone in its group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ...errors import ColumnMissing, TableError, UsageError
from ..credit import Credit, Estimator, TurnTable
from ..losses import Loss
from ..parts import Named
from ..rewards import RewardTransform
from ..rollouts.annotators import Annotator
from ..rollouts.choosers import Chooser
from ..rollouts.samplers.base import Sampler

_TASKS = "tasks that come again, `env.num_tasks`"
_TEXTS = ("state_key", "next_state_key", "action", "agent", "subgoal")
_TURNS, _MOST = 4, 24  # turns of the table, columns that one part may ask for
_FILLERS: tuple[list[Any], ...] = ([1] * _TURNS, [np.ones(1)] * _TURNS, [*"abcd"])  # turns, tokens, texts


def needs_of(part: Named[Any], params: Mapping[str, Any]) -> tuple[str, ...]:
    """Say in a few words each what a part needs: columns, value heads, groups, options of the environment.

    Args:
        part: of any kind.
        params: values of parameters that have no default.
    """
    if isinstance(part, Estimator):
        heads = tuple(head.name for head in part.heads)
        table, columns = _tried(part, params)
        grouped = not heads and _is_silent(part, table, params)
        columns = [name for name in columns if name not in heads]
        words = [*_listed("column", columns), *_listed("critic", heads)]
        words += ["the reference policy"] if part.against_reference else []
        words += ["what it remembers of batches before"] if part.state is not None else []
        words += [_TASKS] if part.by_task else []
        return (*words, *(["groups"] if grouped else []))
    if isinstance(part, Chooser):
        return (_TASKS,)
    if isinstance(part, RewardTransform):
        return _listed("column", _tried(part, params)[1])
    if isinstance(part, Loss):
        outcomes = () if part.credit else ("groups", "which episodes were won")
        return (*outcomes, *(["one more forward pass"] if part.sees == "groups" else []))
    if isinstance(part, Annotator):
        return _listed("of the environment", part.options)
    if isinstance(part, Sampler):
        return _listed("of the environment", ["expert"] if part.expert else [])
    return ()


def _listed(word: str, names: Iterable[str]) -> tuple[str, ...]:
    listed = ", ".join(f"`{name}`" for name in names)
    return (f"{word} {listed}",) if listed else ()


def _tried(part: Named[Any], params: Mapping[str, Any]) -> tuple[TurnTable, list[str]]:
    """Return a table that a part takes, and the columns that it asked for, in their order.

    Each column that is missing is filled in the first way that the part does not refuse.
    """
    table = TurnTable.from_columns(group=[*"aabb"], trajectory=[0] * _TURNS, reward=[0.0, 1.0, 0.0, 0.0])
    asked: list[str] = []
    ways = iter(_FILLERS)
    while len(asked) < _MOST:
        try:
            part(table, **params)
        except ColumnMissing as missing:
            asked.append(missing.column)
            ways = iter(_FILLERS[2:] if missing.column in _TEXTS else _FILLERS)
        except TableError:
            if not asked:
                raise
        else:
            return table, asked
        filler = next(ways, None)
        if filler is None:
            raise UsageError(f"{part.kind} {part.name} takes no column {asked[-1]!r} of those tried")
        table = table.with_columns(**{asked[-1]: filler})
    raise UsageError(f"{part.kind} {part.name} asks for more than {_MOST} columns: {', '.join(asked)}")


def _is_silent(part: Estimator, table: TurnTable, params: Mapping[str, Any]) -> bool:
    """Tell whether episodes of different returns get no credit where each is a group of its own."""
    credit: Credit = part(table, **params)
    tokens = np.concatenate(credit.tokens) if credit.tokens is not None else np.zeros(1)
    return not (credit.advantage.any() or tokens.any())
