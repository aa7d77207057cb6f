"""One process that keeps environments, as the server sees it: asked one thing at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from .channel import Channel
from .faults import REFUSALS, DeadlineOver, HostLost, RemoteFault
from .launchers import Launched, Launcher

_MAX_ANSWER_BYTES = 64 << 20
_START_S = 120.0  # to start, to import an environment
_CLOSE_S = 30.0
_LOOK_S = 0.1

GoesElsewhere = Callable[[], bool]


class EnvProcess:
    """A process that keeps environments, started with the first request.

    Args:
        launcher: how it is started.
        stuck_s: after how many seconds a call is taken to hang.
    """

    def __init__(self, launcher: Launcher, stuck_s: float) -> None:
        self._launcher, self._stuck_s = launcher, stuck_s
        self._launched: Launched | None = None
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._closed: list[int] = []
        self._gone = False
        self._at_work_for, self._since = 0, 0.0  # the environment whose call runs, and since when
        self.num_hosts = 0

    @property
    def alive(self) -> bool:
        """Tell whether the process runs, or has yet to be started."""
        return not self._gone and (self._launched is None or not self._launched.channel.at_end)

    @property
    def is_stuck(self) -> bool:
        """Tell whether a call runs for so long that it is taken to hang."""
        since = self._since
        return since > 0 and time.monotonic() - since > self._stuck_s

    def build(
        self, env_id: str, kwargs: dict[str, Any], deadline_s: float, goes_elsewhere: GoesElsewhere
    ) -> tuple[int, str]:
        """Build an environment; return its number and its fingerprint. Its import has a time of its own."""
        if env_id not in self._known:
            self.request("describe", 0, [env_id], _START_S, goes_elsewhere)
            self._known.add(env_id)
        number, fingerprint = self.request("build", 0, [env_id, kwargs], deadline_s, goes_elsewhere)
        return number, fingerprint

    def describe(self, env_ids: list[str]) -> dict[str, Any]:
        """Return the version and the descriptions of environments as the process has them."""
        described: dict[str, Any] = self.request("describe", 0, env_ids, _START_S)
        return described

    def request(
        self,
        name: str,
        number: int,
        arguments: list[Any],
        deadline_s: float,
        goes_elsewhere: GoesElsewhere = lambda: False,
    ) -> Any:
        """Make one call; the deadline counts from when the process is free for it.

        Args:
            name: the call.
            number: of the environment; 0 for none.
            arguments: of the call.
            deadline_s: how long it may take; 0 is for ever.
            goes_elsewhere: asked, while another's call hangs, whether to wait no longer.

        Raises:
            HostLost: if the process is gone, or goes meanwhile, or is waited for no longer.
            DeadlineOver: if it took too long; the process is killed.
            RemoteFault: if the environment raised.
            UsageError: if it refused its arguments.
        """
        try:
            with self._turn(number, goes_elsewhere):
                answer = self._tell(name, number, arguments, deadline_s)
        finally:
            self._release()
        if "fault" in answer:
            raise _fault(answer["fault"])
        if name in ("build", "clone"):
            self.num_hosts += 1
        return answer["value"]

    def discard(self, number: int) -> None:
        """Have an environment closed, as soon as the process is free for it; this does not wait."""
        self._closed.append(number)
        self.num_hosts -= 1
        if not self._lock.locked():  # else whoever holds it does it afterwards
            threading.Thread(target=self._release, name="turnwise-close", daemon=True).start()

    def abandon(self, number: int) -> None:
        """Kill the process if a call of an environment that nobody waits for hangs."""
        if self._at_work_for == number and self._since:
            timer = threading.Timer(self._stuck_s, self._kill_if_still, [number, self._since])
            timer.daemon = True
            timer.start()

    def end(self, seconds: float = 0.0) -> None:
        """Let the process close its environments, then kill it and release the line to it.

        Args:
            seconds: how long that may take; where a call runs it is killed at once.
        """
        if not self._since and self._lock.acquire(timeout=seconds):
            try:
                if self._launched and self.alive and seconds > 0:
                    self._tell("end", 0, [seconds], seconds + _LOOK_S)
            except (HostLost, DeadlineOver):
                pass
            finally:
                self._lock.release()
        self._kill()
        if self._lock.acquire(blocking=False):
            self._let_go()

    @contextmanager
    def _turn(self, number: int, goes_elsewhere: GoesElsewhere) -> Iterator[None]:
        """Wait until the process is free."""
        while not self._lock.acquire(timeout=_LOOK_S):
            if self.is_stuck and goes_elsewhere():
                raise HostLost("the call of another environment of its process hangs", in_flight=False)
        try:
            if not self.alive:
                raise HostLost("the process of the environment is gone", in_flight=False)
            self._at_work_for, self._since = number, time.monotonic()
            yield
        finally:
            self._since = 0.0
            self._let_go()

    def _release(self) -> None:
        """Have environments closed that are not needed any more."""
        while self._closed and self._lock.acquire(blocking=False):
            try:
                if not self.alive:
                    return
                self._tell("close", 0, [], _CLOSE_S)
            except (HostLost, DeadlineOver):
                return  # and they with it
            finally:
                self._let_go()

    def _let_go(self) -> None:
        """Let others have the process, or hang up where it was killed meanwhile."""
        self._lock.release()
        if self._gone and self._lock.acquire(blocking=False):
            self._hang_up()
            self._lock.release()

    def _tell(self, name: str, number: int, arguments: list[Any], deadline_s: float) -> dict[str, Any]:
        closed, self._closed = self._closed, []
        message = {"call": name, "host": number, "arguments": arguments, "closed": closed}
        return self._ask(name, orjson.dumps(message), deadline_s)

    def _ask(self, name: str, message: bytes, deadline_s: float) -> dict[str, Any]:
        try:
            answer = orjson.loads(self._line().ask(message, _MAX_ANSWER_BYTES, deadline_s or None))
            if not isinstance(answer, dict) or not {"value", "fault"} & answer.keys():
                raise ValueError(f"an answer that is not one: {str(answer)[:100]!r}")
            return answer
        except TimeoutError as error:
            self._kill()
            self._hang_up()
            raise DeadlineOver(f"{name} took longer than {deadline_s:g} s") from error
        except (EOFError, OSError, ValueError) as error:
            how = self._kill()
            self._hang_up()
            why = f": {error}" if str(error) else ""
            detail = f"the process of the environment died in {name} ({how}){why}"
            raise HostLost(detail, in_flight=True) from error

    def _line(self) -> Channel:
        if self._launched is None:
            self._launched = self._launcher.launch()
            if self._gone:  # it was told to end meanwhile
                raise EOFError
            self._launched.channel.tell(orjson.dumps(self._launcher.setup), _START_S)
        return self._launched.channel

    def _kill_if_still(self, number: int, since: float) -> None:
        if (self._at_work_for, self._since) == (number, since):
            self._kill()

    def _kill(self) -> str:
        """Kill the process; a request in flight finds its line at the end."""
        self._gone = True
        return self._launched.kill() if self._launched is not None else "it never started"

    def _hang_up(self) -> None:
        if self._launched is not None:
            self._launched.channel.close()


def _fault(fault: dict[str, Any]) -> Exception:
    refusal = next((each for each in REFUSALS if each.__name__ == fault.get("refusal")), None)
    if refusal is not None:
        return refusal(fault["message"])
    reason = f"{fault['type']}: {fault['message']}"
    return RemoteFault(reason, fault["traceback"], of_files=fault.get("of_files") is True)
