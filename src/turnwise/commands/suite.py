"""`turnwise suite`: agents times environments, with a report."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Stopped, UsageError
from ..settings import KEY_ENV
from ..shown import percent, visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..agents.comparison import Pair
    from ..agents.suite import Suite, SuiteFigures
    from ..servers.client import SessionClient

__all__ = ["suite"]

_SERVER_BUDGET_S = 30.0
_SHOWN = ("environment", "agent", "success", "95 % interval", "turns", "failed", "lost by")


def suite(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML: agents and environments.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Keep everything there; go on from it.")],
    server: Annotated[
        str | None, typer.Option(metavar="URL", help=f"A server; its key is read from {KEY_ENV}.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Play nothing: report what is there.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Play every agent on every environment, and report: intervals, pairs, cost, every task.

    DIR/AGENT/ENVIRONMENT is the folder of an evaluation. The same command goes on with a suite that was
    interrupted or killed, and plays again what failed by the machine's fault. It writes report.html,
    suite.json, rows.csv, cells.csv and rows.parquet (with pyarrow). The exit code is 1 if not everything was
    played. docs/evaluation.md has an example of a file.

    Examples:
      turnwise suite benchmarks/suites/small.toml --out runs/small
      turnwise suite benchmarks/suites/small.toml --out runs/small --report --json
    """
    from ..agents.suite import figures, load
    from ..agents.suite.play import check

    found = load(file)
    if not report:
        check(found)
        try:
            asyncio.run(_play(found, out, server, quiet=as_json))
        except (KeyboardInterrupt, Stopped) as ended:
            why = str(ended) or "interrupted"
            typer.echo(f"{why}; {out} keeps what has ended; the same command goes on from it", err=True)
            raise typer.Exit(130) from None
    elif not out.is_dir():
        raise UsageError(f"{out}: is no folder; expected that of a suite that was played")
    reached = figures(found, out)
    told = _write(reached, out)
    if as_json:
        emit_json({**reached.document(), "notes": told})
    else:
        _show(reached, told, out)
    raise typer.Exit(0 if reached.whole and not any(cell.found is None for cell in reached.cells) else 1)


async def _play(found: Suite, out: Path, server: str | None, *, quiet: bool) -> None:
    from ..agents.evaluation.results import EvalRow
    from ..agents.suite import play
    from ..agents.suite.file import SuiteAgent, SuiteEnv

    ended = 0
    total = len(found.agents) * sum(found.num_episodes(env) for env in found.environments)

    def tell(agent: SuiteAgent, env: SuiteEnv, row: EvalRow) -> None:
        nonlocal ended
        ended += 1
        if ended % max(1, total // 20) == 0:
            typer.echo(f"{ended} of {total} episodes; now {agent.name} on {env.called}", err=True)

    await play(found, out, lambda: _client(server), None if quiet else tell)


def _client(server: str | None) -> SessionClient:
    from ..servers.client import connect

    if server is None:
        return connect("local:")
    return connect(server, budget_s=_SERVER_BUDGET_S, renew=True)


def _write(reached: SuiteFigures, out: Path) -> list[str]:
    from ..trainers.reports.suite import write_exports, write_page

    told = write_exports(reached, out)
    write_page(reached, out / "report.html", told)
    return told


def _show(reached: SuiteFigures, told: list[str], out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..trainers.reports.suite.page import CELL_HEADINGS, cell_columns

    places = [CELL_HEADINGS.index(name) for name in _SHOWN]
    view = Table(*_SHOWN, box=None, pad_edge=False)
    for cell in reached.cells:
        columns = cell_columns(cell)
        view.add_row(*(visible(columns[place]) for place in places))
    Console().print(view)
    for each in reached.pairs:
        typer.echo(visible(f"{each.env}: {_pair_line(each.pair, rates=each.metric == 'success')}"))
    for line in told:
        typer.echo(line, err=True)
    typer.echo(f"wrote {out / 'report.html'}, which has every column")


def _pair_line(pair: Pair, *, rates: bool) -> str:
    """Return what is known of one pair, as a sentence."""
    found = pair.found

    def shown(value: float | None) -> str:
        return percent(value) if rates or value is None else f"{value:.4g}"

    left_out = f", {found.left_out} left out" if found.left_out else ""
    tasks = f"{found.better} better, {found.worse} worse, {found.ties} tied"
    return (
        f"{pair.first} {shown(found.first_mean)}, {pair.second} {shown(found.second_mean)}: difference "
        f"{shown(found.difference)} (95 % interval {shown(found.low)} to {shown(found.high)}); "
        f"{found.tasks[0]} tasks{left_out}, {tasks if found.paired else found.test}; p {found.p_value:.3g}, "
        f"corrected {pair.corrected:.3g}: {pair.verdict}"
    )
