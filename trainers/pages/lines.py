"""Files of JSON lines, read while they grow: what is whole is there, what is not is told.

The rest of a file is read, not all of it, each time somebody looks; a last line without its
end is being written, and waits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

_MOST_REASONS = 20
_MOST_BYTES = 1 << 30
_MOST_FILES = 200


@dataclass(slots=True)
class Lines:
    """What a file holds so far.

    Attributes:
        rows: its lines that are JSON objects.
        wrong: why others are not, with their numbers.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    _read: int = 0  # bytes
    _number: int = 0  # lines
    _file: tuple[int, int] = (0, 0)  # device and inode

    def take(self, path: Path) -> None:
        """Read what was written since the last time; all of it where the file is another one.

        Raises:
            OSError: if it cannot be read.
        """
        found = path.stat()
        if self._file != (found.st_dev, found.st_ino) or found.st_size < self._read:
            self.rows, self.wrong, self._read, self._number = [], [], 0, 0
            self._file = (found.st_dev, found.st_ino)
        if found.st_size == self._read or self._read > _MOST_BYTES:
            return
        with path.open("rb") as file:
            file.seek(self._read)
            content = file.read(_MOST_BYTES)
        whole = content[: content.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._number += 1
            self._parse(path.name, line)

    def _parse(self, name: str, line: bytes) -> None:
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"holds {type(row).__name__}; expected an object")
        except (ValueError, RecursionError) as error:
            if len(self.wrong) < _MOST_REASONS:
                self.wrong.append(f"{name}, line {self._number}: {error}")
            return
        self.rows.append(row)


_known: dict[Path, Lines] = {}
_lock = Lock()


def lines_of(path: Path) -> Lines:
    """Return the lines of a file: none before it is there, and the reason where it cannot be read."""
    with _lock:
        known = _known.pop(path, None) or Lines()
        _known[path] = known
        while len(_known) > _MOST_FILES:
            del _known[next(iter(_known))]
        try:
            known.take(path)
        except FileNotFoundError:
            return Lines()
        except OSError as error:
            return Lines(wrong=[f"{path.name}: cannot be read: {error.strerror}"])
        return Lines(list(known.rows), list(known.wrong))


def document_of(path: Path) -> tuple[dict[str, Any], str]:
    """Return a JSON object and "", or {} and the reason why not; a missing file has no reason."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}, ""
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"{path.name}: {error}"
    if not isinstance(found, dict):
        return {}, f"{path.name}: holds {type(found).__name__}; expected an object"
    return found, ""
