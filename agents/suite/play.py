"""The cells of a suite, played one after another; each is the folder of an evaluation.

A suite that was interrupted goes on from its rows. What failed by the machine's fault is played
again when the suite is; nothing else is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ...errors import Stopped, TurnwiseError, UsageError
from ...files import write_whole
from ...servers.client import SessionClient
from ..control import hold
from ..control.holding import Holding, holding
from ..evaluation.evaluate import evaluate
from ..evaluation.results import EvalRow
from ..policies.by_name import make_policy
from .file import Suite, SuiteAgent, SuiteEnv

FAILURE = "failure.json"
OnRow = Callable[[SuiteAgent, SuiteEnv, EvalRow], None]


def cell_folder(out: Path, agent: SuiteAgent, env: SuiteEnv) -> Path:
    """Return the folder of a cell."""
    return out / agent.name / env.called


def check(suite: Suite) -> None:
    """Make every agent once, so that a wrong one is refused before anything is played.

    Raises:
        UsageError, UnknownName, CheckpointError: as `make_policy` does.
    """
    for agent in suite.agents:
        make_policy(agent.agent, **agent.options)


async def play(
    suite: Suite, out: Path, connect: Callable[[], SessionClient], on_row: OnRow | None = None
) -> None:
    """Play what is missing of every cell.

    A cell that cannot be played at all is noted in its folder, and the others go on. Asked for it, what
    failed by the machine's fault is played again in the end.

    Args:
        suite: what is played.
        out: the folder of the suite.
        connect: opens a client of the environments.
        on_row: called with each row as its episode ends, and first with those that were there.

    Raises:
        UsageError: if a folder holds an evaluation with other settings, an argument is wrong, or another
            process plays the suite there.
        Stopped: if somebody has asked it to stop.
    """
    with hold(out, "suite") as control:
        async with holding(control) as held:
            await _play_cells(suite, out, connect, on_row, held)
            while held.take_again():
                await _play_cells(suite, out, connect, on_row, held)


async def _play_cells(
    suite: Suite, out: Path, connect: Callable[[], SessionClient], on_row: OnRow | None, held: Holding
) -> None:
    cells = [(agent, env) for agent in suite.agents for env in suite.environments]
    for place, (agent, env) in enumerate(cells):
        folder = cell_folder(out, agent, env)
        held.check(place, len(cells))
        try:
            await _play_cell(suite, agent, env, folder, connect, on_row, held)
        except (UsageError, Stopped):
            raise
        except TurnwiseError as error:
            cause = {"cause": f"{type(error).__name__}: {error}"}
            write_whole(folder / FAILURE, json.dumps(cause).encode() + b"\n")
        else:
            (folder / FAILURE).unlink(missing_ok=True)


async def _play_cell(
    suite: Suite,
    agent: SuiteAgent,
    env: SuiteEnv,
    folder: Path,
    connect: Callable[[], SessionClient],
    on_row: OnRow | None,
    held: Holding,
) -> None:
    policy = make_policy(agent.agent, **agent.options)
    client = held.client = connect()
    try:
        await evaluate(
            client,
            policy,
            env.id,
            kwargs=env.kwargs,
            split=env.split,
            episodes=suite.num_episodes(env),
            seed=env.seed,
            config=suite.config(repeatable=policy.repeatable),
            agent=agent.agent,
            out=folder,
            keep_mb=suite.keep_mb,
            on_progress=None if on_row is None else lambda row: on_row(agent, env, row),
            kind="cell",
            held=held,
        )
    finally:
        held.client = None
        await policy.aclose()
        await client.aclose()
