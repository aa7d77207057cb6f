"""The life of one command in the keeper's loop: output, limits, its end, and what it leaves behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from .boxes import FILES_AHEAD_BYTES, Box, Boxes
from .commands import SIGKILLED, Output, Place, how_it_ended, read_some
from .entering import Guards
from .tasks import Ended, Task, Told, Until

_KILL_EVERY_S = 0.005
_WATCH_EVERY_S, _WATCH_WRITER_S = 0.05, 0.005
_DEATH_S = 0.05
_DROP_EVERY_S = 0.05
_DROP_AT_ONCE = 16

Answer = Callable[[dict[str, Any], bytes], None]


class Running:
    """One command, from its start to its answer and beyond."""

    def __init__(self, boxes: Boxes, box: Box, guards: Guards, answer: Answer) -> None:
        self._boxes, self._loop, self._box, self._answer = boxes, boxes.loop, box, answer
        self._guards = guards
        self._output = Output(box.plan.limits.output_bytes)
        self._cause = ""
        self._has_ended = False

    def task(self, start: Callable[[Place], tuple[Ended | Told, int]], timeout_s: float) -> Task:
        """Run it and answer.

        Args:
            start: starts it in a place; returns what to wait for, and the pipe with its output.
            timeout_s: its time limit.
        """
        box = self._box
        pod = self._boxes.prepare(box)
        self._files = self._boxes.follow(box)
        box.num_commands += 1
        self._group = box.group.for_command(box.num_commands)
        began = time.monotonic()
        try:
            end, self._pipe = start(Place(pod.fd, self._group, self._guards))
        except BaseException:
            self._group.remove()
            raise
        self._loop.read(self._pipe, self._more)
        limit = self._loop.at(began + timeout_s, lambda: self.stop("timeout"))
        self._watching = self._loop.at(began + _WATCH_EVERY_S, self._watch)
        status = yield end
        self._has_ended = True
        limit.call = self._watching.call = None
        seconds = time.monotonic() - began
        if self._cause:
            yield from self._wait_for_the_rest()
        elif status == signal.SIGKILL:  # of the whole box, perhaps, whose first process ends last
            yield Until(time.monotonic() + _DEATH_S)
        self._drain()
        if self._box.is_gone and not self._cause:
            self._answer({"failed": "gone", "text": f"box {self._box.id} ended while a command ran"}, b"")
        else:
            self._answer(self._result(status, seconds), b"".join(self._output.parts()[:2]))
        yield from self._leave()

    def _result(self, status: int, seconds: float) -> dict[str, Any]:
        head, _, left_out = self._output.parts()
        code, cause = how_it_ended(status)
        if code in (None, SIGKILLED) and self._box.was_short_of_memory():
            cause = "memory"
        if self._cause:
            code, cause = None, self._cause
        return {"code": code, "cause": cause, "seconds": seconds, "head": len(head), "left_out": left_out}

    def stop(self, cause: str) -> None:
        """Kill the whole tree of the command, if it still runs, for a cause."""
        if not self._has_ended and not self._cause:
            self._cause = cause
            self._loop.start(self._kill())

    def _kill(self) -> Task:
        if not self._group.can_kill:
            pod, self._box.pod = self._box.pod, None
            if pod is not None:
                pod.kill()
            return
        while not self._group.kill():
            yield Until(time.monotonic() + _KILL_EVERY_S)

    def _wait_for_the_rest(self) -> Task:
        while self._group.process_ids():
            yield Until(time.monotonic() + _KILL_EVERY_S)

    def _watch(self) -> None:
        """Stop the command when processes of its box hold more memory than they may, files left aside."""
        if self._has_ended or self._cause:
            return
        box, before = self._box, self._files
        self._files = files = self._boxes.follow(box)
        own, shared = box.group.memory()
        if own + max(0, shared - files) > box.plan.limits.memory_bytes:
            self.stop("memory")
        else:
            wait = _WATCH_WRITER_S if files - before > FILES_AHEAD_BYTES // 8 else _WATCH_EVERY_S
            self._watching = self._loop.at(time.monotonic() + wait, self._watch)

    def _more(self) -> None:
        part = read_some(self._pipe)
        if part:
            self._output.add(part)
        elif part is not None:
            self._close()

    def _drain(self) -> None:
        """Take what the pipe holds; no more than fits into one, whoever still writes."""
        for _ in range(4 * _DROP_AT_ONCE):
            if self._pipe < 0 or (part := read_some(self._pipe)) is None:
                return
            if not part:
                self._close()
            self._output.add(part)

    def _close(self) -> None:
        self._loop.forget(self._pipe)
        os.close(self._pipe)
        self._pipe = -1

    def _leave(self) -> Task:
        """Read and drop what background processes write, at a bounded pace, until they have ended."""
        if self._pipe >= 0:
            self._loop.forget(self._pipe)
        while self._pipe >= 0:
            yield Until(time.monotonic() + _DROP_EVERY_S)
            for _ in range(_DROP_AT_ONCE):
                part = read_some(self._pipe)
                if part == b"":
                    os.close(self._pipe)
                    self._pipe = -1
                if not part:
                    break
        while not self._box.group.take_back(self._group):
            yield Until(time.monotonic() + 1.0)
            if self._box.is_gone:
                return
