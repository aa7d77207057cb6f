"""The versions that an operator has hosted, kept beside the keys: of these alone a secret is revealed.

FOLDER/hosted.json holds name, version and split of each, and whether its secret was revealed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from ...errors import UnknownName, UsageError
from ...files import write_whole
from .draws import secret_of
from .signing import Operator

_FILE = "hosted.json"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a benchmark that was hosted."""

    name: str
    version: int
    split: str
    revealed: bool = False


Versions = dict[tuple[str, int], Version]


def hosted_versions(folder: Path) -> Versions:
    """Read which versions were hosted; none where the folder tells of none.

    Raises:
        UsageError: if the file cannot be read.
    """
    file = folder / _FILE
    try:
        rows = [Version(**row) for row in orjson.loads(file.read_bytes())["versions"]]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{file}: does not tell which versions were hosted ({error}); put back a copy of it"
        ) from error
    return {(row.name, row.version): row for row in rows}


def note_hosted(folder: Path, benchmarks: Iterable[Mapping[str, Any]]) -> None:
    """Note versions as hosted."""
    known = hosted_versions(folder)
    rows = [Version(one["name"], one["version"], one["split"]) for one in benchmarks]
    noted = {(row.name, row.version): row for row in rows} | known
    if noted != known:
        _write(folder, noted)


def check_secret(folder: Path, name: str, version: int) -> None:
    """Refuse a version whose secret was revealed: anybody can make its tasks.

    Raises:
        UsageError: if it was.
    """
    found = hosted_versions(folder).get((name, version))
    if found is not None and found.revealed:
        raise UsageError(
            f"benchmark {name!r}, version {version}: its secret was revealed, so that anybody can make its "
            f"tasks; give it version = {version + 1}"
        )


def reveal(operator: Operator, name: str, version: int, split: str | None = None) -> bytes:
    """Return the secret of a version, which is never hosted again.

    Args:
        operator: who has hosted it.
        name: the benchmark.
        version: of it.
        split: as a benchmark file of this name and version says; None: only what was hosted counts.

    Raises:
        UsageError: if the folder does not know the version, or it has no secret.
    """
    known = hosted_versions(operator.folder)
    if split is not None:
        known.setdefault((name, version), Version(name, version, split))
    found = known.get((name, version))
    if found is None:
        names = {f"{each} {number}" for each, number in known}
        raise UnknownName(
            "version of a benchmark",
            f"{name} {version}",
            names,
            "; one that was hosted before the folder kept a list is given with --file",
            listed="" if names else f"{operator.folder} has hosted nothing",
        )
    if found.split == "public":
        raise UsageError(f"{name}, version {version}: its split is public and has no secret to reveal")
    if not found.revealed:
        _write(operator.folder, known | {(name, version): replace(found, revealed=True)})
    return secret_of(operator.master, name, version)


def _write(folder: Path, versions: Versions) -> None:
    rows = [asdict(versions[named]) for named in sorted(versions)]
    try:
        write_whole(folder / _FILE, orjson.dumps({"versions": rows}, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"{folder / _FILE}: cannot be written: {error.strerror}; expected a folder that can be"
        ) from error
