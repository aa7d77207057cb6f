"""report.html of a suite: one file, its pictures inside, nothing asked for from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from ....agents.suite import Cell, SuiteFigures, SuitePair
from ....files import write_whole
from ....shown import UNKNOWN, interval, percent, visible
from .heat import heat_maps

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;"
    "color-scheme:light dark}table{border-collapse:collapse;display:block;overflow-x:auto}"
    "th,td{padding:.25em .7em;border-bottom:1px solid #8886;text-align:left;white-space:nowrap}"
    "svg{display:block;width:100%;height:auto}svg text{fill:currentColor;font-size:12px}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
CELL_HEADINGS = (
    "environment", "agent", "success", "95 % interval", "coverage", "score", "return", "turns", "counted",
    "failed", "prompt tokens", "completion tokens", "US dollars", "seconds", "lost by",
)  # fmt: skip
PAIR_HEADINGS = (
    "environment", "by", "first", "second", "tasks", "difference", "95 % interval", "+ / - / =", "p",
    "p (Holm)", "",
)  # fmt: skip


def write_page(found: SuiteFigures, path: Path, told: Sequence[str] = ()) -> None:
    """Write the page.

    Args:
        found: the figures.
        path: of the page.
        told: what else is to be said.
    """
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_text(found.name)}</title>",
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name=viewport content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style><h1>{_text(found.name)}</h1>",
    ]
    if not found.whole:
        parts.append(
            "<p><strong>Not everything was played.</strong> The same command plays what is missing.</p>"
        )
    parts += [f"<p>{_text(line)}</p>" for line in told]
    parts += ["<h2>Cells</h2>", _table(CELL_HEADINGS, map(cell_columns, found.cells))]
    parts += [
        "<h2>Pairs</h2><p>First minus second on the same tasks. The interval is of the paired bootstrap; p "
        "is of the exact sign test (McNemar's for successes), corrected by Holm over all pairs of this page. "
        "Above 5 % two agents are tied.</p>",
        _table(PAIR_HEADINGS, map(pair_columns, found.pairs)),
    ]
    parts.append(
        "<h2>Tasks</h2><p>A column a task: green is won, red is lost, grey is not known; where nothing says "
        "who won, returns from the lowest to the highest.</p>"
    )
    parts += [f"<h3>{_text(env)}</h3>{picture}" for env, picture in heat_maps(found)]
    write_whole(path, "\n".join(parts).encode("utf-8", "backslashreplace") + b"\n")


def cell_columns(cell: Cell) -> tuple[str, ...]:
    """Return a cell as columns."""
    found = cell.found
    spent = (
        f"{cell.prompt_tokens}", f"{cell.completion_tokens}", f"{cell.money:.4f}", f"{cell.seconds:.1f}",
    )  # fmt: skip
    if found is None:
        why = cell.failure or "nothing counts yet"
        return (cell.env, cell.agent, *[UNKNOWN] * 6, "0", f"{len(cell.rows)}", *spent, why)
    causes = ", ".join(f"{cause} {number}" for cause, number in found.causes.items())
    missing = f"{cell.missing} not played" if cell.missing else ""
    return (
        cell.env,
        cell.agent,
        percent(found.success_rate),
        interval(found.ci_low, found.ci_high),
        percent(found.coverage),
        UNKNOWN if found.score is None else f"{found.score:.4g}",
        f"{found.mean_return:.4g}",
        f"{found.turns:.1f}",
        f"{found.episodes}",
        f"{found.errors}",
        *spent,
        "; ".join(part for part in (causes, missing, cell.failure) if part),
    )


def pair_columns(each: SuitePair) -> tuple[str, ...]:
    """Return a pair as columns."""
    pair, found, rates = each.pair, each.pair.found, each.metric == "success"

    def shown(value: float | None) -> str:
        return percent(value) if rates or value is None else f"{value:.4g}"

    return (
        each.env,
        each.metric,
        pair.first,
        pair.second,
        f"{found.tasks[0]}",
        shown(found.difference),
        f"{shown(found.low)} to {shown(found.high)}",
        f"{found.better} / {found.worse} / {found.ties}" if found.paired else UNKNOWN,
        f"{found.p_value:.3g}",
        f"{pair.corrected:.3g}",
        pair.verdict,
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th scope=col>{_text(heading)}" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{_text(value)}" for value in row) for row in rows)
    return f"<table><thead><tr>{head}<tbody>{body}</table>"


def _text(value: str) -> str:
    return escape(visible(value))
