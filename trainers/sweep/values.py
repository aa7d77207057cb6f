"""Values of a sweep as they are typed, and the names of folders that tell them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import UsageError
from ..recipe import parse_override
from ..runs.alike import SEED

_OPEN, _CLOSE, _QUOTES = "[{", "]}", "\"'"
_LONGEST = 40  # characters of a value in a name
_PLAIN = re.compile(r"[^A-Za-z0-9._+-]")
Axes = Mapping[str, Sequence[Any]]
"""Values by the dotted names of their keys."""


def parse_axes(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Read texts like `optim.learning_rate=1e-5,3e-5`; commas in lists, tables and quotes part nothing.

    Raises:
        UsageError: if one has no key or no value, or a key is given twice.
    """
    axes: dict[str, list[Any]] = {}
    for text in texts:
        key, sign, values = text.partition("=")
        parts = split(values)
        if not (key.strip() and sign and all(parts)):
            raise UsageError(f"--set {text!r}: expected section.key=value, or section.key=value,value,...")
        found = [parse_override(f"{key}={part}") for part in parts]
        name = found[0][0]
        if name in axes:
            raise UsageError(f"--set {text!r}: {name} is given twice; give its values once, parted by commas")
        axes[name] = [value for _, value in found]
    return axes


def parse_seeds(text: str) -> list[int]:
    """Read seeds like `1,2,3`.

    Raises:
        UsageError: if one is not a whole number from 0 on.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise UsageError(f"--seeds {text!r}: expected whole numbers from 0 on, as 1,2,3")
    return [int(word) for word in words]


def split(text: str) -> list[str]:
    """Return the parts of a text between commas that stand in no list, table or quotes."""
    parts, depth, quote, begun = [], 0, "", 0
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote = character
        elif character == "," and depth == 0:
            parts.append(text[begun:at].strip())
            begun = at + 1
        else:
            depth += (character in _OPEN) - (character in _CLOSE)
    return [*parts, text[begun:].strip()]


def name_of(chosen: Mapping[str, Any], seed: int) -> str:
    """Return the name of a folder that tells values and seed, as `learning_rate=1e-05,seed=1`.

    Args:
        chosen: the value of each key that has several.
        seed: of the run.
    """
    lasts = [_last(key) for key in chosen]
    seed_key = SEED.rpartition(".")[2]
    words = [
        f"{last if lasts.count(last) == 1 and last != seed_key else key}={_word(value)}"
        for (key, value), last in zip(chosen.items(), lasts, strict=True)
    ]
    return ",".join([*words, f"{seed_key}={seed}"])


def _last(key: str) -> str:
    """Return the last word of a key, of credit.name the one that says what is named."""
    return key.removesuffix(".name").rpartition(".")[2]


def _word(value: Any) -> str:
    """Return a value as it may stand in a name; what had to be changed keeps a hash of what it was."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    plain = _PLAIN.sub("-", text).strip("-")[:_LONGEST]
    return plain if plain == text else f"{plain}-{hashlib.blake2b(text.encode(), digest_size=3).hexdigest()}"
