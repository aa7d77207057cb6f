"""The keys of `info` that have a meaning, and what is wrong with those that an environment gives.

docs/environments.md says what each is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from .images import MAX_IMAGES, images_of

_CLOSE = 0.9  # of 1: a key as near as this to a known one was meant to be it


class Key(NamedTuple):
    """What the value of a key has to be."""

    expected: str
    fits: Callable[[Any], bool]


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_text(name) and _is_number(value[name]) for name in value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _are_images(value: Any) -> bool:
    try:
        images_of({"images": value})
    except ValueError:
        return False
    return value is not None


_FLAG = Key("True or False", _is_flag)
_TEXT = Key("a text", _is_text)
_NUMBERS = Key("a dict of numbers", _are_numbers)
_TABLE = Key("a dict", lambda value: isinstance(value, Mapping))
_TEXTS = Key("a list of texts", _are_texts)

KEYS = {
    "won": _FLAG,
    "score": Key("a number", _is_number),
    "metrics": _NUMBERS,
    "patch": _TABLE,
    "admissible": Key("a list of texts or None", lambda value: value is None or _are_texts(value)),
    "suggestions": _TEXTS,
    "state_key": _TEXT,
    "state_hash": _TEXT,
    "replay_key": _TEXT,
    "instruction": _TEXT,
    "task": _TEXT,
    "rewards": _NUMBERS,
    "tools": Key(
        "a list of dicts",
        lambda value: isinstance(value, list) and all(isinstance(tool, Mapping) for tool in value),
    ),
    "malformed": _FLAG,
    "agent": _TEXT,
    "images": Key(f"a list of at most {MAX_IMAGES} PNG files as base64 texts", _are_images),
    "private": _TABLE,
}


def faults(info: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the keys of one `info`, in words; nothing if all is right.

    Keys of an environment's own are free, unless they are a known one with a letter wrong.
    """
    found = []
    for name, value in info.items():
        if name in KEYS:
            if not KEYS[name].fits(value):
                found.append(f"info[{name!r}] is {_short(value)}; expected {KEYS[name].expected}")
        elif meant := _meant(name):
            found.append(f"info[{name!r}] means nothing: did you mean {meant!r}?")
    return found


def no_json(value: Any, where: str = "info") -> str | None:
    """Return what of a value JSON cannot hold, with its place, and what it can; None if it can hold all."""
    if value is None or isinstance(value, str | int | np.bool_ | np.integer):
        return None
    if isinstance(value, float | np.floating) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "biuf"
    ):
        given = value.tolist() if isinstance(value, np.ndarray) else value
        finite = bool(np.isfinite(value).all())
        return None if finite else f"{where} = {_short(given)}; expected finite numbers, or None"
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                return f"{where} has the key {_short(key)}; expected texts as keys"
        inside = [(f"{where}[{key!r}]", item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        inside = [(f"{where}[{place}]", item) for place, item in enumerate(value)]
    else:
        return (
            f"{where} is {_short(value)}; expected texts, finite numbers, True, False, None, lists and dicts"
        )
    return next((found for found in (no_json(item, place) for place, item in inside) if found), None)


def _meant(name: str) -> str | None:
    close = get_close_matches(name, KEYS, 1, _CLOSE)
    return close[0] if close and close[0].rstrip("s") != name.rstrip("s") else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
