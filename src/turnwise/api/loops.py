"""Work that runs an event loop of its own, also where this thread runs one already: in a notebook.

There it gets a thread of its own, and Ctrl-C, or what cancels the caller, reaches it as Ctrl-C does a
command: coroutines are cancelled, other work is interrupted, and what is kept on the way out is kept.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor, wait
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_LOOK_S = 0.1
_HERE = threading.local()  # `run`: what runs a coroutine in a thread of `_Apart`


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return what calls a coroutine function NAME_async and waits, called NAME."""
    name = function.__name__.removesuffix("_async")

    @wraps(function)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> T:
        _check_arguments(name, function, args, kwargs)
        return anywhere(lambda: complete(function(*args, **kwargs)))

    waiting.__name__ = waiting.__qualname__ = name
    return waiting


def unblocked(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return what calls a function NAME in a thread of its own while the loop goes on, called NAME_async.

    Where it is cancelled, it waits until the work has ended too.
    """
    name = f"{function.__name__}_async"

    @wraps(function)
    async def calling(*args: P.args, **kwargs: P.kwargs) -> T:
        _check_arguments(name, function, args, kwargs)
        return await _Apart(lambda: function(*args, **kwargs)).awaited()

    calling.__name__ = calling.__qualname__ = name
    return calling


def _check_arguments(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse arguments that a function does not take, by the name it was called by and not its twin's."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None


def anywhere(work: Callable[[], T]) -> T:
    """Do work that runs coroutines by `complete`: here, or where a loop is running in another thread.

    Raises:
        KeyboardInterrupt: after Ctrl-C, when the work has ended.
    """
    try:
        asyncio.get_running_loop()
        is_running = True
    except RuntimeError:
        is_running = False
    return _Apart(work).result() if is_running else work()


def complete(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, so that what interrupts this thread's work cancels it."""
    run: Callable[[Coroutine[Any, Any, T]], T] = getattr(_HERE, "run", asyncio.run)
    return run(main)


class _Apart(Generic[T]):
    """Work in a thread of its own, which can be interrupted."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._lock = threading.Lock()  # a task is cancelled, or the thread interrupted, never both
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._ident: int | None = None  # of the thread, while the work goes on
        threads = ThreadPoolExecutor(1, "turnwise")
        self._done = threads.submit(self._main, work)
        threads.shutdown(wait=False)

    def result(self) -> T:
        """Wait for the end of it, in a thread whose loop stands still meanwhile."""
        caller = asyncio.current_task()
        asked = caller.cancelling() if caller else 0
        try:
            while wait([self._done], _LOOK_S).not_done:
                # with a handler of asyncio.run Ctrl-C cancels the caller, which does not run now
                if caller and caller.cancelling() > asked:
                    raise asyncio.CancelledError
        except (KeyboardInterrupt, asyncio.CancelledError):
            self._interrupt()
            wait([self._done])
            raise
        return self._done.result()

    async def awaited(self) -> T:
        """Wait for the end of it without holding the caller's loop."""
        ended = asyncio.ensure_future(asyncio.to_thread(wait, [self._done]))
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            self._interrupt()
            await ended
            raise
        return self._done.result()

    def _main(self, work: Callable[[], T]) -> T:
        _HERE.run, self._ident = self._run, threading.get_ident()
        try:
            return work()
        finally:
            with self._lock:
                self._ident = None

    def _run(self, main: Coroutine[Any, Any, Any]) -> Any:
        async def noted() -> Any:
            task = asyncio.current_task()
            assert task is not None
            with self._lock:
                self._task = asyncio.get_running_loop(), task
            try:
                return await main
            finally:
                with self._lock:
                    self._task = None

        try:
            return asyncio.run(noted())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    def _interrupt(self) -> None:
        with self._lock:
            if self._task is not None:
                loop, task = self._task
                loop.call_soon_threadsafe(task.cancel)
            elif self._ident is not None:
                ident, kind = ctypes.c_ulong(self._ident), ctypes.py_object(KeyboardInterrupt)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, kind)
