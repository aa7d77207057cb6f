"""Health: a server is well when it can create, step and close a session."""

from __future__ import annotations

from typing import Any

from ...envs.core import Checked, TextEnv
from ..isolation.hosts import LocalHost
from ..protocol.encoding import PROTOCOL
from .journal.records import SessionRecord
from .service import Service
from .session import Session


class _Probe(TextEnv):
    """An environment that repeats what was said, once."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        return "ready", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        return action, 1.0, True, False, {}


async def check(service: Service) -> dict[str, Any]:
    """Step a probe environment, write what the journal still holds, and say how the server is.

    Raises:
        Refused: if the journal cannot be written.
    """
    from ... import __version__

    is_gone = service.journal.is_gone
    well = _probe() and not service.draining and not is_gone
    document = {
        "status": "ok" if well else "draining" if service.draining else "failing",
        "protocol": PROTOCOL,
        "version": __version__,
        "sessions": len(service.sessions),
    }
    if is_gone:
        document["detail"] = "the file of the journal was deleted or moved away: what is answered now is lost"
    await service.commit()
    return document


def _probe() -> bool:
    host = LocalHost(Checked(_Probe(), "probe"))
    record = SessionRecord(
        "probe", "0", "", "probe", 0, host.fingerprint, {}, base_seed=0, keep_private=False
    )
    session = Session(record, max_turns=2)
    session.take(host, inline=True)
    session.began(0, 0, None, *host.reset(0, None))
    session.played("well", host.step("well"))
    return session.end == "terminated"
