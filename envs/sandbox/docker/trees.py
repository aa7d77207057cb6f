"""What changed in a folder since a snapshot: bytes and permissions compared, whatever happened between."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Mapping

from ....errors import UsageError
from . import archives
from .archives import Held
from .engine import Engine


class _Comparison:
    def __init__(self, before: Mapping[str, Held], max_bytes: int) -> None:
        self.before, self.left = before, max_bytes
        self.now: dict[str, Held] = {}
        self.changed: dict[str, bytes | None] = {}

    def take(self, name: str, member: tarfile.TarInfo, data: Iterator[bytes]) -> None:
        """Keep a file's bytes if they differ."""
        total, parts = hashlib.sha256(), []
        for chunk in data:
            total.update(chunk)
            parts.append(chunk)
        held = Held(member.mode & 0o7777, total.hexdigest())
        self.now[name] = held
        if self.before.get(name) != held:
            self._keep(name, b"".join(parts))

    def _keep(self, name: str, data: bytes) -> None:
        self.left -= len(data)
        if self.left < 0:
            raise UsageError(
                f"the files that changed hold more bytes than can be read ({name!r} is one of them): "
                "remove what is not part of the work"
            )
        self.changed[name] = data


async def differences(
    engine: Engine, container: str, folder: str, before: Mapping[str, Held], max_bytes: int
) -> dict[str, bytes | None]:
    """Return path -> the new bytes, None for a file that is gone.

    Raises:
        UsageError: if they hold more than a limit.
    """
    compared = _Comparison(before, max_bytes)
    links = await archives.walk(engine, container, folder, max_bytes, compared.take)
    for name, target in links.items():
        held = compared.now.get(target)
        if held is None or before.get(name) == held:
            compared.now.update({name: held} if held else {})
            continue
        compared.now[name] = held
        compared._keep(name, await _bytes_of(engine, container, folder, target, compared, max_bytes))
    gone = {name: None for name in before if name not in compared.now}
    return compared.changed | gone


async def _bytes_of(
    engine: Engine, container: str, folder: str, name: str, compared: _Comparison, max_bytes: int
) -> bytes:
    """Return a file's bytes, fetched again if they were those of the snapshot and so not kept."""
    if (known := compared.changed.get(name)) is not None:
        return known
    found: list[bytes] = []

    def take(inner: str, member: tarfile.TarInfo, data: Iterator[bytes]) -> None:
        if inner == name:
            found.append(b"".join(data))

    await archives.walk(engine, container, folder, max_bytes, take)
    return found[0] if found else b""
