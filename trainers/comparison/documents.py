"""A comparison as text: Markdown for people, a table for a paper in LaTeX, CSV and JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Literal, get_args

from ...agents.comparison.results import Metric
from ...errors import UnknownName
from ...shown import UNKNOWN, visible
from ...tables import csv_of
from .found import AXIS, Found
from .gaps import Gap
from .lines import Line

Format = Literal["markdown", "latex", "csv", "json"]
_MOST_SEEDS = 6  # that are named
_LONGEST = 60  # characters of a value of a recipe; JSON has all of it
_OVER = {"tasks": "on tasks", "seeds": "over seeds"}
_COSTS = (
    ("turns", "turns an episode", ".1f"),
    ("tokens", "tokens an episode", ".0f"),
    ("updates", "updates", ".0f"),
    ("training_turns", "turns of training", ".0f"),
    ("training_tokens", "tokens of training", ".0f"),
    ("seconds", "seconds", ".0f"),
    ("dollars", "US dollars", ".4f"),
)
_NAMES = {"before": "before", "interval": "95 % interval"}
_NAMES |= {name: heading for name, heading, _ in _COSTS}
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {character: f"\\{character}" for character in "&%$#_{}"}


def written(found: Found, form: Format, columns: Sequence[str] = ()) -> str:
    """Return a comparison as text.

    Args:
        found: the comparison.
        form: of the text.
        columns: of the table of groups, by name and in this order; those of which something is known, if
            none are given. CSV and JSON have all of them.

    Raises:
        UnknownName: for another form, or a column that there is not.
    """
    if form not in _WRITERS:
        raise UnknownName("format", form, get_args(Format))
    return _WRITERS[form](found, columns)


def _markdown(found: Found, columns: Sequence[str]) -> str:
    headings, rows = _table(found, columns)
    lines = [*_laid_out(headings, rows), ""]
    for told, why in (
        ("A dash is what is not known:", _reasons(found, headings, shown=True)),
        ("Columns left out, of which nothing is known:", _reasons(found, headings, shown=False)),
    ):
        lines += [told, "", *(f"- {each}" for each in why), ""] if why else []
    lines += _differences(found) if found.gaps else []
    if found.recipes:
        labels = [line.label for line in found.lines]
        rows = [(f"`{key}`", *map(_short, values)) for key, values in found.recipes.items()]
        lines += ["## What differs between the recipes", "", *_laid_out(("key", *labels), rows), ""]
    if found.left_out:
        lines += [
            "## Left out",
            "",
            *(f"- {place}: {reason}" for place, reason in found.left_out.items()),
            "",
        ]
    return visible("\n".join(lines))


_OF_RUNS = (
    "Of a run the table above has the mean of its evaluations after training, of the last three where there "
    "are more; differences on tasks are of the last one alone."
)
_TOLD = (
    "Differences are first minus second. On tasks: of the last evaluations, on each task the mean of the "
    "seeds; it speaks of these agents on other tasks, and p is corrected by Holm over all pairs. Over seeds: "
    "Student's interval, which speaks of other seeds. One is called better if p is at most 0.05 and 0 lies "
    "outside of the interval over seeds, as far as either is known, and both point the same way."
)


def _table(found: Found, chosen: Sequence[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table of groups: its headings and rows; all columns of which something is known, or these.

    Raises:
        UnknownName: for a column that there is not.
    """
    columns = _columns(found.metric)
    for name in chosen:
        if name not in columns:
            raise UnknownName("column", name, columns)
    known = {"seeds", "after", "range", "interval"}.union(*(line.figures for line in found.lines))
    shown = [columns[name] for name in chosen or columns if name in known or chosen]
    rows = [(line.label, *(cell(line) for _, cell in shown)) for line in found.lines]
    return ("group", *(heading for heading, _ in shown)), rows


def _columns(metric: Metric) -> dict[str, tuple[str, Callable[[Line], str]]]:
    """Return every column by its name: its heading, and the cell of a group."""

    def cost(name: str, form: str) -> Callable[[Line], str]:
        return lambda line: _plain(_mean(line, name), form)

    def spread(line: Line) -> str:
        after = line.figures.get("after")
        return _range(after.least, after.most, metric) if after and len(after.values) > 1 else UNKNOWN

    def interval(line: Line) -> str:
        return _range(line.low, line.high, metric) + (f" ({line.over})" if line.over else "")

    return {
        "seeds": ("seeds", _seeds),
        "before": (_NAMES["before"], lambda line: _shown(_mean(line, "before"), metric)),
        "after": (AXIS[metric], lambda line: _shown(_mean(line, "after"), metric)),
        "range": ("least to most", spread),
        "interval": (_NAMES["interval"], interval),
        **{name: (heading, cost(name, form)) for name, heading, form in _COSTS},
    }


def _seeds(line: Line) -> str:
    """Return how many seeds there are, and which."""
    num = len(line.seeds)
    return f"{num} ({', '.join(map(str, line.seeds))})" if 0 < num <= _MOST_SEEDS else str(num or UNKNOWN)


def _mean(line: Line, name: str) -> float | None:
    found = line.figures.get(name)
    return None if found is None else found.mean


def _differences(found: Found) -> list[str]:
    """Return the section of pairs: those of which something is known, and why of the others nothing is."""
    known = [gap for gap in found.gaps if gap.pair or gap.over_seeds]
    tasks, seeds = any(gap.pair for gap in known), any(gap.over_seeds for gap in known)
    lines = ["## Differences", ""]
    if known:
        headings = ["first", "second"]
        headings += ["tasks", "on tasks", "95 % interval", "better / worse / tied", "p"] if tasks else []
        headings += ["over seeds", "95 % interval"] if seeds else []
        rows = []
        for gap in known:
            middle = [
                *(_on_tasks(gap, found.metric) if tasks else []),
                *(_over_seeds(gap, found.metric) if seeds else []),
            ]
            rows.append([gap.first, gap.second, *middle, gap.verdict])
        lines += [*_laid_out([*headings, "verdict"], rows), "", _TOLD]
        lines += [_OF_RUNS] if tasks and any(line.kind == "run" for line in found.lines) else []
        tests = dict.fromkeys(gap.pair.found.test for gap in known if gap.pair)
        lines += [*([f"Tests on tasks: {'; '.join(tests)}."] if tests else []), ""]
    why = _reasons_of_pairs(found.gaps, seeds=seeds or not known)
    return [*lines, *why, *([""] if why else [])]


def _reasons_of_pairs(gaps: Sequence[Gap], *, seeds: bool) -> list[str]:
    """Return why differences are not known; what holds for several pairs once."""
    told: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        for name, reason in gap.why.items():
            if name == "tasks" or seeds:
                told.setdefault((name, reason), []).append(f"{gap.first} and {gap.second}")
    return [f"- {_and_more(pairs)}, {_OVER[name]}: {reason}" for (name, reason), pairs in told.items()]


def _and_more(pairs: Sequence[str]) -> str:
    more = len(pairs) - 1
    return pairs[0] if not more else f"{pairs[0]}, and {more} other pair{'s' if more > 1 else ''}"


def _on_tasks(gap: Gap, metric: Metric) -> list[str]:
    if gap.pair is None:
        return [UNKNOWN] * 5
    found = gap.pair.found
    left_out = f" ({found.left_out} left out)" if found.left_out else ""
    return [
        (f"{found.tasks[0]}" if found.paired else f"{found.tasks[0]} and {found.tasks[1]}") + left_out,
        _shown(found.difference, metric),
        _range(found.low, found.high, metric),
        f"{found.better} / {found.worse} / {found.ties}" if found.paired else UNKNOWN,
        f"{gap.pair.corrected:.3g}",
    ]


def _over_seeds(gap: Gap, metric: Metric) -> list[str]:
    seeds = gap.over_seeds
    if seeds is None:
        return [UNKNOWN, UNKNOWN]
    return [_shown(seeds.difference, metric), _range(seeds.low, seeds.high, metric)]


def _reasons(found: Found, headings: Sequence[str], *, shown: bool) -> list[str]:
    """Return why figures are not known, of the table's columns or of others; what all groups share once."""
    told: dict[tuple[str, str], list[str]] = {}
    for line in found.lines:
        for name, reason in line.why.items():
            heading = _NAMES.get(name, AXIS[found.metric])
            if (heading in headings) is shown:
                told.setdefault((heading, reason), []).append(line.label)
    return [
        f"{name}{'' if len(labels) == len(found.lines) else ' of ' + ', '.join(labels)}: {reason}"
        for (name, reason), labels in told.items()
    ]


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}..."


def _shown(value: float | None, metric: Metric) -> str:
    if value is None:
        return UNKNOWN
    return f"{100 * value:.1f}" if metric == "success" else f"{value:.4g}"


def _range(low: float | None, high: float | None, metric: Metric) -> str:
    if low is None or high is None:
        return UNKNOWN
    return f"{_shown(low, metric)} to {_shown(high, metric)}"


def _plain(value: float | None, form: str) -> str:
    return UNKNOWN if value is None else format(value, form)


def _laid_out(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table of Markdown whose columns stand below each other in a terminal too."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(headings))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def _latex(found: Found, columns: Sequence[str]) -> str:
    """Return the table of groups for a paper, which needs the package booktabs."""
    headings, rows = _table(found, columns)
    body = [" & ".join(map(_escaped, row)) + r" \\" for row in rows]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
        r"\toprule",
        " & ".join(map(_escaped, headings)) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(["% needs \\usepackage{booktabs}", *lines, ""])


def _escaped(text: str) -> str:
    shown = "".join(_SPECIAL.get(character, character) for character in visible(text).replace("\n", " "))
    return "--" if shown == UNKNOWN else shown


def _csv(found: Found, _: Sequence[str]) -> str:
    shown = [
        {name: visible(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in found.rows()
    ]
    return csv_of(shown).decode()


def _json(found: Found, _: Sequence[str]) -> str:
    return json.dumps(found.document(), indent=2, sort_keys=True, default=str) + "\n"


_WRITERS: dict[str, Callable[[Found, Sequence[str]], str]] = {
    "markdown": _markdown,
    "latex": _latex,
    "csv": _csv,
    "json": _json,
}
