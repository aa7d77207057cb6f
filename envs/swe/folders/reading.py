"""A table of a task.toml, read field by field; what nobody read is named, never dropped."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ....errors import UsageError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMG])i?B?\s*", re.IGNORECASE)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_NUMBER = 1e9
MIN_BYTES = 1 << 20
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class FolderError(UsageError):
    """A task folder that cannot be used: the file, the field, and what is wrong there."""


@dataclass(slots=True)
class Table:
    """One table with its place: `where` is the file, `name` the path of the table in it."""

    where: str
    name: str
    raw: Mapping[str, Any]
    notes: list[str]
    taken: set[str] = field(default_factory=set)

    def error(self, key: str, what: str) -> FolderError:
        """Return the error about a field."""
        return FolderError(f"{self.where}: field {self.path(key)}: {what}")

    def path(self, key: str) -> str:
        """Return a field's path from the top of the file."""
        return f"{self.name}.{key}" if self.name else key

    def get(self, key: str) -> Any:
        """Return a field as it stands, None if it is not there."""
        self.taken.add(key)
        return self.raw.get(key)

    def text(self, key: str) -> str | None:
        """Return a text; users may be numbers."""
        value = self.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and key == "user":
            return str(value)
        if value is not None and not isinstance(value, str):
            raise self.error(key, f"expected a text, got {value!r}")
        return value

    def number(self, key: str) -> float | None:
        """Return a positive number of at most MAX_NUMBER."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_NUMBER:
            raise self.error(key, f"expected a positive number of at most {MAX_NUMBER:g}, got {value!r:.60}")
        return float(value)

    def choice(self, key: str, words: Sequence[str]) -> str | None:
        """Return one of some words."""
        value = self.text(key)
        if value is not None and value not in words:
            raise self.error(key, f"expected one of {', '.join(words)}, got {value!r}")
        return value

    def megabytes(self, key: str, old: str) -> int | None:
        """Return bytes, from a number of megabytes or from the older form "4G"."""
        number, text = self.number(key), self.text(old)
        parsed = None
        if text is not None:
            match = _SIZE.fullmatch(text)
            if match is None or not 0 < float(match[1]) <= MAX_NUMBER:
                raise self.error(old, f"expected a size such as '4G' or '512M', got {text!r:.60}")
            parsed = int(float(match[1]) * _UNITS[match[2].upper()])
        size = None if number is None else int(number * (1 << 20))
        if size is not None and parsed is not None and size != parsed:
            raise self.error(old, f"{text!r} contradicts {key} = {number:g}")
        size = size if size is not None else parsed
        if size is not None and size < MIN_BYTES:
            raise self.error(key, f"expected at least {MIN_BYTES} bytes, got {size}")
        return size

    def variables(self, key: str) -> dict[str, str]:
        """Return a table of variables of the environment."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in value.values()):
            raise self.error(key, "expected a table of texts")
        for name, text in value.items():
            if not _NAME.fullmatch(name) or "\0" in text:
                raise self.error(f"{key}.{name[:60]}", "expected letters, digits and _ as a name, and no NUL")
        return dict(value)

    def table(self, key: str) -> Table:
        """Return a table inside this one, empty if it is not there."""
        value = self.get(key)
        if value is not None and not isinstance(value, Mapping):
            raise self.error(key, f"expected a table, got {value!r}")
        return Table(self.where, self.path(key), value or {}, self.notes)

    def tables(self, key: str) -> list[Table]:
        """Return a list of tables."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.error(key, "expected a list of tables")
        return [Table(self.where, f"{self.path(key)}[{n}]", item, self.notes) for n, item in enumerate(value)]

    def unsupported(self, *keys: str) -> None:
        """Note fields that are known and have no effect here."""
        for key in keys:
            if self.get(key):
                self.notes.append(f"{self.where}: field {self.path(key)} is not supported and has no effect")

    def end(self) -> None:
        """Note the fields that nobody has read."""
        for key in self.raw:
            if key not in self.taken:
                self.notes.append(f"{self.where}: field {self.path(key)} is not known and has no effect")


def filled(values: Mapping[str, str], variables: Mapping[str, str], where: str) -> dict[str, str]:
    """Return variables with `${NAME}` and `${NAME:-default}` put in; nothing is taken from this process.

    Raises:
        FolderError: if a name without a default is not given.
    """

    def one(match: re.Match[str]) -> str:
        value = variables.get(match[1], match[2])
        if value is None:
            raise FolderError(
                f"{where}: variable {match[1]} is not given; pass variables={{{match[1]!r}: ...}}"
            )
        return value

    return {name: _VARIABLE.sub(one, text) for name, text in values.items()}
