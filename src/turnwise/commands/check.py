"""`turnwise check ENV`: hold an environment to the contract."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from ..shown import visible
from .options import EnvKwargs, JsonFlag, emit_json, parse_kwargs

_MARKS = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}


def check(
    env: Annotated[str, typer.Argument(metavar="ENV", help="An id, package.module:Class or file.py:Class.")],
    kwargs: EnvKwargs = None,
    num_seeds: Annotated[int, typer.Option("--seeds", min=1, max=1000, help="How many tasks are tried.")] = 3,
    num_turns: Annotated[int, typer.Option("--turns", min=1, max=1000, help="Turns per trial.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Check an environment: contract, seeding, determinism, clone, hostile actions, expert.

    Examples:
      turnwise check household/mix-v0
      turnwise check my_env.py:MyEnv --seeds 10
    """
    from ..envs.check import check_environment

    verdicts = check_environment(
        env, parse_kwargs(kwargs), seeds=tuple(range(num_seeds)), num_turns=num_turns
    )
    failed = any(verdict.outcome == "failed" for verdict in verdicts)
    if as_json:
        emit_json({"env": env, "passed": not failed, "checks": [dataclasses.asdict(v) for v in verdicts]})
    else:
        first: dict[str, str] = {}  # the check that met a fault before others did
        for verdict in verdicts:
            detail = verdict.detail
            if (
                verdict.outcome == "failed"
                and (met := first.setdefault(detail, verdict.name)) != verdict.name
            ):
                detail = f'the fault of "{met}" again'
            shown = f": {visible(detail)}" if detail else ""
            typer.echo(f"{_MARKS[verdict.outcome]}  {verdict.name}{shown}")
    raise typer.Exit(1 if failed else 0)
