"""The runs of a server, as its journal holds them: every change is noted there and folded here, as one."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from ...errors import UsageError
from ..board.boards import Boards
from ..sessions.journal.records import Journal
from .draws import public_secret, secret_of
from .file import Look, from_table
from .frozen import Frozen
from .known import check_secret, note_hosted
from .log import RecordLog
from .runs import Opening, Run, fold, opened, reading
from .signing import Operator

_OF_ALL = ""  # whose note it is that is of no run
WEEK_S = 7 * 86_400.0


class RunBook:
    """Runs, records and frozen versions of one journal.

    Args:
        journal: where all of it is noted.
        operator: who signs; None keeps no log, for runs in the caller's own process.

    Raises:
        UsageError: if the journal is not the one that the operator's head tells of.
    """

    def __init__(self, journal: Journal, operator: Operator | None) -> None:
        self._journal, self._operator, self.boards = journal, operator, Boards()
        self._frozen: dict[tuple[str, int], dict[str, Any]] = {}
        self.log = None if operator is None else RecordLog("", operator)
        self.runs = fold(self._passing())
        self._of: dict[tuple[str, str], list[Run]] = {}
        for run in self.runs.values():
            self._of.setdefault((run.opening.owner, run.opening.benchmark), []).append(run)
        self.open_runs = {id: run for id, run in self.runs.items() if not run.closed}
        if self.log is not None and not self.log.id:
            self.log.id = secrets.token_hex(16)
            journal.noted(_OF_ALL, "log", {"id": self.log.id})
        if self.log is not None:
            self.log.check_head()

    def freeze(self, benchmarks: Iterable[Frozen]) -> None:
        """Note the hash of each version; it never changes again.

        Raises:
            UsageError: if a version was frozen with another hash, or its secret was revealed.
        """
        for frozen in benchmarks:
            named = (frozen.benchmark.name, frozen.benchmark.version)
            if self._operator is not None and frozen.benchmark.split == "hidden":
                check_secret(self._operator.folder, *named)
            former = self._frozen.get(named)
            if former is None:
                document = {
                    "benchmark": frozen.benchmark.document(),
                    "fingerprints": list(frozen.fingerprints),
                    "hash": frozen.hash,
                }
                self._frozen[named] = document
                self._journal.noted(_OF_ALL, "frozen", document)
            elif former["hash"] != frozen.hash:
                raise UsageError(
                    f"benchmark {named[0]!r}, version {named[1]}: was frozen as {former['hash'][:16]} and is "
                    f"{frozen.hash[:16]} now: its file, its data, its secret or the code of its environments "
                    f"has changed; give it version = {named[1] + 1}"
                )
        if self._operator is not None:
            note_hosted(self._operator.folder, [one["benchmark"] for one in self._frozen.values()])

    def frozen_of(self, run: Run) -> Frozen:
        """Return the version that a run plays, as it was frozen: to judge it, not to deal tasks."""
        opening = run.opening
        document = self._frozen[opening.benchmark, opening.version]
        benchmark = from_table(document["benchmark"], "the journal")
        if benchmark.split == "public" or self._operator is None:
            secret = public_secret(benchmark.name, benchmark.version)
        else:
            secret = secret_of(self._operator.master, benchmark.name, benchmark.version)
        return Frozen(benchmark, secret, (), tuple(document["fingerprints"]), opening.hash)

    def of(self, owner: str, benchmark: str) -> list[Run]:
        """Return the runs of a key and a benchmark, of any version, in the order in which they began."""
        return self._of.get((owner, benchmark), [])

    def open(self, opening: Opening) -> Run:
        """Open a run; its id cannot be guessed."""
        run = Run(secrets.token_hex(16), opening)
        self.runs[run.id] = self.open_runs[run.id] = run
        self._of.setdefault((opening.owner, opening.benchmark), []).append(run)
        self._journal.noted(run.id, "opened", opened(opening))
        return run

    def note(self, run: Run, kind: str, document: dict[str, Any]) -> None:
        """Note what has happened in a run."""
        run.apply(kind, document)
        if run.closed:
            self.open_runs.pop(run.id, None)
        self._journal.noted(run.id, kind, document)

    def add_record(self, run: Run, envelope: dict[str, Any]) -> None:
        """Note the signed record of a run."""
        assert self.log is not None, "records are signed where there is a log"
        self.log.add(envelope)
        self.boards.add(envelope["record"])
        self._journal.noted(run.id, "record", envelope)

    def add_withdrawal(self, run: Run, envelope: dict[str, Any]) -> None:
        """Note that a run counts no more."""
        assert self.log is not None, "runs are withdrawn where there is a log"
        self.log.add(envelope)
        self._journal.noted(run.id, "withdrawn", envelope)
        self.boards.withdraw(run.id, envelope["withdrawal"])

    def tell_of_board(self, run: Run, look: Look, *, owners: bool) -> None:
        """Note who may see a run on the board of its benchmark: what was said when it began."""
        self.boards.tell(run.id, look, owners=owners)
        self._journal.noted(run.id, "board", {"look": look, "owners": owners})

    def _passing(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield what the journal holds, one at a time, and take on the way what is of no single run."""
        for run, kind, document in self._journal.notes():
            with reading(run, kind):
                if kind == "frozen":
                    former = from_table(document["benchmark"], "the journal")
                    self._frozen[former.name, former.version] = document
                elif kind == "board":
                    self.boards.tell(run, document["look"], owners=document["owners"])
                elif self.log is not None:
                    self._log_note(self.log, run, kind, document)
            yield run, kind, document

    def _log_note(self, log: RecordLog, run: str, kind: str, document: dict[str, Any]) -> None:
        if kind == "log":
            log.id = log.id or document["id"]
        elif kind == "record":
            log.add(document)
            self.boards.add(document["record"])
        elif kind == "withdrawn":
            log.add(document)
            self.boards.withdraw(run, document["withdrawal"])
