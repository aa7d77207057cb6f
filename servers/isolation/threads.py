"""Threads for calls that block, of which those that hang are not counted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
_MAX_THREADS = 1024
_IDLE_S = 30.0
_LOOK_S = 1.0


class _Call(NamedTuple):
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class CallThreads:
    """Threads that make calls for an event loop, started as they are needed.

    A call that runs for long is taken to hang and gets a successor, up to 1024 threads in
    all, so that it holds up no other. The interpreter does not wait for any of them.

    Args:
        num: how many may be at work, those that hang aside.
        stuck_s: after how many seconds a call is taken to hang.
    """

    def __init__(self, num: int = 64, stuck_s: float = 10.0) -> None:
        self._num, self._stuck_s = num, stuck_s
        self._changed = threading.Condition()
        self._waiting: deque[_Call] = deque()
        self._since: dict[int, float] = {}  # thread -> since when its call runs
        self._num_threads = self._num_idle = 0
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Make a call on a thread."""
        loop = asyncio.get_running_loop()
        call = _Call(loop, loop.create_future(), function, arguments)
        with self._changed:
            self._waiting.append(call)
            self._changed.notify()
        self._start(loop)
        answer: T = await call.answer
        return answer

    def close(self) -> None:
        """Let the threads end; calls that wait are not made."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start threads for calls that wait; look again later where there may be none yet."""
        self._timer = None
        with self._changed:
            stuck_before = time.monotonic() - self._stuck_s
            num_stuck = sum(since < stuck_before for since in self._since.values())
            room = min(self._num + num_stuck, _MAX_THREADS) - self._num_threads
            num = max(0, min(len(self._waiting) - self._num_idle, room))
            self._num_threads += num
            wants_more = len(self._waiting) > self._num_idle + num
        for _ in range(num):
            threading.Thread(target=self._work, name="turnwise-host", daemon=True).start()
        if wants_more and not self._is_closed:
            self._timer = loop.call_later(min(_LOOK_S, self._stuck_s), self._start, loop)

    def _work(self) -> None:
        me = threading.get_ident()
        while (call := self._next()) is not None:
            self._since[me] = time.monotonic()
            try:
                answer, error = call.function(*call.arguments), None
            except BaseException as raised:  # noqa: BLE001 - whoever waits gets it
                answer, error = None, raised
            with self._changed:
                del self._since[me]
            _tell(call, answer, error)
            del call, answer, error

    def _next(self) -> _Call | None:
        """Wait for a call; None ends the thread."""
        with self._changed:
            self._num_idle += 1
            self._changed.wait_for(lambda: self._waiting or self._is_closed, timeout=_IDLE_S)
            self._num_idle -= 1
            if self._waiting and not self._is_closed:
                return self._waiting.popleft()
            self._num_threads -= 1
            return None


def _tell(call: _Call, answer: Any, error: BaseException | None) -> None:
    def settle() -> None:
        if call.answer.done():
            return
        if error is None:
            call.answer.set_result(answer)
        else:
            call.answer.set_exception(error)

    if not call.loop.is_closed():
        call.loop.call_soon_threadsafe(settle)
