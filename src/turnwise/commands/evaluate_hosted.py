"""`--benchmark` of eval: play a benchmark that a server hosts, or its public split here."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..errors import ServerError, UsageError
from ..settings import KEY_ENV
from ..shown import percent, visible
from .options import emit_json

if TYPE_CHECKING:
    from ..agents.policy import Policy
    from ..agents.prompts.config import PromptConfig
    from ..agents.rollout.config import RolloutConfig
    from ..agents.types import Trajectory
    from ..servers.client.hosted import HostedClient

__all__ = ["play_benchmark"]

_BUDGET_S = 120.0


def play_benchmark(
    benchmark: str | None,
    hosted: str | None,
    policy: Policy,
    *,
    agent: str,
    key: str | None,
    config: RolloutConfig,
    prompt: PromptConfig | None,
    out: Path | None,
    keep_mb: float,
    as_json: bool,
) -> None:
    """Play a run and show its record.

    Raises:
        UsageError: if it is not said which benchmark, or there is no key for a server.
    """
    if benchmark is None:
        raise UsageError("--hosted needs --benchmark NAME, one of those that the key may play there")
    if hosted is not None and not key:
        raise UsageError(f"--hosted needs a key: set {KEY_ENV} to the one that {hosted} has given you")
    causes: list[str] = []
    record = asyncio.run(_played(benchmark, hosted, policy, agent, key, config, prompt, out, keep_mb, causes))
    if causes:
        told = f"warning: {len(causes)} tasks were given up, and are lost; the first: {causes[0]}"
        typer.echo(visible(told), err=True)
    if as_json:
        emit_json(record)
        return
    try:
        lines = _lines(record["record"])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ServerError(
            f"{hosted or benchmark}: its record is not in the form of one: {error!r}"
        ) from error
    for line in lines:
        typer.echo(visible(line))
    if out is not None:
        typer.echo(f"record  {out / 'record.json'}")


def _lines(record: dict[str, Any]) -> list[str]:
    """Return what is shown of a record, whose words are its server's."""
    measured, of = record["measured"], record["benchmark"]
    score, low, high = measured["score"], measured["ci_low"], measured["ci_high"]
    number = percent if of["metric"] == "success" else "{:.4g}".format
    between = "" if low is None else f"  (95 % interval {number(low)} to {number(high)})"
    shown = "unknown" if score is None else number(score)
    told = f"{measured['finished']} of {len(measured['tasks'])} finished; the run: {measured['closed']}"
    return [
        f"benchmark  {of['name']} v{of['version']}, {of['split']} split, hash {of['hash'][:16]}",
        f"{of['metric']}  {shown}{between}",
        f"tasks  {told}, attempt {record['attempt']}",
        *_spent(record["declared"].get("spent") or {}),
    ]


def _spent(spent: dict[str, Any]) -> list[str]:
    """Return what the run is declared to have cost, as far as it is known."""
    tokens = [f"{spent[f'{kind}_tokens']} {kind} tokens" for kind in ("prompt", "completion")
              if f"{kind}_tokens" in spent]  # fmt: skip
    cost = [f"{spent['cost']:.4f} US dollars"] if spent.get("cost") else []
    return [f"spent  {', '.join(tokens + cost)}, as declared"] if tokens or cost else []


async def _played(
    benchmark: str,
    hosted: str | None,
    policy: Policy,
    agent: str,
    key: str | None,
    config: RolloutConfig,
    prompt: PromptConfig | None,
    out: Path | None,
    keep_mb: float,
    causes: list[str],
) -> dict[str, Any]:
    from ..agents.evaluation.hosted import evaluate_hosted
    from ..agents.policies.by_name import told_name
    from ..servers.client.hosted import hosted_here, hosted_there

    name = benchmark
    if hosted is None:
        name, client = hosted_here(Path(benchmark))
        out = None if out is None else _fresh(out)
    else:
        client = hosted_there(hosted, key, budget_s=_BUDGET_S)

    def note(trajectory: Trajectory) -> None:
        if trajectory.error is not None:
            causes.append(f"{trajectory.env_id}: {trajectory.error}")

    record = None
    try:
        record = await evaluate_hosted(
            client,
            policy,
            name,
            agent=told_name(agent),
            config=config,
            prompt=prompt,
            out=out,
            keep_mb=keep_mb,
            on_task=note,
        )
        return record
    finally:
        if record is None and hosted is not None and client.run:
            typer.echo(visible(_what_stays(client, name, out)), err=True)
        await policy.aclose()
        await client.aclose()


def _what_stays(client: HostedClient, name: str, out: Path | None) -> str:
    """Say what a run that stopped has cost, and how it goes on."""
    kept = "nothing here can go on with it" if out is None else "the same command goes on with it"
    return (
        f"run {client.run} of {name} has begun and counts as attempt {client.attempt} of this key; {kept}, "
        "and at its deadline it ends with what was played; tasks that were begun are lost"
    )


def _fresh(out: Path) -> Path:
    """Return the folder of a run in this process, which nothing can go on with."""
    (out / "run.json").unlink(missing_ok=True)
    return out
