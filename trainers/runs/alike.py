"""Which runs follow one recipe, and what of a recipe tells them apart.

What decides only when a run ends, what it keeps and where it is computed may change when it goes on.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEED = "train.seed"
LENGTH = ("train.num_updates", "train.max_seconds", "train.target_success")
_APART = ("train.save_every", "train.keep")
_APART_SECTIONS = ("launch", "log", "server")
_ENGINE = "policy.engine"
_OF_RESULTS = f"{_ENGINE}.arguments"  # a server's may round, or cut, what it computes


def may_change(name: str) -> bool:
    """Tell whether a value may change between the parts of a resumed run: when it stops, what it keeps.

    Args:
        name: dotted.
    """
    return name in LENGTH or decides_nothing(name)


def decides_nothing(name: str) -> bool:
    """Tell whether a value decides only what is kept, shown, and where it is computed."""
    if name.startswith(f"{_ENGINE}."):
        return name != _OF_RESULTS
    return name in _APART or name.partition(".")[0] in _APART_SECTIONS


def recipe_tables(run: Path) -> dict[str, Any]:
    """Return the recipe of a run as the tables that it was written in, of whatever version.

    Raises:
        OSError: if there is no such file.
        ValueError: if it is not TOML.
    """
    return tomllib.loads((run / "recipe.toml").read_text(encoding="utf-8"))


def deciding(tables: Mapping[str, Any], *, length: bool) -> dict[str, Any]:
    """Return what of a recipe decides its results but for the seed, by dotted names.

    Args:
        tables: the recipe, section by section.
        length: whether when it ends counts too.
    """
    left_out = {SEED} if length else {SEED, *LENGTH}
    values = {
        f"{section}.{key}": value
        for section, table in tables.items()
        for key, value in (table.items() if isinstance(table, Mapping) else ())
    }
    if isinstance(engine := values.get(_ENGINE), Mapping):
        del values[_ENGINE]
        values |= {f"{_ENGINE}.{key}": value for key, value in engine.items()}
    return {
        name: value for name, value in values.items() if name not in left_out and not decides_nothing(name)
    }


def decided(text: str) -> str:
    """Return a word that tells recipes apart that decide other results, their seed included.

    Args:
        text: a recipe as TOML.
    """
    tables = tomllib.loads(text)
    values = [deciding(tables, length=False), tables["train"]["seed"]]
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=8).hexdigest()


def recipe_word(tables: Mapping[str, Any], *, length: bool = False) -> str:
    """Return a word that runs of one recipe share, whatever their seed; "" where there is no recipe."""
    if not tables:
        return ""
    text = json.dumps(deciding(tables, length=length), sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
