"""`turnwise causes`: why stored episodes were lost, by rules, and on demand by a model beside them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..files import write_whole
from ..shown import UNKNOWN, visible
from .options import JsonFlag, emit_json, parse_kwargs

if TYPE_CHECKING:
    from ..agents.causes.judge import Judged
    from ..agents.stored import StoredTrajectories
    from ..agents.types import Trajectory

__all__ = ["causes"]

_PAGE = 1000


def causes(
    place: Annotated[Path, typer.Argument(metavar="PATH", help="A run or an evaluation.")],
    judge: Annotated[
        str | None,
        typer.Option(metavar="AGENT", help="Ask this agent too, e.g. openai:URL#MODEL."),
    ] = None,
    judge_option: Annotated[
        list[str] | None,
        typer.Option("--judge-option", "-a", metavar="NAME=VALUE", help="Option of that agent."),
    ] = None,
    limit: Annotated[int, typer.Option(help="How many lost episodes are judged.", min=1, max=10_000)] = 50,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep each judgement, as JSON lines.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Count why the stored episodes of a run or an evaluation were lost.

    With --judge a model reads some of them, evenly spread, and names one cause each; how far it agrees
    with the rules is Cohen's kappa, by family of environments, with the number of episodes. What it fails
    to judge is counted, and what asking it cost is told. What episodes hold goes to that endpoint.

    Examples:
      turnwise causes runs/first
      turnwise causes runs/first --judge openai:http://127.0.0.1:8001/v1#mine --limit 100
    """
    from ..agents.causes.agreement import agreement
    from ..agents.stored import Filter, StoredTrajectories

    with StoredTrajectories(place) as stored:
        counted = {str(name): num for name, num in stored.counts("cause", Filter(outcome="lost")).items()}
        unknown = stored.rows(Filter(outcome="unknown"), limit=1).total
        chosen = [] if judge is None else _chosen(stored, limit)
    found = [] if judge is None else asyncio.run(_judged(judge, judge_option, chosen))
    agreed = agreement(found) if found else []
    if out is not None and found:
        write_whole(out, b"".join(json.dumps(one.document()).encode() + b"\n" for one in found))
    spent = _spent(found)
    if as_json:
        told: dict[str, Any] = {"causes": counted, "unknown_outcomes": unknown}
        if judge is not None:
            told |= {"agreement": [one.document() for one in agreed], **spent}
            told["judgements"] = [one.document() for one in found]
        emit_json(told)
        return
    _show_causes(counted, unknown)
    for one in agreed:
        value = UNKNOWN if one.kappa is None else f"{one.kappa:.2f}"
        typer.echo(
            visible(
                f"{one.family}: kappa {value} over {one.judged} episodes, {one.agreed} the same; "
                f"{one.failed} not judged"
            )
        )
    if judge is not None:
        _show_judge(found, spent)


def _chosen(stored: StoredTrajectories, limit: int) -> list[Trajectory]:
    """Return lost episodes, evenly spread over all of them, at most so many."""
    from ..agents.stored import Filter

    lost = Filter(outcome="lost")
    total = stored.rows(lost, limit=1).total
    places = sorted({number * total // limit for number in range(limit)}) if total > limit else range(total)
    found = []
    for first in range(0, total, _PAGE):
        page = stored.rows(lost, first=first, limit=_PAGE).rows
        found += [page[place - first] for place in places if first <= place < first + len(page)]
    return [stored.read(row) for row in found]


async def _judged(judge: str, options: list[str] | None, chosen: list[Trajectory]) -> list[Judged]:
    from ..agents.causes.judge import judge as ask
    from ..agents.policies import make_policy

    policy = make_policy(judge, **parse_kwargs(options, "--judge-option"))
    try:
        return await ask(policy, chosen)
    finally:
        await policy.aclose()


def _spent(found: list[Judged]) -> dict[str, float]:
    return {
        "prompt_tokens": sum(one.prompt_tokens for one in found),
        "completion_tokens": sum(one.completion_tokens for one in found),
        "cost": sum(one.cost for one in found),
    }


def _show_causes(counted: Mapping[str, int], unknown: int) -> None:
    for name, number in sorted(counted.items(), key=lambda each: -each[1]):
        typer.echo(visible(f"{number:>7}  {name or 'unknown'}"))
    if not counted:
        typer.echo("no stored episode is known to be lost" if unknown else "no stored episode was lost")
    if unknown:
        typer.echo(
            f"{unknown} stored episodes do not say whether they were won: of a hosted run only the record "
            "does, of others the environment's info must have `won`"
        )


def _show_judge(found: list[Judged], spent: Mapping[str, float]) -> None:
    differ = Counter((one.rule, one.judged) for one in found if one.judged and one.judged != one.rule)
    for (rule, judged), number in differ.most_common(10):
        typer.echo(visible(f"{number:>7}  {rule} by rule, {judged} by the judge"))
    failures = [one.failure for one in found if one.failure]
    if failures:
        typer.echo(visible(f"the judge failed on {len(failures)}; the first: {failures[0]}"), err=True)
    typer.echo(
        f"judged {len(found)}: {spent['prompt_tokens']:.0f} prompt and {spent['completion_tokens']:.0f} "
        f"completion tokens, {spent['cost']:.4f} US dollars"
    )
