"""Curves as SVG, drawn here: small, sharp at any size, and read out by those who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TypeVar

from ...servers.pages.writing import number
from ..runs.series import Points

WIDTH, HEIGHT = 360, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 8, 24
_MOST_POINTS = 240
_TICKS = 4
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_MOST_DIGITS = 4  # behind the point
_LEAST = 1e-300  # below it numbers have no room for steps between them
_SAME = 1e-6  # of a number: what differs by less looks the same
_EXACT = 1e-9  # of a power of ten that was computed
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a chart.

    Args:
        label: what it is.
        points: (update, value), in order.
        band: (update, low, high) around it, where that is known.
        dots: mark each point, where they are few.
    """

    label: str
    points: Points
    band: Sequence[tuple[float, float, float]] = ()
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Drawn:
    """A curve as paths of SVG, with its place in the order of colours."""

    label: str
    style: int
    line: str
    band: str
    dots: list[tuple[str, str]]
    last: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as its template draws it: all places in the units of its view box."""

    id: str
    title: str
    about: str
    curves: list[Drawn]
    rows: list[tuple[float, str]]  # (y, label) of horizontal lines
    columns: list[tuple[float, str]]  # (x, label) of updates
    said: str  # in words
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def chart(
    id: str, title: str, about: str, curves: Sequence[Curve], limits: tuple[float, float] | None = None
) -> Chart | None:
    """Draw curves; None where none has a point.

    Args:
        id: names it in the page.
        title: what it shows.
        about: what to make of it, in a sentence.
        curves: at most four, told apart by colour and dashes.
        limits: of values; by default those that occur.
    """
    kept = [curve for curve in curves if curve.points][:4]
    if not kept:
        return None
    first, last = _span([x for curve in kept for x, _ in curve.points])
    values = [y for curve in kept for _, y in curve.points]
    values += [edge for curve in kept for _, low, high in curve.band for edge in (low, high)]
    low, high = limits or _span(values)
    steps = _nice(low, high)
    low, high = limits or (min(low, steps[0]), max(high, steps[-1]))
    frame = _Frame(first, last, low, high)
    return Chart(
        id,
        title,
        about,
        [frame.draw(curve, style) for style, curve in enumerate(kept, start=1)],
        [(round(frame.y(step), 1), label) for step, label in zip(steps, labels(steps), strict=True)],
        [(round(frame.x(step), 1), number(step)) for step in _nice(first, last, 1) if first <= step <= last],
        "; ".join(_said(curve) for curve in kept),
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    first: float
    last: float
    low: float
    high: float

    def x(self, update: float) -> float:
        share = (update - self.first) / (self.last - self.first)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)

    def place(self, update: float, value: float) -> str:
        return f"{self.x(update):.1f} {self.y(value):.1f}"

    def draw(self, curve: Curve, style: int) -> Drawn:
        points = _thinned(curve.points)
        band = _thinned(list(curve.band))
        edges = [self.place(x, high) for x, _, high in band]
        edges += [self.place(x, low) for x, low, _ in reversed(band)]
        marked = points if curve.dots or len(points) == 1 else []
        return Drawn(
            curve.label,
            style,
            "M" + "L".join(self.place(x, y) for x, y in points),
            "M" + "L".join(edges) + "Z" if len(band) > 1 else "",
            [(f"{self.x(x):.1f}", f"{self.y(y):.1f}") for x, y in marked],
            number(curve.points[-1][1]),
        )


def _thinned(points: Sequence[T]) -> list[T]:
    """Return so many of the points as a chart can show, the last among them."""
    step = ceil(len(points) / _MOST_POINTS)
    return [*points[: -1 : max(1, step)], *points[-1:]]


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low > max(_SAME * max(abs(low), abs(high)), _LEAST):
        return low, high
    room = abs(low) / 2 if abs(low) > _LEAST else 0.5
    return (0.0, 1.0) if low in (0.0, 1.0) else (low - room, high + room)


def _nice(low: float, high: float, least: float = 0.0) -> list[float]:
    """Return round numbers that cover a range, at least so far apart."""
    raw = max((high - low) / _TICKS, least)
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    begin, end = floor(low / step), ceil(round(high / step, 6))
    digits = 2 - floor(log10(step))
    return [round(place * step, digits) for place in range(begin, end + 1)]


def labels(steps: Sequence[float]) -> list[str]:
    """Return round numbers in so many digits that no two of them look alike."""
    most, apart = max(map(abs, steps)), steps[1] - steps[0]
    unit, name = next(((unit, name) for unit, name in _UNITS if most >= unit), (1.0, ""))
    digits = max(0, -floor(log10(apart / unit) + _EXACT))
    if digits > _MOST_DIGITS:
        digits = floor(log10(most) + _EXACT) - floor(log10(apart) + _EXACT)
        return [f"{step:.{digits}e}" if step else "0" for step in steps]
    return [f"{step / unit:.{digits}f}{name}" if step else "0" for step in steps]


def _said(curve: Curve) -> str:
    values = [value for _, value in curve.points]
    begins, ends = number(values[0]), number(values[-1])
    between = f"between {number(min(values))} and {number(max(values))}"
    updates = f"updates {number(curve.points[0][0])} to {number(curve.points[-1][0])}"
    return f"{curve.label}: from {begins} to {ends}, {between}, {updates}"
