"""The open sessions of a client that may think for long, and may die.

A client whose model thinks longer than the server's lease would lose its sessions; one
that is killed leaves them behind, where they count against its quota until their leases
end. Which sessions of a key are this client's nobody but itself can tell, so it writes
them down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import ServerError

log = logging.getLogger("turnwise.client")

_FIRST_S, _MOST_S = 1.0, 300.0


class Leases(NamedTuple):
    """The sessions whose leases were renewed, and how many seconds a lease lasts."""

    alive: list[str]
    ttl_s: float


Renew = Callable[[Sequence[str]], Awaitable[Leases]]


class OpenSessions:
    """The ids of the sessions that one client has open.

    Args:
        file: where they are noted, `+ID` and `-ID` a line; None notes nothing.
        renew: renews leases; None lets them run out.
    """

    def __init__(self, file: Path | None, renew: Renew | None) -> None:
        self._file, self._renew = file, renew
        self._open: set[str] = set()
        self._renewing: asyncio.Task[None] | None = None

    @property
    def ids(self) -> list[str]:
        """Return which are open."""
        return sorted(self._open)

    def add(self, ids: Sequence[str]) -> None:
        """Note sessions that were opened."""
        self._open.update(ids)
        self._note("+", ids)
        if self._renew is not None and self._renewing is None and ids:
            self._renewing = asyncio.create_task(self._keep_renewing(self._renew))

    def remove(self, ids: Iterable[str]) -> None:
        """Note sessions that were closed."""
        ids = list(ids)
        self._open.difference_update(ids)
        self._note("-", ids)

    def left(self) -> list[str]:
        """Return what the file says is open."""
        left: dict[str, None] = {}
        if self._file is not None and self._file.exists():
            for line in self._file.read_text(encoding="utf-8").splitlines():
                if line.startswith("+"):
                    left[line[1:]] = None
                else:
                    left.pop(line[1:], None)
        return list(left)

    def forget(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    async def aclose(self) -> None:
        """Renew no longer; sessions that are open stay noted, and without any there is no file."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait({self._renewing})
        if not self.left():
            self.forget()

    def _note(self, sign: str, ids: Sequence[str]) -> None:
        if self._file is not None and ids:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(f"{sign}{id}\n" for id in ids)

    async def _keep_renewing(self, renew: Renew) -> None:
        """Renew the leases, three times in the life of one."""
        pause_s = _FIRST_S
        while True:
            try:
                pause_s = min((await renew(self.ids)).ttl_s / 3, _MOST_S)
            except ServerError as error:
                log.warning("leases were not renewed: %s", error)
            await asyncio.sleep(pause_s)
