"""Templates that escape by themselves, and texts of anybody's made harmless and short.

Whatever an environment or a model wrote goes through `shown`: what cannot be seen is
spelled out, and a text of 50 MB is cut with its size said. Jinja2 escapes the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ...shown import UNKNOWN, percent, visible

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = Path(__file__).parent / "assets"
MOST_CHARS = 20_000
_UNITS = ("bytes", "kB", "MB", "GB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Cut:
    """A text as it is shown: in which nothing is acted upon, and at most so long.

    Attributes:
        text: what is shown.
        left_out: in words, what is not; empty where all of it is.
    """

    text: str
    left_out: str = ""


def shown(text: object, most: int = MOST_CHARS) -> Cut:
    """Return a text with what cannot be seen spelled out, cut after so many characters."""
    whole = str(text)
    if len(whole) <= most:
        return Cut(visible(whole))
    left = f"{size(len(whole))} long; the first {size(most)} are shown"
    return Cut(visible(whole[:most]), left)


def line(text: object, most: int = 160) -> str:
    """Return a text on one line, cut with an ellipsis."""
    flat = " ".join(visible(str(text)[: 4 * most]).split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def size(num: float) -> str:
    """Return a number of characters or bytes, as 1.2 MB."""
    for unit in _UNITS[:-1]:
        if num < 1000:
            return f"{num:.0f} {unit}" if unit == "bytes" or num >= 100 else f"{num:.1f} {unit}"
        num /= 1000
    return f"{num:.1f} {_UNITS[-1]}"


def number(value: object, digits: int = 3) -> str:
    """Return a figure in few digits; a dash where it is unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNKNOWN if value is None else line(value, 24)
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e6):
        return f"{value:.0f}"
    return f"{value:.{digits}g}"


def ago(seconds: float) -> str:
    """Return how long ago something was, in words."""
    if seconds < _MINUTE:
        return "just now" if seconds < 5 else f"{seconds:.0f} s ago"
    for unit, name in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if seconds >= 1.5 * unit:
            return f"{seconds / unit:.0f} {name} ago"
    return "a minute ago"


def coded(text: str) -> Markup:
    """Return a text whose parts between backticks are code, escaped like the rest of it."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one of them has no other
        return escape(text)
    return Markup().join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


class Writer:
    """What makes pages of templates.

    Args:
        folders: where templates lie; the shared ones are found after these.
    """

    def __init__(self, *folders: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader([*folders, TEMPLATES]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "shown": shown,
            "line": line,
            "coded": coded,
            "size": size,
            "number": number,
            "percent": percent,
            "ago": ago,
        }

    def page(self, template: str, values: Mapping[str, Any]) -> bytes:
        """Return a page, with signs that UTF-8 cannot hold replaced."""
        return self._environment.get_template(template).render(values).encode("utf-8", "replace")
