"""Hosted runs: opened, dealt task by task, ended and signed, all by the server.

A client says who plays and which task it asks for next, and takes steps as of any session. Everything
that decides a score is the server's: seeds and order, turns and time, which reply it has seen last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ..protocol.problems import Refused, draining, request_id_reused
from ..protocol.types import Problem
from ..sessions.service import Service
from . import refusals
from .book import WEEK_S, RunBook
from .clock import SteadyClock
from .dealing import Dealing
from .frozen import Frozen
from .names import check_name
from .records import record_of, signed, stamp
from .runs import FINISHED, Opening, Outcome, Run, ended, reading
from .score import measured
from .signing import Operator, PublicKey
from .watch import Watch
from .withdrawals import take

log = logging.getLogger("turnwise.servers")

_LOOK_S = 1.0


class Hosting:
    """The benchmarks of a server and their runs.

    Args:
        service: where the sessions of runs live, among others.
        benchmarks: what is hosted.
        operator: who signs; None signs nothing, for runs in the caller's own process.
        clock: Unix seconds; that of the machine by default, held to go on.

    Raises:
        UsageError: if a version has changed, or the journal is not the operator's.
    """

    def __init__(
        self,
        service: Service,
        benchmarks: Sequence[Frozen],
        operator: Operator | None,
        *,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.service, self._operator, self._clock = service, operator, clock or SteadyClock()
        self.benchmarks = {one.benchmark.name: one for one in benchmarks}
        self.book = RunBook(service.journal, operator)
        self.book.freeze(benchmarks)
        self._dealing = Dealing(service, self.book, self._watch, self._clock)
        self._kept_heads = -1
        self._restore()

    def start(self, owner: str, name: str, agent: str, config: dict[str, Any], request_id: str | None) -> Run:
        """Open a run, or return the one that this request has opened.

        Raises:
            Refused: if the key has one open, or has used its attempts, or the server stops; or for the name.
        """
        check_name(agent)
        frozen, now = self.benchmarks[name], self._clock()
        runs = self.book.of(owner, name)
        for run in runs:
            self.expire(run)
            if request_id and run.opening.request_id == request_id:
                if (run.opening.agent, run.opening.config) != (agent, config):
                    raise Refused(request_id_reused(request_id))
                return run
        if self.service.draining:
            raise Refused(draining(), retry_after_s=5.0)
        for run in runs:
            if not run.closed:
                raise Refused(refusals.run_open(run.id))
        _check_attempts(frozen, runs, now)
        budget = frozen.benchmark.budget
        version, attempt = frozen.benchmark.version, len(runs) + 1
        run = self.book.open(
            Opening(
                name,
                version,
                frozen.hash,
                owner,
                agent,
                config,
                request_id or "",
                attempt,
                now,
                now + budget.seconds,
            )
        )
        self.book.tell_of_board(run, frozen.benchmark.board, owners=frozen.benchmark.board_owners)
        return run

    def find(self, owner: str, id: str) -> Run:
        """Return a run of a key, closed if its time is over.

        Raises:
            Refused: if there is not one, or it is another key's.
        """
        run = self.book.runs.get(id)
        if run is None or run.opening.owner != owner:
            raise Refused(refusals.unknown_run(id))
        self.expire(run)
        return run

    async def deal(self, run: Run, number: int, spent: dict[str, Any] | None = None) -> bytes | None:
        """Return the last reply of a task's session, dealt now if it is the next; None if the run is over.

        Args:
            run: which.
            number: of the task.
            spent: what its client declares to have spent so far; noted once for each number.

        Raises:
            Refused: if another task is the next one, or it cannot be made for now.
        """
        if number >= len(run.dealt) and not run.closed:
            frozen = self._hosted(run)
            total, num_open = frozen.benchmark.num_tasks, len(run.open_tasks)
            if number > len(run.dealt):
                detail = f"{len(run.dealt)} tasks were dealt, the next is {len(run.dealt)}"
                raise Refused(refusals.wrong_task(number, len(run.dealt), detail))
            if num_open and (number == total or num_open >= frozen.benchmark.budget.parallel):
                detail = f"task {run.open_tasks[0]} has not ended"
                raise Refused(refusals.wrong_task(number, run.open_tasks[0], detail))
            if spent and number > run.spent_before:
                self.book.note(run, "spent", {"before": number, "spent": spent})
            if number == total:
                self.close(run, "done")
            else:
                await self._dealing.deal(frozen, run, number)
        if run.closed:
            return None
        return await self._dealing.last_reply(run.dealt[number])

    def forfeit(self, run: Run, number: int) -> None:
        """End a task as lost; one that has ended stays as it is.

        Raises:
            Refused: if it was not dealt.
        """
        if number >= len(run.dealt):
            detail = f"task {number} was not dealt"
            raise Refused(refusals.wrong_task(number, len(run.dealt), detail))
        if not run.closed and run.dealt[number].outcome is None:
            self._end(run, number, "forfeit")
            self._dealing.drop(run.dealt[number])

    def close(self, run: Run, cause: str) -> None:
        """Close a run: what is open is lost, and the record is signed."""
        if run.closed:
            return
        for number in run.open_tasks:
            self._end(run, number, "abandoned")
        self.book.note(run, "closed", {"cause": cause, "at": self._clock()})
        self._dealing.close(run)
        self._sign(run)

    def expire(self, run: Run) -> None:
        """Close a run whose time is over."""
        if not run.closed and self._clock() >= run.opening.deadline:
            self.close(run, "deadline")

    async def sweep(self) -> None:
        """Close every run whose time is over, withdraw what is to be, keep the head of what is durable."""
        for run in list(self.book.open_runs.values()):
            self.expire(run)
        taken = [] if self._operator is None else take(self.book, self._operator, self._clock())
        records = self.book.log
        if records is not None and len(records) > self._kept_heads:
            size = len(records)
            await self.service.commit()
            await asyncio.to_thread(records.keep_head, size)
            self._kept_heads = size
        for request in taken:
            request.file.unlink(missing_ok=True)

    async def keep_sweeping(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await self.sweep()
            except Refused as refusal:
                log.error("runs were not closed: %s", refusal)
            except Exception:
                log.exception("runs were not closed; tried again in %g s", _LOOK_S)

    def standing(self, run: Run) -> dict[str, Any]:
        """Say how a run stands; outcomes only where the benchmark reveals them."""
        opening, frozen = run.opening, self._frozen(run)
        reveals = run.closed or frozen.benchmark.reveal == "task"
        document: dict[str, Any] = {
            "run": run.id,
            "benchmark": opening.benchmark,
            "version": opening.version,
            "hash": opening.hash,
            "agent": opening.agent,
            "attempt": opening.attempt,
            "started": stamp(opening.at),
            "deadline": stamp(opening.deadline),
            "spent": run.spent,
            "closed": run.closed or None,
            "dealt": len(run.dealt),
            "open": [] if run.closed else run.open_tasks,
            "tasks": frozen.benchmark.num_tasks,
            "ended": [
                _told(number, dealt.outcome, bool(reveals))
                for number, dealt in enumerate(run.dealt)
                if dealt.outcome is not None
            ],
        }
        if run.closed:
            result = measured(frozen.benchmark, frozen.tasks(run.id), run)
            document["result"] = {name: value for name, value in result.items() if name != "tasks"}
        return document

    def record(self, run: Run) -> dict[str, Any]:
        """Return the signed record of a run, with the proof that it is in the log.

        Where nothing is signed, the record alone.

        Raises:
            Refused: if the run is not over.
        """
        if not run.closed:
            raise Refused(refusals.not_over({"open": run.open_tasks, "dealt": len(run.dealt)}))
        proven = None if self.book.log is None else self.book.log.proven(run.id)
        return proven or {"record": self._record_of(run, "", 0)}

    @property
    def public_keys(self) -> list[PublicKey]:
        """Return the public keys of the operator."""
        return [] if self._operator is None else self._operator.keys

    def _watch(self, frozen: Frozen, run: Run, number: int) -> Watch:
        return Watch(
            frozen.benchmark.shown,
            frozen.benchmark.budget.turns,
            partial(self._refusal, run, run.opening.deadline, self._is_hosted(run)),
            partial(self._end, run, number),
        )

    def _refusal(self, run: Run, deadline: float, is_hosted: bool) -> Problem | None:
        """Say why a run takes no more steps; None while it does."""
        if run.closed or self._clock() >= deadline:
            return refusals.run_over(run.closed or "deadline")
        return None if is_hosted else refusals.not_hosted_now(run.opening.benchmark, run.opening.version)

    def _end(self, run: Run, number: int, end: str) -> None:
        """Note how a task has ended; nothing of it runs any more."""
        dealt, now = run.dealt[number], self._clock()
        session = self.service.sessions.get(dealt.session)
        if dealt.outcome is not None:
            return
        if now >= run.opening.deadline and end in FINISHED:
            end = "late"  # its last step was under way at the deadline
        watching = None if session is None else session.record.hosted
        if isinstance(watching, Watch):
            num_turns = 0 if session is None else len(session.record.log)
            outcome = watching.outcome(end, num_turns, max(0.0, now - dealt.at))
        else:
            outcome = Outcome(end, None, None, 0.0, 0, max(0.0, now - dealt.at))
        self.book.note(run, "ended", ended(number, outcome))
        if session is not None and session.running is None:
            session.drop_host()

    def _record_of(self, run: Run, log_id: str, place: int) -> dict[str, Any]:
        from ... import __version__

        return record_of(self._frozen(run), run, __version__, log_id, place)

    def _sign(self, run: Run) -> None:
        if self._operator is not None and self.book.log is not None:
            record = self._record_of(run, self.book.log.id, len(self.book.log))
            self.book.add_record(run, signed(self._operator, record))

    def _is_hosted(self, run: Run) -> bool:
        """Tell whether the benchmark of a run is hosted now as it was when the run began."""
        frozen = self.benchmarks.get(run.opening.benchmark)
        return frozen is not None and frozen.hash == run.opening.hash

    def _frozen(self, run: Run) -> Frozen:
        """Return the benchmark of a run as it was when the run began, hosted or not."""
        if self._is_hosted(run):
            return self.benchmarks[run.opening.benchmark]
        return self.book.frozen_of(run)

    def _hosted(self, run: Run) -> Frozen:
        if not self._is_hosted(run):
            raise Refused(refusals.not_hosted_now(run.opening.benchmark, run.opening.version))
        return self.benchmarks[run.opening.benchmark]

    def _restore(self) -> None:
        """Take over the runs of a journal: their sessions are hidden again, what is over is closed."""
        for run in self.book.runs.values():
            with reading(run.id, "opened"):
                for number, dealt in enumerate(run.dealt):
                    is_there = self._dealing.restore(self._frozen(run), run, number)
                    if not is_there and dealt.outcome is None and not run.closed:
                        self._end(run, number, "lost")
                self.expire(run)


def _check_attempts(frozen: Frozen, runs: Sequence[Run], now: float) -> None:
    """Refuse a run beyond what a key may start.

    Raises:
        Refused: saying when the next one may be.
    """
    budget = frozen.benchmark.budget
    mine = [run for run in runs if run.opening.version == frozen.benchmark.version]
    if budget.attempts and len(mine) >= budget.attempts:
        raise Refused(refusals.attempts_used(budget.attempts, None))
    recent = sorted(run.opening.at for run in runs if run.opening.at > now - WEEK_S)
    if len(recent) >= budget.attempts_per_week:
        when = recent[-budget.attempts_per_week] + WEEK_S
        raise Refused(refusals.attempts_used(budget.attempts_per_week, stamp(when)))


def _told(number: int, outcome: Outcome, reveals: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"task": number, "end": outcome.end, "turns": outcome.turns}
    if reveals:
        told |= {"success": outcome.success, "score": outcome.score, "return": outcome.total}
    return told
