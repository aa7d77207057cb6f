"""Several workers behind one address: started, replaced when they die, and stopped together.

The parent holds what must outlive a worker: the sockets on which it listens, so
that connections wait while it is replaced, and the memory in which sessions are
counted. It answers no request itself and stays free of threads, so that workers
can be forked from it at any time.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from ...errors import ServerError, TurnwiseError, UsageError
from ...scratch import Scratch
from ..isolation.lifeline import die_with
from ..sessions.counts import SharedLedger
from ..sessions.journal.files import journal_of
from ..workers.cluster import Cluster
from .build import build_application, build_service, load_keys
from .config import ServerConfig
from .listening import announce, listen
from .logs import configure_logs
from .process import run_server

log = logging.getLogger("turnwise.servers")

_MAX_FAILED_STARTS = 5
_SHORT_LIFE_S = 10.0
_LONGEST_PAUSE_S = 5.0
_GRACE_S = 15.0  # beyond the drain, until a worker that does not stop is killed
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@dataclass
class _WorkerProcess:
    """What the parent knows of a worker."""

    number: int
    pid: int = 0  # 0: it is to be started
    ready_end: int = -1
    ready: bool = False
    report: bytes = b""
    started: float = 0.0
    start_at: float = 0.0
    num_short_lives: int = 0
    num_failed_starts: int = 0  # one after the other, none of which came to serve

    def over(self, now: float) -> None:
        """Note that its process has ended, and when it is to be started again."""
        self.num_failed_starts = 0 if self.ready else self.num_failed_starts + 1
        self.num_short_lives = self.num_short_lives + 1 if now - self.started < _SHORT_LIFE_S else 0
        self.start_at = now
        if self.num_short_lives > 1:
            self.start_at += min(_LONGEST_PAUSE_S, 0.1 * 2**self.num_short_lives)


def supervise(config: ServerConfig) -> int:
    """Serve with several workers until SIGTERM or SIGINT; see `serve`."""
    with ExitStack() as stack:
        return _Supervisor(config, stack).run()


class _Supervisor:
    def __init__(self, config: ServerConfig, stack: ExitStack) -> None:
        num = config.workers
        self._config, self._keys = config, load_keys(config, follow=False)  # the ledger counts by their names
        self._journals = [config.journal and journal_of(config.journal, k, num) for k in range(num)]
        self._sockets = listen(config.host, config.port, num)
        self._scratch = Scratch("turnwise-workers-")
        stack.callback(self._scratch.close)
        self._paths = [self._scratch.folder / str(number) for number in range(num)]
        self._inner_sockets = [_listen_unix(path) for path in self._paths]
        owners = self._keys.names if self._keys is not None else [""]
        self._ledger = SharedLedger(owners, num, self._scratch.folder / "lock")
        self._workers = [_WorkerProcess(number) for number in range(num)]
        self._selector = stack.enter_context(selectors.DefaultSelector())
        self._lifeline, self._lifeline_end = os.pipe()  # its end tells workers that the parent is gone
        self._stopped_by: int | None = None
        self._kill_at = float("inf")
        self._failure: TurnwiseError | None = None
        self._announced = False
        self._pid = os.getpid()

    def run(self) -> int:
        """Keep the workers running until asked to stop; return the exit code.

        Raises:
            TurnwiseError: what kept a worker from starting.
        """
        configure_logs(as_json=self._config.log_json)
        self._watch_signals()
        if self._config.until_eof:
            self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, self._read_stdin)
        while self._stopped_by is None or any(worker.pid for worker in self._workers):
            self._start_due()
            for key, _ in self._selector.select(self._pause_s()):
                key.data()
            if time.monotonic() > self._kill_at:
                self._signal_all(signal.SIGKILL)
        if self._failure is not None:
            raise self._failure
        return 130 if self._stopped_by == signal.SIGINT else 0

    def _watch_signals(self) -> None:
        self._wake, wake_end = socket.socketpair()
        self._wake.setblocking(False)
        wake_end.setblocking(False)
        self._wake_end = wake_end
        signal.set_wakeup_fd(wake_end.fileno())
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)  # the byte on the wake-up descriptor is all
        self._selector.register(self._wake, selectors.EVENT_READ, self._read_signals)

    def _read_signals(self) -> None:
        for number in self._wake.recv(4096):
            if number == signal.SIGCHLD:
                self._reap()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop(number)

    def _read_stdin(self) -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            self._selector.unregister(sys.stdin.fileno())
            log.info("standard input has closed: whoever started this server is gone")
            self._stop(signal.SIGTERM)

    def _stop(self, number: int) -> None:
        if self._stopped_by is None:
            self._stopped_by = number
            self._kill_at = time.monotonic() + self._config.drain_s + _GRACE_S
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)

    def _pause_s(self) -> float | None:
        if self._stopped_by is not None:
            return max(0.0, self._kill_at - time.monotonic()) + 0.01
        due = [worker.start_at for worker in self._workers if not worker.pid]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _start_due(self) -> None:
        if self._stopped_by is None:
            for worker in self._workers:
                if not worker.pid and worker.start_at <= time.monotonic():
                    self._start(worker)

    def _start(self, worker: _WorkerProcess) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        ready_end, report_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._be_worker(worker.number, report_end)
        os.close(report_end)
        worker.pid, worker.ready_end, worker.ready, worker.report = pid, ready_end, False, b""
        worker.started = time.monotonic()
        self._selector.register(ready_end, selectors.EVENT_READ, lambda: self._read_ready(worker))

    def _read_ready(self, worker: _WorkerProcess) -> None:
        """Hear from a worker that is starting: it is ready, or why it is not."""
        if worker.ready_end < 0:  # it has ended meanwhile, and its whole report was read
            return
        report = os.read(worker.ready_end, 1 << 16)
        worker.report += report
        if report != b"" and worker.report != b"ready":
            return
        self._selector.unregister(worker.ready_end)
        os.close(worker.ready_end)
        worker.ready_end = -1
        worker.ready = worker.report == b"ready"
        if all(worker.ready for worker in self._workers) and not self._announced:
            self._announced = True
            log.info(
                "%d workers: %s", len(self._workers), ", ".join(str(worker.pid) for worker in self._workers)
            )
            announce(self._config, self._sockets[0])

    def _reap(self) -> None:
        """Take note of every process that has ended; in a container orphans of workers, too."""
        while any(worker.pid for worker in self._workers):
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            for worker in self._workers:
                if worker.pid == pid:
                    self._ended(worker)

    def _ended(self, worker: _WorkerProcess) -> None:
        """Decide what follows from the end of a worker."""
        pid, worker.pid = worker.pid, 0
        while worker.ready_end >= 0:
            self._read_ready(worker)
        self._ledger.strike(worker.number)
        if self._stopped_by is not None:
            return
        if worker.report.startswith(b"usage:"):
            self._fail(UsageError(worker.report.removeprefix(b"usage:").decode()))
            return
        worker.over(time.monotonic())
        if worker.num_failed_starts >= _MAX_FAILED_STARTS:
            text = f"worker {worker.number} ended {worker.num_failed_starts} times while it started"
            self._fail(ServerError(f"{text}; the log says why"))
            return
        log.warning("worker %d (process %d) has ended and is replaced", worker.number, pid)

    def _fail(self, failure: TurnwiseError) -> None:
        self._failure = self._failure or failure
        self._stop(signal.SIGTERM)

    def _be_worker(self, number: int, report_end: int) -> NoReturn:
        """Be a worker, in the process that was just forked, to its end."""
        code = 1
        try:
            code = self._work(number, report_end)
        except UsageError as error:
            os.write(report_end, b"usage:" + str(error).encode())
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            logging.shutdown()
            sys.stderr.flush()
            os._exit(code)

    def _work(self, number: int, report_end: int) -> int:
        signal.set_wakeup_fd(-1)
        for signal_number in _SIGNALS:
            signal.signal(signal_number, signal.SIG_DFL)
        for signal_number in (signal.SIGINT, signal.SIGHUP):  # of a terminal, reach all; the parent decides
            signal.signal(signal_number, signal.SIG_IGN)
        die_with(self._pid)  # so that port and journal are free at once
        self._let_go_of(number)
        self._ledger.belong_to(number)
        config = replace(self._config, journal=self._journals[number], until_eof=False)
        service = build_service(config, f"{config.id_prefix}{number}-", self._ledger)
        cluster = Cluster(service, number, self._paths, self._inner_sockets[number])
        hooks = {"calls": cluster.calls, "connected": cluster.connected, "drain": cluster.drain}
        app = build_application(config, service, self._keys, **hooks)

        def ready() -> None:
            os.write(report_end, b"ready")
            os.close(report_end)

        return run_server(
            app,
            config,
            self._sockets[number],
            on_start=ready,
            stop_at_end_of=self._lifeline,
            stop_on=(signal.SIGTERM,),
            telemetry=config.telemetry,
        )

    def _let_go_of(self, number: int) -> None:
        """Close what a worker has inherited and does not need."""
        self._selector.close()
        os.close(self._lifeline_end)
        self._wake.close()
        self._wake_end.close()
        for worker in self._workers:
            if worker.ready_end >= 0:
                os.close(worker.ready_end)
        mine = (self._sockets[number], self._inner_sockets[number])
        for inherited in (*self._sockets, *self._inner_sockets):
            if inherited not in mine:
                inherited.close()


def _listen_unix(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen(64)
    listening.setblocking(False)
    return listening
