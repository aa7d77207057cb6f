"""All processes of a run, from the first start to the end. Which cluster holds them it does not know."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ...errors import Stopped, TrainingError, UsageError
from .commands import At, Job, asked_by_learners, command_of
from .keeper import Command, Ended, Look, Spot
from .roles import LEADER, Role

_POLL_S = 1.0
_LOOK_S = 2.0
_GRACE_S = 5.0  # for word of other processes, where the leader has failed
_ASKED_TO_STOP = (129, 130, 143)


class Lost(Exception):
    """The reason why a keeper does not answer: it has died, or its machine has."""


def gone(lost: Lost) -> Ended:
    """Return the end of a process whose keeper is gone: it was killed, whatever it would have said."""
    return Ended(128 + signal.SIGKILL, str(lost))


class Held(Protocol):
    """A keeper, wherever it is: its calls, which raise Lost where it is gone."""

    def settle(self, port: int) -> Spot:
        """Say where its process will run."""

    def start(self, command: Command) -> Ended | None:
        """Start the process; wait until one that serves does."""

    def ended(self) -> Ended | None:
        """Return how the process ended, if it or its keeper has; at once."""

    def look(self, position: int) -> Look:
        """Return what it has written since."""

    def is_taken(self, port: int) -> bool:
        """Tell whether somebody listens at a port there."""

    def stop(self) -> None:
        """Ask the process to end, and wait until it has; nothing where its keeper is gone."""

    def release(self) -> None:
        """End the keeper, and the process with it."""

    def close(self) -> None:
        """End both, and remove what they have left there, if the keeper still can."""


class Cluster(Protocol):
    """Machines on which keepers are placed."""

    def place(self, role: Role) -> tuple[str, Held]:
        """Start a keeper at the place of a process; return the address of its machine, and the keeper."""


class Supervisor:
    """The one who starts the processes of a run, and starts again what dies.

    Args:
        job: the run.
        roles: its processes.
        cluster: holds them.
        say: tells the user what goes on.
        show: shows the user what the run itself says.
    """

    def __init__(
        self,
        job: Job,
        roles: Sequence[Role],
        cluster: Cluster,
        say: Callable[[str], None],
        show: Callable[[str], None],
    ) -> None:
        self._job, self._cluster, self._say, self._show = job, cluster, say, show
        self._roles = {role.name: role for role in roles}
        self._held: dict[str, Held] = {}
        self._at: dict[str, At] = {}
        self._was_up: set[str] = set()  # a port is kept once it was used
        self._again: dict[str, int] = {}  # starts again since the last update
        self._lost: set[str] = set()  # since the learners were started
        self._position, self._update, self._looked = -1, 0, 0.0

    def run(self, how: tuple[str, ...]) -> None:
        """Hold the run until it has ended.

        Args:
            how: it begins: flags of `turnwise train`.

        Raises:
            UsageError: if the run says that it was asked for what cannot be right.
            TrainingError: if it fails, or a process dies again and again.
            Stopped: if somebody has asked it to stop.
        """
        try:
            for role in self._serving():
                self._start(role)
            self._learn(how)
            while not self._watch():
                time.sleep(_POLL_S)
        finally:
            self._end()

    def _serving(self) -> list[Role]:
        return [role for role in self._roles.values() if role.kind != "learner"]

    def _learners(self) -> list[Role]:
        return [role for role in self._roles.values() if role.kind == "learner"]

    def _start(self, role: Role, how: tuple[str, ...] = ()) -> None:
        """Start a process, again if it dies as it starts.

        Raises:
            TrainingError: if it does so too often.
        """
        while True:
            former = self._at.get(role.name) if role.name in self._was_up else None
            try:
                host, held = self._cluster.place(role)
                self._held[role.name] = held
                serves = role.kind != "learner"
                spot = held.settle(former.spot.port if former and serves and former.host == host else 0)
                self._at[role.name] = At(host, spot)
                if role.name == LEADER and self._position < 0:
                    self._position = spot.written
                ended = held.start(command_of(self._job, role, self._at, how))
            except Lost as lost:
                ended = gone(lost)
            if ended is None:
                self._was_up.add(role.name)
                return
            if (former_held := self._held.pop(role.name, None)) is not None:
                former_held.release()  # the next one needs its place
            self._count(role.name, ended)

    def _learn(self, how: tuple[str, ...]) -> None:
        """Start the learners; those above rank 0 once rank 0 waits for them."""
        self._lost.clear()
        leader, *others = self._learners()
        self._start(leader, how)
        while others and self._is_alone():
            time.sleep(_POLL_S)
        for role in others:
            if self._held[LEADER].ended() is None:
                self._start(role, how)

    def _is_alone(self) -> bool:
        """Tell whether rank 0 lives, and does not yet wait for others."""
        self._follow()
        held = self._held[LEADER]
        try:
            return held.ended() is None and not held.is_taken(self._at[LEADER].spot.port)
        except Lost:
            return False

    def _watch(self) -> bool:
        """Look at all processes once; tell whether the run is done."""
        self._follow()
        news = self._news()
        ended = news.pop(LEADER, None)
        if ended is not None:
            self._look(self._held[LEADER])
            if ended.code == 0:
                return True
            if ended.code in _ASKED_TO_STOP:
                raise Stopped(f"{LEADER} at {self._at[LEADER].host} was asked to stop")
            self._blame(ended, news)
            news[LEADER] = ended
        if news:
            self._mend(news)
        return False

    def _news(self) -> dict[str, Ended]:
        """Return what has ended; a rank that has done so well follows rank 0, whose end comes."""
        found = {name: held.ended() for name, held in self._held.items()}
        return {
            name: ended
            for name, ended in found.items()
            if ended is not None and (ended.code or name == LEADER or self._roles[name].kind != "learner")
        }

    def _blame(self, ended: Ended, news: dict[str, Ended]) -> None:
        """Where the run itself says that it cannot go on, look for a process that is the cause.

        Raises:
            UsageError, TrainingError: if there is none.
        """
        if ended.code not in (1, 2):
            return
        until = time.monotonic() + _GRACE_S
        while not (self._lost or news) and ended.code == 1 and time.monotonic() < until:
            time.sleep(_POLL_S)
            news.update({name: each for name, each in self._news().items() if name != LEADER})
        if not (self._lost or news) or ended.code == 2:
            kind = UsageError if ended.code == 2 else TrainingError
            raise kind(f"{LEADER} at {self._at[LEADER].host} {ended.how}; its own words stand above")

    def _mend(self, news: Mapping[str, Ended]) -> None:
        """Start again what has ended, and what cannot go on without it."""
        for name, ended in news.items():
            self._lost.add(name)
            self._count(name, ended)
        anew = any(self._roles[name].kind in ("learner", "engine") for name in news)
        if anew:
            self._stop_learners()
        moved: set[str] = set()
        for role in self._serving():
            if role.name in news or (role.kind == "router" and moved):
                before = self._at[role.name].url
                self._held.pop(role.name).release()
                self._start(role)
                moved |= {role.name} if self._at[role.name].url != before else set()
        if anew or any(name in moved for name in asked_by_learners(self._at)):
            self._stop_learners()
            self._learn(("--resume",))

    def _stop_learners(self) -> None:
        for role in self._learners():
            if (held := self._held.pop(role.name, None)) is not None:
                held.stop()
                self._look(held)
                held.release()

    def _count(self, name: str, ended: Ended) -> None:
        """Note an end, and that the process is started again.

        Raises:
            TrainingError: if it was too often since the last update.
        """
        most, num = self._job.recipe.launch.restarts, self._again.get(name, 0)
        host = self._at[name].host if name in self._at else "its place"
        said = f"{name} at {host} {ended.how}"
        if num >= most:
            tail = f"; the end of its output:\n{ended.tail}" if ended.tail else ""
            raise TrainingError(
                f"{said}; it was started again {num} times since the last update and is not any more "
                f"(launch.restarts){tail}"
            )
        self._again[name] = num + 1
        self._say(f"{said}; it is started again ({num + 1} of {most})")

    def _follow(self) -> None:
        """Show what the run says, once in a while."""
        if LEADER in self._held and time.monotonic() > self._looked + _LOOK_S:
            self._looked = time.monotonic()
            self._look(self._held[LEADER])

    def _look(self, held: Held) -> None:
        """Show what a learner says that has not been shown, and note how far the run is."""
        try:
            while (found := held.look(self._position)).text:
                self._position = found.position
                self._show(found.text)
        except Lost:
            return
        if found.update > self._update:
            self._update = found.update
            self._again.clear()

    def _end(self) -> None:
        """End all that is left, the learners first: they save."""
        for name in sorted(self._held, key=lambda name: self._roles[name].kind != "learner"):
            held = self._held[name]
            held.stop()
            if name == LEADER:
                self._look(held)
            held.close()
