"""Results that were seen before: of tests and of grades, by what decides them, one in a hundred checked.

Only what is declared deterministic may be remembered: the tasks of our own set are, which is proved for
each by running it again and again. A result that differs from the one remembered is an error, never a
silent choice.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

from ...sandbox import SandboxError

T = TypeVar("T", bound=Hashable)
Key = tuple[str, ...]


class Memory:
    """Results by key, the latest of them kept; it belongs to one event loop.

    Args:
        entries: how many are kept.
        check_every: one use in so many is made again and compared; 0 checks none.

    Attributes:
        uses: results that were given without being made.
        made: results that were made, checks included.
        checked: how many of them were checks.
    """

    def __init__(self, entries: int = 50_000, check_every: int = 100) -> None:
        self.entries, self.check_every = entries, check_every
        self.uses = self.made = self.checked = 0
        self._results: OrderedDict[Key, Any] = OrderedDict()
        self._under_way: dict[Key, asyncio.Future[Any]] = {}
        self._together = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def get(self, key: Key, make: Callable[[], Awaitable[T]]) -> T:
        """Return what is known under a key, or make it; who asks while it is made waits for the same.

        Raises:
            SandboxError: if a check comes to another result; both are forgotten.
        """
        if key in self._under_way:
            self.uses += 1
            shared: T = await asyncio.shield(self._under_way[key])
            return shared
        if key not in self._results:
            return await self._made(key, make)
        self.uses += 1
        self._results.move_to_end(key)
        known: T = self._results[key]
        if self.check_every and self.uses % self.check_every == 0:
            self.checked += 1
            self._compare(key, known, await self._made(key, make))
        return known

    def _compare(self, key: Key, known: object, found: object) -> None:
        if known != found:
            self._results.pop(key, None)
            raise SandboxError(
                f"{' '.join(key)} came to {_short(found)}, and to {_short(known)} before, on equal files: "
                "it is not deterministic, so its results cannot be remembered"
            )

    async def _made(self, key: Key, make: Callable[[], Awaitable[T]]) -> T:
        future = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            async with self._together:
                self.made += 1
                result = await make()
        except BaseException as error:
            future.set_exception(error if isinstance(error, Exception) else SandboxError("it was cancelled"))
            future.exception()  # nobody may be waiting
            raise
        finally:
            del self._under_way[key]
        future.set_result(result)
        self._results[key] = result
        while len(self._results) > self.entries:
            self._results.popitem(last=False)
        return result


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."
