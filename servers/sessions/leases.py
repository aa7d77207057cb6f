"""Leases: a session that nobody calls for its time to live is closed.

Any call renews the lease, a step that runs holds it, and the time in which a
model thinks counts only from the last answer.
"""

from __future__ import annotations

import asyncio
import logging

from ..protocol.problems import Refused
from .journal.records import JournalError
from .service import Service

log = logging.getLogger("turnwise.servers")

_MAX_PERIOD_S = 30.0
_LOOK_S = 1.0


def reap(service: Service) -> list[str]:
    """Close the sessions whose lease has run out; return their ids."""
    oldest = service.clock() - service.limits.ttl_s
    gone = [
        id
        for id, session in service.sessions.items()
        if session.touched < oldest
        and session.running is None
        and session.waking is None
        and session.record.hosted is None  # these end with their run
    ]
    if gone:
        service.remove(gone)
        service.metrics.count("sessions_expired", len(gone))
        log.info("closed %d sessions idle for more than %g s", len(gone), service.limits.ttl_s)
    return gone


async def keep_reaping(service: Service) -> None:
    """Reap, and tidy the journal, until cancelled; a journal that cannot be written is tried again."""
    period_s = min(service.limits.ttl_s / 4, _MAX_PERIOD_S)
    due = service.clock() + period_s
    while True:
        await asyncio.sleep(min(period_s, _LOOK_S))
        is_due = service.clock() >= due
        if not is_due and not service.journal.is_long:
            continue
        try:
            if is_due:
                due = service.clock() + period_s
                if reap(service):
                    await service.commit()
            await service.journal.tidy()
        except (Refused, JournalError) as error:
            log.error("the journal was not tidied: %s", error)
        except Exception:
            log.exception("sessions were not reaped; tried again in %g s", period_s)
