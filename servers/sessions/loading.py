"""What a service finds in its journal when it starts."""

from __future__ import annotations

import logging

from .home import Home
from .session import Session

log = logging.getLogger("turnwise.servers")


def load(service: Home) -> None:
    """Take over the sessions of a journal, asleep, each with a new lease."""
    num_turns = 0
    for record in service.journal.sessions():
        session = Session(record, service.limits.max_turns)
        num_turns += sum(entry.action is not None for entry in record.log)
        session.touched = service.clock()
        service.sessions[record.id] = session
        service.ledger.add(record.owner, 1)
    for kept in service.journal.answers():
        service.request_memory.restore(*kept)
    service.metrics.note("journal_commits_lost", service.journal.num_lost)
    if service.sessions:
        log.info("took over %d sessions in episodes of %d turns", len(service.sessions), num_turns)
