"""A kind of file and a name become two files: what was asked for, and a test of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ...errors import UnknownName, UsageError
from .. import credit
from ..recipe import summaries
from ..rollouts import choosers
from .names import check_name, class_name


def _nothing() -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Scaffold:
    """A kind of file that can be begun.

    Args:
        suffix: the ending of the file.
        taken: returns names that it cannot have.
    """

    suffix: str = ".py"
    taken: Callable[[], frozenset[str]] = _nothing


SCAFFOLDS = {
    "environment": Scaffold(),
    "credit": Scaffold(taken=lambda: frozenset(credit.names())),
    "chooser": Scaffold(taken=lambda: frozenset(choosers.names())),
    "policy": Scaffold(),
    "recipe": Scaffold(".toml", taken=lambda: frozenset(summaries())),
    "benchmark": Scaffold(".toml"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: a file, its test, and the name of the class in it, if it is Python."""

    file: Path
    test: Path
    class_name: str


def write(kind: str, name: str, folder: Path) -> Written:
    """Write a file of a kind and its test into a folder, which is made if there is none.

    Raises:
        UnknownName: for a kind that there is not.
        UsageError: if the name is no good one, or a file of that name is there; nothing is written then.
    """
    if kind not in SCAFFOLDS:
        raise UnknownName("kind of file", kind, SCAFFOLDS)
    scaffold = SCAFFOLDS[kind]
    check_name(name, scaffold.taken())
    written = Written(folder / f"{name}{scaffold.suffix}", folder / f"test_{name}.py", class_name(name))
    templates = files(f"{__package__}.templates")
    texts = {
        written.file: templates.joinpath(f"{kind}{scaffold.suffix}").read_text(encoding="utf-8"),
        written.test: templates.joinpath(f"test_{kind}.py").read_text(encoding="utf-8"),
    }
    for place in texts:
        if place.exists() or place.is_symlink():
            raise UsageError(
                f"{place} is there already, and nothing is overwritten; take another name or --out"
            )
    _write_new({place: named(text, name) for place, text in texts.items()}, folder)
    return written


def named(text: str, name: str) -> str:
    """Return the text of a template under a name: `example` and `Example` where they are words."""
    return re.sub(r"(?<![A-Za-z])example(?![a-z])", name, text).replace("Example", class_name(name))


def _write_new(texts: dict[Path, str], folder: Path) -> None:
    """Write files that are not there, all or none.

    Raises:
        UsageError: if the folder cannot be made or written, or a file has come meanwhile.
    """
    done: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, text in texts.items():
            with place.open("x", encoding="utf-8") as file:
                done.append(place)
                file.write(text)
    except OSError as error:
        for place in done:
            place.unlink(missing_ok=True)
        raise UsageError(f"{error.filename or folder}: {error.strerror}; nothing was written") from error
