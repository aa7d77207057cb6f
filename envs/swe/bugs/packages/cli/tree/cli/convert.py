"""Converters: from a word to a value. A ValueError says what was expected."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Callable

_DURATION = re.compile(
    r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?"
)
_SECONDS = (86400, 3600, 60, 1)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmgt]?)b?", re.IGNORECASE)
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


def integer(low: int | None = None, high: int | None = None) -> Callable[[str], int]:
    """Return a converter to whole numbers from low to high, both included."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ValueError(f"{text!r} is not a whole number")
        value = int(text)
        if low is not None and value < low:
            raise ValueError(f"{value} is below {low}")
        if high is not None and value > high:
            raise ValueError(f"{value} is above {high}")
        return value

    return convert


def number(text: str) -> float:
    """Return a finite number."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value


def boolean(text: str) -> bool:
    """Return a truth value: 1, true, yes, on; 0, false, no, off."""
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"{text!r} is neither yes nor no")
    return word in _TRUE


def choice(*words: str) -> Callable[[str], str]:
    """Return a converter that takes these words alone."""

    def convert(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is not one of {', '.join(words)}")
        return text

    return convert


def duration(text: str) -> float:
    """Return seconds: "1d2h3m4s" with any of the parts, each with decimals, or a number of seconds alone."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{text!r} is not a duration such as 1h30m")
    parts = zip(found.groups(), _SECONDS)
    return float(sum(Fraction(amount) * seconds for amount, seconds in parts if amount))


def size(text: str) -> int:
    """Return bytes: "10K", "1.5M", "2gb", "100"; halves are rounded up."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a size such as 10K")
    power = "kmgt".index(found[2].lower()) + 1 if found[2] else 0
    return math.floor(Fraction(found[1]) * 1024**power + Fraction(1, 2))


def pair(text: str) -> tuple[str, str]:
    """Return key and value of "key=value"; the value may be empty and may hold "="."""
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise ValueError(f"{text!r} is not of the form key=value")
    return key, value


def listing(text: str) -> list[str]:
    r"""Return the parts between commas; a backslash takes the next character as it is. "" has no parts."""
    if not text:
        return []
    parts = [""]
    escaped = False
    for char in text:
        if escaped or char not in ",\\":
            parts[-1] += char
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            parts.append("")
    if escaped:
        raise ValueError(f"{text!r} ends with a backslash")
    return parts
