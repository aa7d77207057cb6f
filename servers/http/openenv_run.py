"""The tasks of a hosted run driven by OpenEnv's messages.

A reset deals the next task, and forfeits the one in the middle of which it comes. A task that a connection
has left behind comes first, at the turn where it stands, so that a lost connection goes on. Nothing that a
client of plain HTTP is not told is told here: the reward is null, the state names run and task. After the
last task, and after the deadline, a reset is answered with `done` and says so; it opens no other run.
"""

from __future__ import annotations

from typing import Any

import orjson

from ..benchmarks import refusals
from ..benchmarks.hosting import Hosting
from ..benchmarks.runs import Run
from ..protocol.bodies import StartRunBody, read_body
from ..protocol.calls import CALLS
from ..protocol.problems import Refused, bad_request
from ..protocol.types import Problem, StepItem
from ..sessions.pending import settled
from .dispatch import Calls
from .keys import Caller

_UNNAMED = "openenv"
_MEMBERS = ("agent", "config", "request_id")


class RunPlayer:
    """One place at a hosted run: it plays one task at a time.

    Args:
        calls: of the server.
        caller: whose run it is.
        name: of the benchmark.
    """

    def __init__(self, calls: Calls, caller: Caller, name: str) -> None:
        self._calls, self._caller, self._name = calls, caller, name
        self._run: Run | None = None
        self._task: int | None = None
        self._last: dict[str, Any] = {}

    async def reset(self, data: dict[str, Any]) -> dict[str, Any]:
        """Deal the next task, or go on with one that was left behind.

        Raises:
            Refused: if something is asked for that the server decides, or no task can be had now.
        """
        hosting, declared = self._calls.hosting, self._declared(data)
        if hosting is None or self._name not in self._caller.benchmarks:
            raise Refused(refusals.unknown_benchmark(self._name))
        run = self._run = self._run or self._opened(hosting, declared)
        _check_declared(run, data)
        hosting.expire(run)
        if self._task is not None:
            hosting.forfeit(run, self._task)
        self.end()
        async with self._calls.places.order(run):
            reply = await self._dealt(hosting, run)
        if reply is None:
            self.end()
            return _over(run)
        return self._told(reply)

    async def step(self, action: str) -> dict[str, Any]:
        """Take a step of the task.

        Raises:
            Refused: if there was no reset, or it does not follow.
        """
        if not self._last:
            raise Refused(bad_request("there was no reset", action, {"type": "reset"}))
        last, service = self._last, self._calls.service
        item = StepItem(last["id"], last["episode"], last["turn"], action)
        answer = await settled(service.step(self._caller.name, item))
        if isinstance(answer, Problem):
            raise Refused(answer)
        await service.commit()
        return self._told(answer)

    def state(self) -> dict[str, Any]:
        """Say which task of which run it is, and the number of its steps."""
        named = None if self._run is None or self._task is None else f"{self._run.id}:{self._task}"
        return {"episode_id": named, "step_count": self._last.get("turn", 0)}

    def keep(self) -> None:
        """Do nothing: a task has the time of its run."""

    def end(self) -> None:
        """Leave the task to whoever comes: it is lost at the deadline alone."""
        if self._run is not None and self._task is not None:
            self._calls.places.leave(self._run, self._task)
        self._task, self._last = None, {}

    def _declared(self, data: dict[str, Any]) -> StartRunBody:
        said = {name: value for name, value in data.items() if name != "episode_id"}
        unknown = sorted(set(said) - set(_MEMBERS))
        if unknown:
            what = f"{unknown[0][:100]!r} is the server's to choose inside a hosted run; say {_MEMBERS} alone"
            raise Refused(bad_request(what, unknown, _MEMBERS))
        limits = self._calls.service.limits
        body: StartRunBody = read_body(CALLS["start_run"], {"agent": _UNNAMED, **said}, "", limits)
        return body

    def _opened(self, hosting: Hosting, declared: StartRunBody) -> Run:
        """Return the run of this key that is open, or open one."""
        owner = self._caller.name
        if declared.request_id is None:
            for run in hosting.book.of(owner, self._name):
                hosting.expire(run)
                if not run.closed:
                    return run
        return hosting.start(owner, self._name, declared.agent, declared.config, declared.request_id)

    async def _dealt(self, hosting: Hosting, run: Run) -> bytes | None:
        """Take a place at the run and return the last reply of its task; None if the run is over."""
        self._task = self._calls.places.take(run)
        try:
            reply = await hosting.deal(run, self._task)
            await self._calls.service.commit()
        except BaseException as error:
            if not (isinstance(error, Refused) and error.problem.code == "replay_diverged"):
                self.end()  # else it is kept, and the next reset forfeits it
            raise
        return reply

    def _told(self, answer: bytes) -> dict[str, Any]:
        self._last = orjson.loads(answer)
        return {
            "observation": {"text": self._last["observation"], "info": self._last["info"]},
            "reward": None,
            "done": self._last["terminated"] or self._last["truncated"],
        }


def _check_declared(run: Run, data: dict[str, Any]) -> None:
    """Refuse to go on with a run under another name than it was opened with."""
    opening = run.opening
    for name, declared in (("agent", opening.agent), ("config", opening.config)):
        if name in data and data[name] != declared:
            what = (
                f"the run of this key that is open was opened with another {name}; it goes on with that one"
            )
            raise Refused(bad_request(what, data[name], declared))


def _over(run: Run) -> dict[str, Any]:
    info = {"run": run.id, "closed": run.closed}
    return {
        "observation": {"text": f"the run is over: {run.closed}", "info": info},
        "reward": None,
        "done": True,
    }
