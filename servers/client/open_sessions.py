"""Sessions of a client that may think for long, and may die: kept alive, and closed when it comes back.

A client whose model thinks longer than the server's lease would lose its sessions;
one that is killed leaves them behind, where they count against its quota until
their leases end. Which sessions of a key are this client's nobody but itself can
tell, so it writes it down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

from ...errors import ServerError
from ..protocol.types import CreateItem, ForkItem, Problem, Reply, ResetItem, StepItem
from .http_client import HttpClient

__all__ = ["KeptSessions"]

log = logging.getLogger("turnwise.client")

_FIRST_S, _MOST_S = 1.0, 300.0


class KeptSessions:
    """Be a client that renews the leases of its sessions and notes which are open.

    Args:
        client: speaks to the server.
        file: where open sessions are noted, `+ID` and `-ID` a line; None notes nothing.
    """

    def __init__(self, client: HttpClient, file: Path | None = None) -> None:
        self._client, self._file = client, file
        self._open: set[str] = set()
        self._beating: asyncio.Task[None] | None = None

    async def close_left(self) -> list[str]:
        """Close what the file says was left open, by a client that died; return their ids.

        Raises:
            ServerError: if the server gives no answer; nothing is forgotten then.
        """
        if self._file is None or not self._file.exists():
            return []
        left: dict[str, None] = {}
        for line in self._file.read_text(encoding="utf-8").splitlines():
            if line.startswith("+"):
                left[line[1:]] = None
            else:
                left.pop(line[1:], None)
        if left:
            await self._client.close(list(left))
            log.info("closed %d sessions that an earlier run has left open", len(left))
        self._file.unlink()
        return list(left)

    async def create(self, items: Sequence[CreateItem], *, request_id: str) -> list[Reply | Problem]:
        """Create and reset sessions."""
        return self._opened(await self._client.create(items, request_id=request_id))

    async def fork(self, items: Sequence[ForkItem], *, request_id: str) -> list[Reply | Problem]:
        """Copy sessions in the state they are in."""
        return self._opened(await self._client.fork(items, request_id=request_id))

    async def step(self, items: Sequence[StepItem]) -> list[Reply | Problem]:
        """Step sessions."""
        return await self._client.step(items)

    async def step_each(self, items: Sequence[StepItem]) -> AsyncGenerator[tuple[int, Reply | Problem], None]:
        """Step sessions, each named once, and give (place, answer) as each is done."""
        async with aclosing(self._client.step_each(items)) as answers:
            async for answer in answers:
                yield answer

    async def reset(self, items: Sequence[ResetItem]) -> list[Reply | Problem]:
        """Start the next episode of sessions."""
        return await self._client.reset(items)

    async def close(self, ids: Sequence[str]) -> None:
        """Close sessions."""
        await self._client.close(ids)
        self._open.difference_update(ids)
        self._note("-", ids)

    async def describe(self, id: str) -> dict[str, Any]:
        """Return where a session stands, its last reply under `last`."""
        return await self._client.describe(id)

    async def envs(self) -> list[dict[str, Any]]:
        """List the environments on offer."""
        return await self._client.envs()

    async def aclose(self) -> None:
        """Release connections; sessions that are open stay noted."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait({self._beating})
        await self._client.aclose()

    def _opened(self, rows: list[Reply | Problem]) -> list[Reply | Problem]:
        ids = [row.id for row in rows if isinstance(row, Reply)]
        self._open.update(ids)
        self._note("+", ids)
        if self._beating is None and ids:
            self._beating = asyncio.create_task(self._beat())
        return rows

    def _note(self, sign: str, ids: Sequence[str]) -> None:
        if self._file is not None and ids:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(f"{sign}{id}\n" for id in ids)

    async def _beat(self) -> None:
        """Renew the leases, three times in the life of one."""
        pause_s = _FIRST_S
        while True:
            try:
                pause_s = min(await self._client.renew(sorted(self._open)) / 3, _MOST_S)
            except ServerError as error:
                log.warning("leases were not renewed: %s", error)
            await asyncio.sleep(pause_s)
