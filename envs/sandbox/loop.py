"""The library's own event loop, on a thread: the sandboxes of synchronous callers live on it.

Callers that block use `call`; those on a loop of their own await
`asyncio.wrap_future(submit(...))`. The thread begins with the first call and ends with the
interpreter, after what `at_end` was given. A forked process does not inherit it.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from ...errors import UsageError

log = logging.getLogger("turnwise.envs")

T = TypeVar("T")
Ending = Callable[[], Awaitable[None]]

_FAREWELL_S = 10.0


class _LoopThread:
    """A loop, the thread that runs it, and what is to be done before it ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.endings: list[Ending] = []
        self.thread = threading.Thread(target=self._run, name="turnwise-sandboxes", daemon=True)
        self.thread.start()

    def end(self) -> None:
        """Do what is to be done, at most for ten seconds, let nothing run on, and end the thread."""
        farewell = asyncio.run_coroutine_threadsafe(self._farewell(), self.loop)
        try:
            farewell.result(_FAREWELL_S)
        except (Exception, concurrent.futures.CancelledError) as error:  # noqa: BLE001 - the interpreter ends
            log.warning("sandboxes were left to the next sweep: %r", error)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_FAREWELL_S)

    async def _farewell(self) -> None:
        for ending in reversed(self.endings):
            await ending()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()


_lock = threading.Lock()
_current: _LoopThread | None = None


def submit(work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Start a coroutine on the loop; cancelling the future cancels it."""
    return asyncio.run_coroutine_threadsafe(work, _thread().loop)


def call(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the loop to its end; an interruption of the caller cancels it.

    Raises:
        UsageError: on the loop itself, which would wait for itself: await there.
    """
    if threading.current_thread() is _thread().thread:
        work.close()
        raise UsageError("this would wait for the loop that it runs on: await the asynchronous form")
    future = submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def at_end(ending: Ending) -> None:
    """Await something on the loop before it ends with the interpreter; the last given is the first done."""
    _thread().endings.append(ending)


def _thread() -> _LoopThread:
    global _current
    with _lock:
        if _current is None:
            _current = _LoopThread()
        return _current


def _end() -> None:
    global _current
    with _lock:
        ending, _current = _current, None
    if ending is not None:
        ending.end()


def _forget() -> None:
    """Begin anew in a forked process: the thread stayed behind."""
    global _lock, _current
    _lock, _current = threading.Lock(), None


atexit.register(_end)
os.register_at_fork(after_in_child=_forget)
