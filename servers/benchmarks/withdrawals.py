"""Withdrawals: a run that does not count any more, and why, as a signed leaf of the log.

Only the operator withdraws: `turnwise operator withdraw` leaves a request in FOLDER/private/withdraw, where
nobody else may write, and the server that holds the journal makes it a leaf. The record stays in the log and
on the boards, as withdrawn; a withdrawal cannot be taken back, and not be left out unseen.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from ...errors import UsageError
from ...files import write_whole
from .records import canonical, stamp
from .signing import Operator

if TYPE_CHECKING:
    from .book import RunBook

log = logging.getLogger("turnwise.servers")

SCHEMA = 1
MOST_REASON = 500  # characters
_PLACE = Path("private") / "withdraw"
_RUN = re.compile(r"[0-9a-f]{32}")
_REFUSED = ".refused"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the operator: which run, and why; `file` is where it lies."""

    run: str
    reason: str
    file: Path


def ask(folder: Path, run: str, reason: str) -> Path:
    """Ask the server of an operator's journal to withdraw a run; return the request.

    Raises:
        UsageError: if there is no such folder, the id is not one, or there is no reason.
    """
    Operator(folder)
    if not _RUN.fullmatch(run):
        raise UsageError(
            f"{run[:100]!r}: is no id of a run; expected a file that is there, or the 32 hexadecimal digits "
            "that stand in a record"
        )
    if not reason.strip() or len(reason) > MOST_REASON:
        raise UsageError(f"a reason of {len(reason)} characters; expected from 1 to {MOST_REASON}, for all")
    place = folder / _PLACE
    place.mkdir(mode=0o700, exist_ok=True)
    file = place / f"{run}.json"
    file.with_suffix(_REFUSED).unlink(missing_ok=True)
    write_whole(file, orjson.dumps({"run": run, "reason": reason.strip()}))
    return file


def answer_to(file: Path) -> str | None:
    """Return what became of a request: "" if it was carried out, why not, or None if it was not looked at."""
    refused = file.with_suffix(_REFUSED)
    if refused.exists():
        return refused.read_text(encoding="utf-8", errors="replace")[:1000]
    return None if file.exists() else ""


def asked(folder: Path) -> list[Asked]:
    """Return the requests that wait; one that cannot be read is refused and set aside."""
    place = folder / _PLACE
    found = []
    for file in sorted(place.glob("[!.]*.json")) if place.is_dir() else []:
        try:
            document = orjson.loads(file.read_bytes()[: 4 * MOST_REASON + 200])
            run, reason = document["run"], document["reason"]
            if run != file.stem or not isinstance(reason, str):
                raise ValueError("it names another run, or no reason")
            found.append(Asked(run, reason[:MOST_REASON], file))
        except (OSError, ValueError, LookupError, TypeError) as error:
            _refuse(file, f"cannot be read: {error}")
    return found


def take(book: RunBook, operator: Operator, now: float) -> list[Asked]:
    """Withdraw what is asked for; return the requests that are carried out, to be removed once durable."""
    taken = []
    for each in asked(operator.folder):
        run = book.runs.get(each.run)
        if run is None or book.log is None:
            _refuse(each.file, "the journal of this server holds no such run")
        elif not run.closed or not book.log.holds(run.id):
            _refuse(each.file, "the run is not over, so that it has no record yet")
        else:
            if not book.log.is_withdrawn(run.id):
                book.add_withdrawal(run, _signed(operator, book.log.id, len(book.log), each, now))
                log.warning("run %s of %s was withdrawn: %s", run.id, run.opening.benchmark, each.reason)
            taken.append(each)
    return taken


def _signed(operator: Operator, log_id: str, place: int, what: Asked, now: float) -> dict[str, Any]:
    said = {
        "schema": SCHEMA,
        "log": {"id": log_id, "place": place},
        "run": what.run,
        "reason": what.reason,
        "time": stamp(now),
    }
    signature = operator.sign("withdrawal", canonical(said))
    return {"withdrawal": said, "key": operator.key.id, "signature": signature}


def _refuse(file: Path, why: str) -> None:
    log.error("%s: was not withdrawn: %s", file.stem, why)
    write_whole(file.with_suffix(_REFUSED), why.encode())
    file.unlink(missing_ok=True)
