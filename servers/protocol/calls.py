"""The calls of the protocol, each declared once.

Routes over HTTP, the websocket, what one worker asks of another, the OpenAPI document and
the client's addresses are read from this table. One more call is a row here, its body in
`bodies`, and its meaning: a method of that name of `http.dispatch.Calls`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Where = Literal["session", "sessions", "home", "every", "any"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the protocol.

    Args:
        name: what it is called on the websocket, between workers, and in `Calls`.
        method: of HTTP.
        path: of HTTP; `{id}` stands for a session, which the websocket names in the body.
        summary: a sentence or two for people.
        body: the model of its JSON body in `bodies`; empty where it has none.
        answer: "reply", or the member that holds a list of replies and problems: "sessions",
            or "items", which are answered row by row; empty for a document of its own.
        takes: which of `fields`, `turn` and `prefer`, the time to wait, it knows.
        where: which of several workers answer: the one that holds the session, those that hold
            the sessions of the body, the home of its request_id, every one, or any. The answers
            of several are joined list by list; those for sessions of the body are lists of ids.
        on_websocket: whether it is a call of the websocket, too.
    """

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    summary: str
    body: str = ""
    answer: Literal["", "reply", "items", "sessions"] = ""
    takes: frozenset[str] = frozenset()
    where: Where = "any"
    on_websocket: bool = True

    @property
    def of_session(self) -> bool:
        """Tell whether it names one session, in its path."""
        return "{id}" in self.path

    @property
    def tag(self) -> str:
        """Return the chapter of the documentation that it belongs to."""
        if self.path.startswith("/v1/sessions"):
            return "sessions"
        return "batches" if self.body else "environments"


_ONLY, _WAIT = frozenset({"fields"}), frozenset({"fields", "prefer"})

_ROWS = (
    Call(
        "step",
        "POST",
        "/v1/sessions/{id}/step",
        "Take the step that follows `turn` steps of `episode`.",
        body="StepBody",
        answer="reply",
        takes=_WAIT,
        where="session",
    ),
    Call(
        "steps",
        "POST",
        "/v1/step",
        "Take many steps; with Accept: application/x-ndjson they are answered in order of completion.",
        body="StepsBody",
        answer="items",
        takes=_WAIT,
        where="sessions",
    ),
    Call(
        "create",
        "POST",
        "/v1/sessions",
        "Make and reset sessions: a list of items, or one item's members at the top.",
        body="CreateBody",
        answer="sessions",
        takes=_WAIT,
        where="home",
    ),
    Call(
        "reset",
        "POST",
        "/v1/reset",
        "Start episodes of many sessions.",
        body="ResetBody",
        answer="items",
        takes=_ONLY,
        where="sessions",
    ),
    Call(
        "reset_one",
        "POST",
        "/v1/sessions/{id}/reset",
        "Start an episode; repeating it is answered from store.",
        body="ResetOneBody",
        answer="reply",
        takes=_ONLY,
        where="session",
        on_websocket=False,
    ),
    Call(
        "fork",
        "POST",
        "/v1/fork",
        "Copy sessions in the state they are in.",
        body="ForkBody",
        answer="sessions",
        takes=_WAIT,
        where="home",
    ),
    Call(
        "close",
        "POST",
        "/v1/close",
        "Close sessions; one that is gone is no error.",
        body="CloseBody",
        where="sessions",
    ),
    Call(
        "heartbeat",
        "POST",
        "/v1/heartbeat",
        "Renew leases; say which sessions are there.",
        body="HeartbeatBody",
        where="sessions",
    ),
    Call(
        "describe",
        "GET",
        "/v1/sessions/{id}",
        "Say where a session stands; with ?turn=T give the reply to the step of turn T.",
        takes=_WAIT | {"turn"},
        where="session",
    ),
    Call(
        "delete",
        "DELETE",
        "/v1/sessions/{id}",
        "Close one session.",
        where="session",
        on_websocket=False,
    ),
    Call(
        "journal",
        "GET",
        "/v1/sessions/{id}/journal",
        "Give what the session would be rebuilt from.",
        where="session",
    ),
    Call("sessions", "GET", "/v1/sessions", "List the sessions of the key that asks.", where="every"),
    Call("envs", "GET", "/v1/envs", "List the environments on offer."),
)

CALLS = {call.name: call for call in _ROWS}
"""Name -> call."""
