"""What a credit estimator returns, and how it is found by name.

An estimator is a pure function of a turn table. One of your own is a decorator
and a function:

    @register("return_to_go")
    def return_to_go(table: TurnTable, *, gamma: float = 1.0) -> Credit:
        '''Give each turn its discounted return-to-go.'''
        return Credit(table.returns(gamma))

One that remembers something of a batch for the next names what it remembers at first,
is given the state after the table, and returns the new one beside the credit:

    @register("against_the_mean_so_far", state=[0.0, 0])
    def against_the_mean_so_far(table: TurnTable, state: list[float]) -> tuple[Credit, list[float]]:
        '''Compare each return with the mean of all batches before.'''
        total, num = state
        advantage_N = table.episode_return - total / max(1, num)
        first_N = table.turn == 0
        return Credit(advantage_N), [total + table.episode_return[first_N].sum(), num + int(first_N.sum())]

A state is a plain value, as JSON holds it; the trainer takes it over once its update is
complete, and checkpoints keep it. Called without one, as the microscope does, a method
begins with what it remembers at first.

Whatever is registered sees only turns that count: trajectories that failed for
the machine's reasons are taken out before and get exactly 0 after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import TableError
from ..parts import Named, Registry
from .table.agents import by_agent, has_several_agents
from .table.columns import BoolArray, FloatArray, IntArray
from .table.table import TurnTable

Place = Literal["prompt", "subgoal", "action", "end", "tokens"]


@dataclass(frozen=True, slots=True)
class Credit:
    """The advantage of every turn, and how it came about.

    Attributes:
        advantage: the turn's advantage [N].
        parts: what it was made of, one value a turn [N] each.
        spans: numbers for named spans of a turn (action, subgoal, switch), where a method has them.
        tokens: one array a turn with a number for each of its tokens, where a method has them.
        targets: regression targets of critics, one value a turn, or one array a turn under tokens.
        figures: of the whole batch, for the log, by name.
    """

    advantage: FloatArray
    parts: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    spans: Mapping[str, FloatArray] | None = None
    tokens: list[FloatArray] | None = None
    targets: Mapping[str, Any] | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    def rearranged(self, row_N: IntArray) -> Credit:
        """Return the credit with its rows in another order: row r is what row_N[r] was [N]."""

        def taken(values: Any) -> Any:
            return [values[row] for row in row_N] if isinstance(values, list) else values[row_N]

        return Credit(
            advantage=taken(self.advantage),
            parts={name: taken(part) for name, part in self.parts.items()},
            spans=None if self.spans is None else {name: taken(span) for name, span in self.spans.items()},
            tokens=None if self.tokens is None else taken(self.tokens),
            targets=None if self.targets is None else {n: taken(t) for n, t in self.targets.items()},
            figures=self.figures,
        )

    def scattered(self, table: TurnTable) -> Credit:
        """Return the credit of a whole table from that of its counting rows; the rest is 0."""
        rows_N = table.counts
        return Credit(
            advantage=_scatter(self.advantage, rows_N),
            parts={name: _scatter(part, rows_N) for name, part in self.parts.items()},
            spans=None
            if self.spans is None
            else {name: _scatter(s, rows_N) for name, s in self.spans.items()},
            tokens=None if self.tokens is None else _scatter_ragged(self.tokens, table),
            targets=None
            if self.targets is None
            else {n: _scatter_any(t, table) for n, t in self.targets.items()},
            figures=self.figures,
        )


def _scatter(values: NDArray[Any], rows_N: BoolArray) -> NDArray[Any]:
    filler = -1 if np.issubdtype(values.dtype, np.integer) else 0
    whole = np.full(rows_N.size, filler, dtype=values.dtype)
    whole[rows_N] = values
    return whole


def _scatter_ragged(values: list[FloatArray], table: TurnTable) -> list[FloatArray]:
    given = iter(values)
    length_N = table.column("num_tokens", "a method with token values")
    return [
        next(given) if counts else np.zeros(length)
        for counts, length in zip(table.counts.tolist(), length_N.tolist(), strict=True)
    ]


def _scatter_any(values: Any, table: TurnTable) -> Any:
    if isinstance(values, list):
        return _scatter_ragged(values, table)
    return _scatter(values, table.counts)


@dataclass(frozen=True, slots=True)
class Head:
    """A value head: a number for each turn or token, learned from the policy's states.

    A head is named after the column that the estimator reads. Values are those of
    the policy's state at a place of the turn:

        prompt    the last token before the message
        subgoal   the last token before the subgoal; that of the prompt where one is kept
        action    the last token before the action; that of the prompt where none was read
        end       the last token of the message
        tokens    the last token before each token of the message: one value a token

    Args:
        name: the column of the turn table that it fills.
        place: where in a turn it reads.
        target: its key in `Credit.targets`.
        known: the part of the credit that tells which turns have a target; empty: all.
        slow: whether a copy that follows slowly fills the column target_NAME.
        beyond: whether it fills the column next_NAME: the value after the last turn
            of a trajectory that was cut off, 0 elsewhere.
    """

    name: str
    place: Place
    target: str
    known: str = ""
    slow: bool = False
    beyond: bool = False

    def targets(self, credit: Credit) -> FloatArray:
        """Return what the head regresses on [N], or [L] tokens end to end; NaN where nothing is known.

        Raises:
            TableError: if the estimator gives no such target.
        """
        given = (credit.targets or {}).get(self.target)
        if given is None:
            raise TableError(
                f"value head {self.name!r} has nothing to learn: the credit estimator gives no target "
                f"{self.target!r}, it gives {', '.join(sorted(credit.targets or {})) or 'none'}"
            )
        flat = np.concatenate([*given, np.zeros(0)]) if isinstance(given, list) else np.asarray(given, float)
        return np.where(credit.parts[self.known], flat, np.nan) if self.known else flat


@dataclass(eq=False)
class Estimator(Named[Credit]):
    """A registered credit estimator: call it with a table and the method's parameters.

    Where the turns of several agents are in a table (column agent), a method
    without critics is given each agent's turns as trajectories of their own, in
    groups of their own: what one agent won another may have lost.

    Args:
        heads: the value heads that fill the columns it reads, for a method with critics.
        tells_agents: whether the method itself tells agents apart.
        against_reference: whether it reads the columns log_ratio, the log-ratio of policy to reference of
            each token before the update, and sampled, 0 for tokens that were forced.
        state: what a method with state remembers at first, a plain value; None: it remembers nothing.
        by_task: whether that is of tasks, which have to come again.
        against_last: whether it reads the column drift: how far the policy has moved since the last
            episode of the turn's task, as the mean |log-ratio| of its tokens.
    """

    heads: tuple[Head, ...] = ()
    tells_agents: bool = False
    against_reference: bool = False
    state: Any = None
    by_task: bool = False
    against_last: bool = False

    def apply(self, table: TurnTable, **params: Any) -> Credit:
        """Assign credit to every turn of a table.

        Raises:
            UnknownName: for a value of a parameter that is not known.
            TableError: if a column that the method needs is missing.
        """
        return self._stepped(table, self.state, params)[0]

    def step(self, table: TurnTable, state: Any = None) -> tuple[Credit, Any]:
        """Assign credit with what was remembered.

        Args:
            table: as for a call.
            state: as this method returned it for the batch before; None: what it remembers at first.

        Returns:
            the credit, and what is to be remembered; None of a method without state.

        Raises:
            TableError: if a column is missing, or the new state is no plain value.
        """
        self.check_params({})
        return self._stepped(table, self.state if state is None else state, self.params)

    def _stepped(self, table: TurnTable, state: Any, params: Mapping[str, Any]) -> tuple[Credit, Any]:
        if not isinstance(table, TurnTable):
            raise TableError(f"{self.name} got {type(table).__name__}; expected a TurnTable")
        if bool(table.counts.all()):
            return self._assigned(table, state, params)
        credit, new = self._assigned(table.select(table.counts), state, params)
        return credit.scattered(table), new

    def _assigned(self, table: TurnTable, state: Any, params: Mapping[str, Any]) -> tuple[Credit, Any]:
        """Assign credit to a table in which every turn counts."""
        if self.heads or self.tells_agents or not has_several_agents(table):
            return self._called(table, state, params)
        apart, row_N = by_agent(table)
        credit, new = self._called(apart, state, params)
        return credit.rearranged(np.argsort(row_N)), new

    def _called(self, table: TurnTable, state: Any, params: Mapping[str, Any]) -> tuple[Credit, Any]:
        if self.state is None:
            return self._checked(table, self.function(table, **params)), None
        returned: Any = self.function(table, _plain(self.name, state), **params)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise TableError(
                f"{self.name} is registered with a state and returned {type(returned).__name__}; expected "
                "a pair: Credit, and the state from here on"
            )
        return self._checked(table, returned[0]), _plain(self.name, returned[1])

    def _checked(self, table: TurnTable, credit: Credit) -> Credit:
        if not isinstance(credit, Credit) or credit.advantage.shape != table.reward.shape:
            raise TableError(f"{self.name} returned no Credit with one advantage a turn ({len(table)} turns)")
        table.check_finite(f"the advantage that {self.name} gives to the action", credit.advantage)
        return credit


_PLAIN = {str, int, float, bool, type(None)}


def _plain(name: str, state: Any) -> Any:
    """Return a copy of a state as a checkpoint would give it back.

    Raises:
        TableError: if it holds what JSON cannot.
    """
    kind = type(state)
    if kind in _PLAIN:
        return state
    if kind is list or kind is tuple:
        return list(state) if set(map(type, state)) <= _PLAIN else [_plain(name, value) for value in state]
    if kind is dict and all(type(key) is str for key in state):
        return {key: _plain(name, value) for key, value in state.items()}
    if isinstance(state, np.generic | np.ndarray):
        return _plain(name, state.tolist())
    raise TableError(
        f"{name} remembers a {kind.__name__}, {str(state)[:40]}; expected what JSON can hold: numbers, "
        "texts, lists, and dicts whose keys are texts"
    )


REGISTRY = Registry("credit estimator", Estimator)
register, get, names, bind = REGISTRY.register, REGISTRY.get, REGISTRY.names, REGISTRY.bind
