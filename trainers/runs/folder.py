"""The folder of a run: the resolved recipe, versions, and whether a run may begin or go on there."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from dataclasses import fields
from pathlib import Path
from typing import Any

from ... import __version__
from ...errors import UsageError
from ...files import write_whole
from ..recipe import Recipe, dump, load

__all__ = ["checkpoints", "open_run", "record"]

_RECIPE, _RECORD = "recipe.toml", "run.json"
# what may change between the parts of a resumed run: when it stops, what it keeps and shows, where it runs
_FREE = {
    "train": {"num_updates", "max_seconds", "target_success", "save_every", "keep"},
    "server": {"url", "spawn"},
    "log": {"trajectories", "sampled", "console"},
}


def checkpoints(run: Path) -> Path:
    """Return where a run keeps its checkpoints."""
    return run / "checkpoints"


def open_run(run: Path, recipe: Recipe, *, resume: bool) -> None:
    """Make the folder of a run, or check that a run may go on in it.

    Raises:
        UsageError: if a new run would overwrite another, or a resumed one has
            another recipe; nothing is written then.
    """
    path = run / _RECIPE
    if not path.exists():
        if run.exists() and any(run.iterdir()):
            raise UsageError(f"{run} holds files that are no run: choose another folder with --out")
    elif not resume:
        raise UsageError(
            f"{run} holds a run already: go on with --resume, or choose another folder with --out"
        )
    else:
        _check_same(run, load(str(path)), recipe)
    write_whole(path, dump(recipe).encode())


def record(run: Path, **more: Any) -> None:
    """Write what a result depends on beside it: seeds are in the recipe, versions and fingerprints here."""
    packages = ("torch", "numpy", "gymnasium", "transformers", "tokenizers", "safetensors")
    document = {
        "turnwise": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        **more,
    }
    write_whole(run / _RECORD, json.dumps(document, indent=2, sort_keys=True).encode() + b"\n")


def _check_same(run: Path, old: Recipe, new: Recipe) -> None:
    differences = []
    for section in fields(Recipe):
        before, after = getattr(old, section.name), getattr(new, section.name)
        for field in fields(before):
            one, two = getattr(before, field.name), getattr(after, field.name)
            if one != two and field.name not in _FREE.get(section.name, ()):
                differences.append(f"{section.name}.{field.name} was {one!r} and is now {two!r}")
    if differences:
        raise UsageError(
            f"{run}: a resumed run keeps its recipe, but {'; '.join(differences[:5])}. "
            "Start a new run with another --out, or give the recipe as it was"
        )
