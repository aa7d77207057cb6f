"""A comparison as one picture: curves with bands over seeds, what was reached, differences."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ...errors import UnknownName, UsageError
from ...files import write_whole
from ..reports.curves import pyplot
from .curves import OVER, Over
from .found import AXIS, Found
from .gaps import Gap

FORMS = (".png", ".svg", ".pdf")
_ROW = 0.32  # inches of a group or of a pair
_MOST_ROWS, _LONGEST = 40, 28
_WIDTH, _HEIGHT, _DPI = 5.2, 4.0, 110
_BAND = 0.18
_SPENT: dict[Over, str] = {
    "updates": "update",
    "tokens": "tokens of training",
    "seconds": "seconds of training",
}


def draw(found: Found, path: Path, over: Over = "updates") -> None:
    """Draw a comparison.

    Args:
        found: what to draw.
        path: ends in .png, .svg or .pdf.
        over: what curves are drawn over.

    Raises:
        UnknownName: if curves are to be drawn over something else.
        UsageError: if it ends otherwise, or matplotlib is not installed.
    """
    if path.suffix not in FORMS:
        raise UsageError(f"{path}: expected a name that ends in {', '.join(FORMS)}")
    if over not in OVER:
        raise UnknownName("over", over, OVER)
    plot = pyplot()
    rows = min(_MOST_ROWS, max(len(found.lines), len(found.gaps)))
    panels = [*found.curves, "reached", *(["differences"] if any(map(_known, found.gaps)) else [])]
    columns = min(2, len(panels))
    size = (_WIDTH * columns, max(_HEIGHT, _ROW * rows + 1) * -(-len(panels) // columns))
    with plot.rc_context({"svg.hashsalt": "turnwise", "svg.fonttype": "none"}):
        figure = plot.figure(figsize=size, constrained_layout=True)
        for place, panel in enumerate(panels, start=1):
            axis = figure.add_subplot(-(-len(panels) // columns), columns, place)
            if panel in found.curves:
                _curves(axis, found, panel, over)
            else:
                (_reached if panel == "reached" else _differences)(axis, found)
            axis.grid(alpha=0.3)
        buffer = io.BytesIO()
        stamp = (
            {"Software": None} if path.suffix == ".png" else {"Date": None} if path.suffix == ".svg" else None
        )
        figure.savefig(buffer, format=path.suffix[1:], dpi=_DPI, metadata=stamp)
        plot.close(figure)
    write_whole(path, buffer.getvalue())


def _known(gap: Gap) -> bool:
    return gap.pair is not None or gap.over_seeds is not None


def _scale(found: Found) -> float:
    return 100.0 if found.metric == "success" else 1.0


def _colour(found: Found, label: str) -> str:
    place = [line.label for line in found.lines].index(label)
    return f"C{place % 10}"


def _curves(axis: Any, found: Found, panel: str, over: Over) -> None:
    scale = _scale(found)
    for label, points in found.curves[panel].items():
        shown, colour = [point for point in points if over in point.spent], _colour(found, label)
        spent, marker = [point.spent[over] for point in shown], "o" if len(shown) == 1 else None
        line = [scale * point.mean for point in shown]
        axis.plot(spent, line, color=colour, marker=marker, label=_short(label))
        edges = [[scale * getattr(point, name) for point in shown] for name in ("least", "most")]
        axis.fill_between(spent, *edges, color=colour, alpha=_BAND, linewidth=0)
    axis.set_title(f"{panel}: mean, least to most seed", fontsize=10, parse_math=False)
    axis.set(xlabel=_SPENT[over], ylabel=AXIS[found.metric])
    axis.xaxis.get_major_locator().set_params(integer=True)
    if found.metric == "success":
        axis.set_ylim(0, 100)
    for text in axis.legend(fontsize=8).get_texts():
        text.set_parse_math(False)


def _reached(axis: Any, found: Found) -> None:
    scale, lines = _scale(found), found.lines[:_MOST_ROWS]
    for row, line in enumerate(lines):
        colour, after = _colour(found, line.label), line.figures.get("after")
        if after is None:
            continue
        if len(after.values) > 1:
            axis.plot([scale * value for value in after.values], [row] * len(after.values), "|", color=colour)
        axis.plot(scale * after.mean, row, "o", color=colour)
        if line.low is not None and line.high is not None:
            axis.plot([scale * line.low, scale * line.high], [row, row], color=colour)
    _rows(axis, [_short(line.label) for line in lines])
    axis.set_title("reached, with its 95 % interval", fontsize=10)
    axis.set(xlabel=AXIS[found.metric])
    if found.metric == "success":
        axis.set_xlim(-2, 102)


def _differences(axis: Any, found: Found) -> None:
    scale, shown = _scale(found), found.gaps[:_MOST_ROWS]
    for row, gap in enumerate(shown):
        tasks, seeds = gap.pair.found if gap.pair else None, gap.over_seeds
        for place, colour, each in ((row - 0.12, "C0", tasks), (row + 0.12, "C1", seeds)):
            if each is None:
                continue
            axis.plot(scale * each.difference, place, "o", color=colour, markersize=4)
            if each.low is not None and each.high is not None:
                axis.plot([scale * each.low, scale * each.high], [place, place], color=colour)
    axis.axvline(0, color="#8a8f98", linewidth=1)
    _rows(axis, [f"{_short(gap.first)}\n- {_short(gap.second)}" for gap in shown])
    axis.set_title("differences: tasks (above), seeds (below)", fontsize=10)
    axis.set(xlabel=AXIS[found.metric])


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"...{label[3 - _LONGEST :]}"


def _rows(axis: Any, labels: list[str]) -> None:
    axis.set_yticks(range(len(labels)))
    for text in axis.set_yticklabels(labels, fontsize=8):
        text.set_parse_math(False)
    axis.set_ylim(len(labels) - 0.5, -0.5)
