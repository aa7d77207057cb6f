"""The turns of each agent as trajectories of their own.

Shapes: _N rows (turns), _M trajectories.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import FloatArray, IntArray, combine, objects, sums
from .table import TurnTable

_SAME = 1e-9


def has_several_agents(table: TurnTable) -> bool:
    """Tell whether turns of more than one agent are in a table."""
    return "agent" in table.columns and bool(table.codes("agent").any())


def by_agent(table: TurnTable) -> tuple[TurnTable, IntArray]:
    """Return the table in which each agent plays episodes of its own, and which row each turn came from.

    A group becomes one group for each agent, a trajectory one for each agent that
    has turns in it. An episode's return is then the sum of the agent's own rewards;
    returns that were given, and are not the sums of rewards, are the team's and
    stay. The next state of a turn is the one in which the same agent acts again.
    """
    agent_N = table.codes("agent")
    row_N: IntArray = np.lexsort((np.arange(len(table)), agent_N, table.trajectory))
    group_N, trajectory_N = (
        combine(codes[row_N], agent_N[row_N]) for codes in (table.group, table.trajectory)
    )
    first_M = np.flatnonzero(np.append(True, trajectory_N[1:] != trajectory_N[:-1])[: len(table)])
    agents = table.columns["agent"]
    first_G = np.unique(group_N, return_index=True)[1]
    apart = TurnTable(
        group=group_N,
        trajectory=trajectory_N,
        turn=np.arange(len(table)) - first_M[trajectory_N],
        reward=table.reward[row_N],
        episode_return=own_returns(table)[row_N],
        valid=table.valid[row_N],
        counts=table.counts[row_N],
        columns={name: column[row_N] for name, column in table.columns.items() if name != "turn"},
        group_names=[_name(table.group_names[table.group[row]], agents[row]) for row in row_N[first_G]],
        trajectory_names=[
            _name(table.trajectory_names[table.trajectory[row]], agents[row]) for row in row_N[first_M]
        ],
    )
    return apart.with_columns(**_next_states(apart)), row_N


def _name(name: Any, agent: Any) -> str:
    return f"{name}, agent {agent}"


def own_returns(table: TurnTable) -> FloatArray:
    """Return what each turn's agent earned in its episode [N], or what the team was given."""
    if not has_several_agents(table):
        return table.episode_return
    whole_M = sums(table.reward, table.trajectory, table.num_trajectories)
    if not np.allclose(whole_M[table.trajectory], table.episode_return, rtol=_SAME, atol=_SAME):
        return table.episode_return
    seat_N = combine(table.trajectory, table.codes("agent"))
    own: FloatArray = sums(table.reward, seat_N, int(seat_N.max(initial=-1)) + 1)[seat_N]
    return own


def _next_states(table: TurnTable) -> dict[str, NDArray[Any]]:
    if not {"state_key", "next_state_key"} <= set(table.columns):
        return {}
    state_N, next_N = table.columns["state_key"], table.columns["next_state_key"]
    after_N = np.where(table.is_last, next_N, np.append(state_N[1:], next_N[-1:]))
    return {"next_state_key": objects(after_N.tolist())}
