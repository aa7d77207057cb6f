"""Bearer keys: who calls, and what they may see.

A key file has one key a line, `NAME SECRET [evaluation | metrics | router | benchmark=NAME,...]`;
blank lines and lines that begin with # are skipped. A key that plays benchmarks does nothing
else, and one for metrics is nobody's: it reads the server's counters and calls nothing. With one marked
`router` somebody else who knows callers, a router, calls for them.
Sessions belong to the name, so a secret can be changed without losing them. Secrets are kept as
hashes and never logged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from types import MappingProxyType

from ...errors import UsageError

MIN_SECRET_CHARS = 16
_IN_PATH = "/key/"
_MARKS = ("metrics", "router")  # of keys that are nobody's


@dataclass(frozen=True, slots=True)
class Caller:
    """One who calls: the owner of sessions.

    Args:
        name: the name of the key; empty where a server has no keys.
        evaluation: replies to such a key carry no private information.
        benchmarks: which it plays; with any it does nothing else.
    """

    name: str
    evaluation: bool = False
    benchmarks: tuple[str, ...] = ()


ANYONE = Caller("")


class Keys:
    """Keys by which callers are known.

    Args:
        secrets: secret -> caller.
        readers: secret -> name of a key that reads the counters and does nothing else.
        routers: secret -> name of a key by which a router calls for everybody.

    Raises:
        UsageError: if a secret is short, no header carries it, or two share a name.
    """

    def __init__(
        self,
        secrets: Mapping[str, Caller],
        readers: Mapping[str, str] = MappingProxyType({}),
        routers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        callers = {secret: caller.name for secret, caller in secrets.items()}
        named = [*callers.items(), *readers.items(), *routers.items()]
        names = [name for _, name in named]
        if len(set(names)) != len(names):
            raise UsageError("two keys have the same name: sessions would be shared")
        for secret, name in named:
            if len(secret) < MIN_SECRET_CHARS:
                raise UsageError(f"the key of {name!r} is shorter than {MIN_SECRET_CHARS} characters")
            if not all("!" <= character <= "~" for character in secret):
                raise UsageError(
                    f"the key of {name!r} has a character that no header carries; expected printable "
                    "ASCII without blanks"
                )
        self._blind = token_bytes(32)
        self._callers = {self._hash(secret.encode()): caller for secret, caller in secrets.items()}
        self._readers = {self._hash(secret.encode()): name for secret, name in readers.items()}
        self._routers = {self._hash(secret.encode()): name for secret, name in routers.items()}

    def look(self) -> None:
        """See whether they have changed: those that were given once never do."""

    def _take(self, other: Keys) -> None:
        """Know whom another knows, and nobody else."""
        self._blind, self._callers = other._blind, other._callers
        self._readers, self._routers = other._readers, other._routers

    @classmethod
    def load(cls, file: Path) -> Keys:
        """Read a key file.

        Raises:
            UsageError: if the file cannot be read or a line has another form; the
                text names the line, never its secret.
        """
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError as error:
            raise UsageError(
                f"key file {str(file)!r}: there is no such file; expected one with a line NAME SECRET a key"
            ) from error
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"key file {str(file)!r}: {error}") from error
        secrets, marked = dict[str, Caller](), {mark: dict[str, str]() for mark in _MARKS}
        for number, line in enumerate(lines, start=1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            benchmarks = _benchmarks(words[2]) if len(words) == 3 else ()
            mark = words[2] if len(words) == 3 else ""
            if len(words) not in (2, 3) or not (benchmarks or mark in ("", "evaluation", *_MARKS)):
                raise UsageError(
                    f"key file {str(file)!r}, line {number}: expected NAME SECRET [evaluation | "
                    "metrics | router | benchmark=NAME,...]"
                )
            if words[1] in secrets or any(words[1] in known for known in marked.values()):
                raise UsageError(f"key file {str(file)!r}, line {number}: the secret of another name")
            if mark in _MARKS:
                marked[mark][words[1]] = words[0]
            else:
                secrets[words[1]] = Caller(words[0], evaluation=bool(mark), benchmarks=benchmarks)
        if not secrets and not marked["router"]:
            raise UsageError(f"key file {str(file)!r} holds no key by which sessions are made")
        try:
            return cls(secrets, marked["metrics"], marked["router"])
        except UsageError as error:
            raise UsageError(f"key file {str(file)!r}: {error}") from error

    @property
    def names(self) -> list[str]:
        """Return the names of all keys, in order."""
        return [caller.name for caller in self._callers.values()]

    def __str__(self) -> str:
        """Return all names, with what is special of each."""
        callers = [
            f"{one.name} ({', '.join(one.benchmarks) or 'evaluation'})"
            if one.benchmarks or one.evaluation
            else one.name
            for one in self.callers
        ]
        marked = [f"{name} (metrics)" for name in self._readers.values()]
        return ", ".join([*callers, *marked, *(f"{name} (router)" for name in self._routers.values())])

    @property
    def callers(self) -> list[Caller]:
        """Return who may call, in order."""
        return list(self._callers.values())

    def identify(self, header: bytes | None) -> Caller | None:
        """Return who sent an Authorization header, or None.

        Secrets are looked up as hashes under a number that nobody knows, so that the time of a look-up
        tells nothing of a secret, and is the same for a thousand keys as for one.
        """
        hashed = self._hashed(header)
        return None if hashed is None else self._callers.get(hashed)

    def reads_metrics(self, header: bytes | None) -> bool:
        """Tell whether who sent an Authorization header may read the counters, which tell of everybody.

        Those for it may, and those that may do all else; not who evaluates or plays benchmarks.
        """
        hashed = self._hashed(header)
        if hashed is None:
            return False
        caller = self._callers.get(hashed)
        if caller is None:
            return hashed in self._readers
        return not caller.evaluation and not caller.benchmarks

    def routes(self, header: bytes | None) -> bool:
        """Tell whether an Authorization header is of a router."""
        hashed = self._hashed(header)
        return hashed is not None and hashed in self._routers

    def only_reads(self, header: bytes | None) -> bool:
        """Tell whether a key reads the counters and does nothing else."""
        hashed = self._hashed(header)
        return hashed is not None and hashed in self._readers

    def _hashed(self, header: bytes | None) -> bytes | None:
        if header is None or header[:7].lower() != b"bearer ":
            return None
        return self._hash(header[7:].strip())

    def _hash(self, secret: bytes) -> bytes:
        return hashlib.blake2b(secret, key=self._blind, digest_size=32).digest()


def _benchmarks(word: str) -> tuple[str, ...]:
    """Return the benchmarks that the third word of a line names; () where it names none."""
    head, sign, names = word.partition("=")
    given = tuple(dict.fromkeys(names.split(",")))
    return given if head == "benchmark" and sign and all(given) else ()


def taken_out(path: str) -> tuple[str, str]:
    """Split a path that carries a key into the key and the path without it; the key is "" where none is."""
    if not path.startswith(_IN_PATH):
        return "", path
    key, slash, rest = path[len(_IN_PATH) :].partition("/")
    return key, slash + rest
