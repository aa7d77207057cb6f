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
        path: of HTTP; `{id}` stands for a session, or what else it names; on the websocket it is
            in the body.
        body: the model of its JSON body in `bodies`; empty where it has none.
        answer: "reply", or the member that holds a list of replies and problems: "sessions",
            or "items", which are answered row by row; empty for a document of its own.
        takes: which of `fields`, `turn`, `prefer`, the time to wait, and of `QUERY` it knows.
        where: which of several workers answer: the one that holds the session, those that hold
            the sessions of the body, the home of its request_id, every one, or any. The answers
            of several are joined list by list; those for sessions of the body are lists of ids.
        summary: a sentence or two for people.
        on_websocket: whether it is a call of the websocket, too.
    """

    name: str
    method: Literal["GET", "POST", "DELETE"]
    path: str
    body: str
    answer: Literal["", "reply", "items", "sessions"]
    takes: frozenset[str]
    where: Where
    summary: str
    on_websocket: bool = True

    @property
    def of_session(self) -> bool:
        """Tell whether it names one session, or another thing, in its path."""
        return "{id}" in self.path

    @property
    def tag(self) -> str:
        """Return the chapter of the documentation that it belongs to."""
        if self.path.startswith("/v1/sessions"):
            return "sessions"
        if self.path.startswith(("/v1/benchmarks", "/v1/runs", "/v1/log")):
            return "benchmarks"
        return "batches" if self.body else "environments"


_NONE: frozenset[str] = frozenset()
QUERY = {
    "version": "of the benchmark; the one that is hosted by default",
    "first": "where the page begins, from 0",
    "count": "how many runs it has, at most 500; 100 by default",
    "a": "the `id` of a run of the board",
    "b": "the `id` of the run that it is compared with",
}
"""Whole numbers that the query of a call may hold, and what they mean."""
_PAGE, _PAIR = frozenset({"version", "first", "count"}), frozenset({"version", "a", "b"})
_ONLY, _WAIT = frozenset({"fields"}), frozenset({"fields", "prefer"})

# fmt: off
_ROWS = (
    Call("step", "POST", "/v1/sessions/{id}/step", "StepBody", "reply", _WAIT, "session",
         "Take the step that follows `turn` steps of `episode`."),
    Call("steps", "POST", "/v1/step", "StepsBody", "items", _WAIT, "sessions",
         "Take many steps; with Accept: application/x-ndjson they are answered in order of completion."),
    Call("create", "POST", "/v1/sessions", "CreateBody", "sessions", _WAIT, "home",
         "Make and reset sessions: a list of items, or one item's members at the top."),
    Call("reset", "POST", "/v1/reset", "ResetBody", "items", _ONLY, "sessions",
         "Start episodes of many sessions."),
    Call("reset_one", "POST", "/v1/sessions/{id}/reset", "ResetOneBody", "reply", _ONLY, "session",
         "Start an episode; repeating it is answered from store.", on_websocket=False),
    Call("fork", "POST", "/v1/fork", "ForkBody", "sessions", _WAIT, "home",
         "Copy sessions in the state they are in."),
    Call("close", "POST", "/v1/close", "CloseBody", "", _NONE, "sessions",
         "Close sessions; one that is gone is no error."),
    Call("heartbeat", "POST", "/v1/heartbeat", "HeartbeatBody", "", _NONE, "sessions",
         "Renew leases; say which sessions are there."),
    Call("describe", "GET", "/v1/sessions/{id}", "", "", _WAIT | {"turn"}, "session",
         "Say where a session stands; with ?turn=T give the reply to the step of turn T."),
    Call("delete", "DELETE", "/v1/sessions/{id}", "", "", _NONE, "session",
         "Close one session.", on_websocket=False),
    Call("take", "POST", "/v1/sessions/{id}/take", "TakeBody", "", _NONE, "session",
         "Take a session over from a policy: its next step is refused; give the word for steps by hand."),
    Call("play", "POST", "/v1/sessions/{id}/play", "PlayBody", "reply", _ONLY, "session",
         "Take a step of a session that was taken over."),
    Call("give", "POST", "/v1/sessions/{id}/give", "GiveBody", "", _NONE, "session",
         "Give a session back to who played it."),
    Call("journal", "GET", "/v1/sessions/{id}/journal", "", "", _NONE, "session",
         "Give what the session would be rebuilt from."),
    Call("sessions", "GET", "/v1/sessions", "", "", _NONE, "every",
         "List the sessions of the key that asks."),
    Call("envs", "GET", "/v1/envs", "", "", _NONE, "any",
         "List the environments on offer."),
    Call("benchmarks", "GET", "/v1/benchmarks", "", "", _NONE, "any",
         "List the benchmarks that the key may play, the key's name, and the public keys that sign records."),
    Call("board", "GET", "/v1/benchmarks/{id}/board", "", "", _PAGE, "any",
         "Give the leaderboard of a benchmark, a page at a time; a public one without a key.",
         on_websocket=False),
    Call("board_pair", "GET", "/v1/benchmarks/{id}/board/pair", "", "", _PAIR, "any",
         "Compare two runs of a leaderboard: on the same tasks where all play them, else as two samples.",
         on_websocket=False),
    Call("start_run", "POST", "/v1/benchmarks/{id}/runs", "StartRunBody", "", _NONE, "any",
         "Open a run of a benchmark; `request_id` repeated, the same run is given again."),
    Call("next", "POST", "/v1/runs/{id}/next", "NextBody", "", _NONE, "any",
         "Give the session of task n, from 0, or `done`: each task is dealt once, after the one before."),
    Call("forfeit", "POST", "/v1/runs/{id}/forfeit", "TaskBody", "", _NONE, "any",
         "End a task as lost."),
    Call("run", "GET", "/v1/runs/{id}", "", "", _NONE, "any",
         "Say how a run stands."),
    Call("record", "GET", "/v1/runs/{id}/record", "", "", _NONE, "any",
         "Give the signed record of a run that is over, with the proof that the log holds it."),
    Call("log", "GET", "/v1/log", "", "", _NONE, "any",
         "Give the signed head of the log of records."),
    Call("log_since", "GET", "/v1/log/{id}", "", "", _NONE, "any",
         "Prove that the log begins with the records that it held when there were so many."),
)
# fmt: on

CALLS = {call.name: call for call in _ROWS}
"""Name -> call."""
