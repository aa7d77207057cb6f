"""The folder of a run: the resolved recipe, versions, and whether a run may begin or go on there."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ... import __version__
from ...agents.control import Control, hold
from ...agents.control.folder import HIDDEN
from ...errors import UsageError
from ...files import read_json, write_whole
from ...settings import table
from ..recipe import Recipe, dump, load
from .alike import may_change

_RECIPE, _RECORD, _PARTS, _STORED = "recipe.toml", "run.json", "parts", "offline"
_TURNS = "turns"


def checkpoints(run: Path) -> Path:
    """Return where a run keeps its checkpoints."""
    return run / "checkpoints"


def stored_of(run: Path) -> Path:
    """Return where a run keeps the stored episodes that it learns from."""
    return run / _STORED


def turns_of(run: Path) -> Path:
    """Return where a run keeps the turns that were played since its last checkpoint."""
    return run / _TURNS


def warm_start_of(run: Path) -> Path:
    """Return where a run keeps the policy that it has cloned for itself."""
    return run / "warmstart"


def is_run(folder: Path) -> bool:
    """Tell whether a run was begun in a folder."""
    return (folder / _RECIPE).is_file()


def recipe_of(run: Path) -> Path:
    """Return the file of a run's own recipe.

    Raises:
        UsageError: if no run was begun there.
    """
    if not is_run(run):
        raise UsageError(f"{run}: there is no {_RECIPE}; expected the folder of a run that was begun")
    return run / _RECIPE


def read_record(run: Path) -> dict[str, Any]:
    """Return what `record` has written; nothing where it has not.

    Raises:
        UsageError: if the file is not JSON.
    """
    path = run / _RECORD
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    return found if isinstance(found, dict) else {}


@contextmanager
def open_run(run: Path, recipe: Recipe, *, resume: bool) -> Iterator[Control]:
    """Make the folder of a run, or check that a run may go on in it; give what is asked of it there.

    A new run that fails inside before it has made anything gives its folder free again,
    so that the corrected recipe finds it as it was.

    Raises:
        UsageError: if a new run would overwrite another, or a resumed one has
            another recipe, or another process trains in it; nothing is written then.
    """
    path = run / _RECIPE
    existed, new = run.exists(), not path.exists()
    if new:
        if run.exists() and any(entry.name != HIDDEN for entry in run.iterdir()):
            raise UsageError(f"{run} holds files that are not a run: choose another folder with --out")
    elif not resume:
        raise UsageError(
            f"{run} holds a run already: go on with --resume (resume=True), or choose another folder"
        )
    else:
        check_same(run, recipe)
    with hold(run, "training") as control:
        write_recipe(run, recipe)
        try:
            yield control
        except BaseException:
            _give_free(run, new=new, existed=existed)
            raise


def write_recipe(run: Path, recipe: Recipe) -> None:
    """Write the recipe by which a run goes on."""
    write_whole(run / _RECIPE, dump(recipe).encode())


def _give_free(run: Path, *, new: bool, existed: bool) -> None:
    """Remove what a new run has written that has made nothing."""
    if new and {entry.name for entry in run.iterdir()} <= {_RECIPE, _PARTS, _RECORD, _STORED, _TURNS, HIDDEN}:
        for folder in (_PARTS, _STORED, _TURNS, HIDDEN):
            shutil.rmtree(run / folder, ignore_errors=True)
        (run / _RECORD).unlink(missing_ok=True)
        (run / _RECIPE).unlink()
        if not existed:
            run.rmdir()


def record(run: Path, **more: Any) -> None:
    """Write what a result depends on beside it: seeds are in the recipe, versions and fingerprints here.

    Args:
        run: the folder of the run.
        more: what is known now; what was recorded before stays.
    """
    packages = ("torch", "numpy", "gymnasium", "transformers", "tokenizers", "safetensors")
    path = run / _RECORD
    document = {
        **(read_json(path) if path.is_file() else {}),
        "turnwise": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        **more,
    }
    write_whole(path, json.dumps(document, indent=2, sort_keys=True).encode() + b"\n")


def check_same(run: Path, recipe: Recipe) -> None:
    """Refuse another recipe than that by which a run was begun.

    Raises:
        UsageError: naming what differs.
    """
    before, after = _values(load(str(run / _RECIPE))), _values(recipe)
    former = [name for name in before if name.endswith(".params")]
    if former:
        raise UsageError(
            f"{run} was begun by an earlier version, whose recipes wrote {former[0]} = {{...}}: it opens in "
            "`turnwise report` and `turnwise credit`, but cannot go on; start a new run with another --out"
        )
    differences = [
        f"{name} was {before.get(name)!r} and is now {after.get(name)!r}"
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name) and not may_change(name)
    ]
    if differences:
        raise UsageError(
            f"{run}: a resumed run keeps its recipe, but {'; '.join(differences[:5])}. "
            "Start a new run with another --out, or give the recipe as it was"
        )


def _values(recipe: Recipe) -> dict[str, Any]:
    """Return every value of a recipe by its dotted name."""
    values: dict[str, Any] = {}
    for section in fields(recipe):
        for key, value in table(getattr(recipe, section.name)).items():
            name = f"{section.name}.{key}"
            inner = table(value) if is_dataclass(value) else None
            values |= {name: value} if inner is None else {f"{name}.{at}": each for at, each in inner.items()}
    return values
