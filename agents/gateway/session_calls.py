"""The protocol of sessions under an episode's address: its own session, and every step noted.

A client of the protocol finds here what a server of sessions offers for one session: GET and
step of it, steps of a list, and a close that leaves it to the episode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...servers.protocol.encoding import read_step, read_steps
from ...servers.protocol.limits import Limits
from ...servers.protocol.problems import Refused
from ...servers.protocol.types import Reply, StepItem
from ..types import Step
from .asked import Refusal
from .episode import Episode
from .exchange import Request, Response, document
from .sessions import SessionBehind, shown

_LIMITS = Limits()
Body = Callable[[Request], dict[str, Any]]


async def session_call(episode: Episode, rest: str, request: Request, body: Body) -> Response:
    """Answer a call of the protocol.

    Args:
        episode: whose session it is.
        rest: of the address, behind v1.
        request: the call.
        body: decodes its body.

    Raises:
        Refusal: if it is not a call of this session, or the session refuses it.
        ServerError: if the service of sessions gives no answer.
    """
    session = episode.session
    if session is None:
        raise Refusal(404, "not_found", "no session stands behind this episode, and there is no such call")
    own = f"sessions/{session.reply.id}"
    try:
        if rest == own and request.method == "GET":
            return document({"last": shown(session.reply), "id": session.reply.id})
        if rest == f"{own}/step" and request.method == "POST":
            return document(
                await _step(episode, session, read_step(body(request), session.reply.id, _LIMITS))
            )
        if rest == "step" and request.method == "POST":
            rows = [await _step(episode, session, item) for item in read_steps(body(request), _LIMITS)]
            return document({"items": rows})
        if rest == "close" and request.method == "POST":
            return document({"closed": []})
    except Refused as refused:
        raise Refusal(refused.problem.status, refused.problem.code, refused.problem.detail) from refused
    raise Refusal(
        404, "not_found", f"the session of this episode is {session.reply.id}; expected a call of it"
    )


async def _step(episode: Episode, session: SessionBehind, item: StepItem) -> dict[str, Any]:
    if item.id != session.reply.id:
        raise Refusal(404, "unknown_session", f"the session of this episode is {session.reply.id}")
    async with session.lock:
        before, state_key = session.reply, session.state_key
        reply, new = await session.step(item)
        call = episode.stepped() if new and not episode.is_over else None
        if call is not None:
            call.steps.append(_taken(before, state_key, item.action, reply))
            call.next_state_key = session.state_key
    return shown(reply)


def _taken(before: Reply, state_key: str, action: str, after: Reply) -> Step:
    admissible = before.info.get("admissible")
    return Step(
        before.observation,
        state_key,
        action,
        after.reward,
        {name: float(value) for name, value in (after.info.get("rewards") or {}).items()},
        bool(after.info.get("malformed")),
        admissible is not None and action not in admissible,
    )
