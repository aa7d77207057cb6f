"""One process that answers requests: a loop, uvicorn, and a clean stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from ...errors import UsageError
from ..http.asgi import App
from ..http.bounded_config import BoundedConfig
from ..http.bounded_socket import BoundedSocket
from ..http.control_plane import Application
from .listening_config import ListeningProcess

log = logging.getLogger("turnwise.servers")

_LOOK_S = 0.1
_END_S = 3.0  # beyond the drain, until a process that does not stop is ended
_END_AT_ONCE_S = 1.0


def run_server(
    app: Application,
    config: ListeningProcess,
    listening: socket.socket,
    *,
    on_start: Callable[[], None],
    stop_at_end_of: int | None,
    stop_on: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGINT),
    telemetry: str | None = None,
) -> int:
    """Serve until asked to stop, then finish what runs.

    Args:
        app: what answers.
        config: how many connections, and how long to finish.
        listening: where connections arrive.
        on_start: called once requests are answered.
        stop_at_end_of: a descriptor whose end means that the server is to stop.
        stop_on: signals that do.
        telemetry: the address of a collector of traces.

    Returns:
        130 after SIGINT, else 0.

    Raises:
        UsageError: if the server could not start.
    """
    with _answering(app, telemetry) as answering:
        server = _Server(app, answering, config, on_start, stop_at_end_of, stop_on)
        _run(server, listening)
    if not server.started:
        raise UsageError("the server could not start; its log says why")
    code = 130 if server.stopped_by == signal.SIGINT else 0
    if app.num_stuck:  # their threads would keep the interpreter from ending
        log.warning("%d steps still run and are left behind", app.num_stuck)
        logging.shutdown()
        os._exit(code)
    return code


@contextmanager
def _answering(app: Application, telemetry: str | None) -> Iterator[App]:
    """Give what uvicorn is to call: the application, inside spans where they are wanted."""
    if telemetry is None:
        yield app
        return
    from ..http.tracing import traced

    with traced(app, telemetry) as inside_spans:
        yield inside_spans


def _run(server: _Server, listening: socket.socket) -> None:
    # what is loaded now stays: looking through it again and again is a tenth of a step's time
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    with asyncio.Runner(loop_factory=_loop_factory) as runner:
        runner.run(server.serve([listening]))


class _Server(uvicorn.Server):
    """Uvicorn's server, with an announced start and a stop that ends in exit code 0."""

    def __init__(
        self,
        app: Application,
        answering: App,
        config: ListeningProcess,
        on_start: Callable[[], None],
        stop_at_end_of: int | None,
        stop_on: Sequence[signal.Signals],
    ) -> None:
        super().__init__(
            BoundedConfig(
                answering,
                config.max_connections,
                app,
                ws=BoundedSocket,
                ws_max_size=app.service.limits.max_body_bytes,
                ws_ping_interval=20.0,
                lifespan="on",
                timeout_graceful_shutdown=int(max(1.0, config.drain_s)),
            )
        )
        self._app, self._on_start, self._stop_at_end_of, self._stop_on = (
            app,
            on_start,
            stop_at_end_of,
            stop_on,
        )
        self._drain_s = config.drain_s
        self._num_told = 0
        self._is_alone = threading.Lock()  # taken for ever once the process that started it is gone
        self.stopped_by: int | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and say where."""
        await super().startup(sockets)
        if not self.started:
            return
        self._on_start()
        if self._stop_at_end_of is not None:
            watch = threading.Thread(target=self._watch, args=(self._stop_at_end_of,), daemon=True)
            watch.start()
            asyncio.get_running_loop().add_reader(self._stop_at_end_of, self._read, self._stop_at_end_of)

    async def on_tick(self, counter: int) -> bool:
        """Look at what changes with time, ten times a second."""
        self._app.look_at_keys()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what websockets wait for, on which uvicorn would hang up, and stop."""
        for server in self.servers:
            server.close()
        waiting = set(self._app.calls.under_way)
        while waiting and not self.force_exit and self._app.drain_left_s > 0:
            _, waiting = await asyncio.wait(waiting, timeout=_LOOK_S)
        self.config.timeout_graceful_shutdown = round(self._app.drain_left_s)
        await super().shutdown(sockets)

    def _read(self, descriptor: int) -> None:
        if not os.read(descriptor, 4096):
            asyncio.get_running_loop().remove_reader(descriptor)
            log.info("the process that started this server is gone")
            self._left_alone()
            self._stop(signal.SIGTERM)

    def _watch(self, descriptor: int) -> None:
        """See the end of a descriptor also while an environment holds the loop."""
        poll = select.poll()
        poll.register(descriptor, 0)  # no data wakes it, only the end
        poll.poll()
        self._left_alone()

    def _left_alone(self) -> None:
        if self._is_alone.acquire(blocking=False):
            self._told_to_stop(signal.SIGTERM)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal; a second one does not wait for what runs."""
        loop = asyncio.get_running_loop()

        def at_once(number: int, _: object) -> None:
            self._told_to_stop(number)

        at_once.raises_nothing = True  # type: ignore[attr-defined]
        for number in self._stop_on:
            loop.add_signal_handler(number, self._stop, number)
            signal.signal(number, at_once)  # runs also while an environment holds the loop
        try:
            yield
        finally:
            for number in self._stop_on:
                loop.remove_signal_handler(number)

    def _told_to_stop(self, number: int) -> None:
        """Start the time in which the process ends, whatever holds its loop or its threads."""
        self._num_told += 1
        self._app.drain_by(time.monotonic() + self._drain_s)
        seconds = self._drain_s + _END_S if self._num_told == 1 else _END_AT_ONCE_S
        end = threading.Timer(seconds, _end, [130 if number == signal.SIGINT else 0])
        end.daemon = True
        end.start()

    def _stop(self, number: int) -> None:
        log.info("stopping: no new sessions, requests in flight are finished")
        self._app.service.draining = True
        self.force_exit = self.stopped_by is not None
        self.stopped_by = number
        self.should_exit = True


def _end(code: int) -> None:
    """End the process; its log may be what hangs."""
    last = threading.Timer(_END_AT_ONCE_S, os._exit, [code])
    last.daemon = True
    last.start()
    log.error("the server does not stop in time, an environment holds it: ended")
    logging.shutdown()
    os._exit(code)


def _loop_factory() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()
