"""The calls of the recorded conversations with a server. `<ID0>` stands for the first session's id."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from commands import LIGHTS


@dataclass(frozen=True)
class Call:
    """An HTTP request.

    Attributes:
        what: unique in a conversation.
        method: of HTTP.
        path: with its query.
        body: a document, bytes sent as they are, or None.
        headers: beside those of the client.
    """

    what: str
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def _post(what: str, path: str, body: Any, **headers: str) -> Call:
    return Call(what, "POST", path, body, {"content-type": "application/json", **headers})


def _step(turn: int, action: str, episode: int = 0) -> dict[str, Any]:
    return {"episode": episode, "turn": turn, "action": action}


def _step_of(id: str, turn: int, action: str) -> dict[str, Any]:
    return {"id": id, **_step(turn, action)}


LIGHT = {"env_id": LIGHTS, "seed": 3}
ROOM = {"env_id": "household/demo-v0", "seed": 7, "kwargs": {"split": "train"}}
MIXED = {"items": [ROOM, {**LIGHT, "count": 2, "group": True}], "request_id": "mixed"}
PAIR = [_step_of("<ID1>", 0, "look"), _step_of("<ID2>", 0, "push red")]

ROUTED = [
    _post("create", "/v1/sessions", {**LIGHT, "request_id": "first"}),
    _post("create again", "/v1/sessions", {**LIGHT, "request_id": "first"}),
    _post("create several", "/v1/sessions", MIXED),
    _post("step", "/v1/sessions/<ID0>/step", _step(0, "push red")),
    _post("step again", "/v1/sessions/<ID0>/step", _step(0, "push red")),
    _post("another step of a turn taken", "/v1/sessions/<ID0>/step", _step(0, "push blue")),
    _post("wrong turn", "/v1/sessions/<ID0>/step", _step(7, "push red")),
    _post("steps", "/v1/step", {"items": [*PAIR, _step_of("nothing", 0, "look")]}),
    _post("fork", "/v1/fork", {"items": [{"id": "<ID0>"}], "request_id": "copy"}),
    _post("fork again", "/v1/fork", {"items": [{"id": "<ID0>"}], "request_id": "copy"}),
    _post("fork reseeded", "/v1/fork", {"items": [{"id": "<ID0>", "count": 2, "reseed": 5}]}),
    _post("step of the copy", "/v1/sessions/<ID4>/step", _step(1, "push green")),
    _post("step of the reseeded copy", "/v1/sessions/<ID5>/step", _step(1, "push green")),
    _post("reset", "/v1/sessions/<ID0>/reset", {"episode": 1, "seed": 9}),
    _post("reset several", "/v1/reset", {"items": [{"id": "<ID2>", "episode": 1}]}),
    Call("describe", "GET", "/v1/sessions/<ID5>"),
    Call("journal", "GET", "/v1/sessions/<ID1>/journal"),
    Call("journal of a copy", "GET", "/v1/sessions/<ID5>/journal"),
    _post("heartbeat", "/v1/heartbeat", {"ids": ["<ID0>", "<ID1>", "nothing"]}),
    Call("delete", "DELETE", "/v1/sessions/<ID3>"),
    Call("delete again", "DELETE", "/v1/sessions/<ID3>"),
    _post("step of a closed session", "/v1/sessions/<ID3>/step", _step(0, "push red")),
    _post("close", "/v1/close", {"ids": ["<ID4>", "<ID5>", "<ID6>", "nothing"]}),
    Call("unknown session", "GET", "/v1/sessions/nothing"),
    Call("envs", "GET", "/v1/envs"),
    Call("health", "GET", "/health"),
]

MORE = [
    _post(
        "steps as lines",
        "/v1/step",
        {"items": [_step_of("<ID1>", 1, "go to shelf 1"), _step_of("nothing", 0, "look")]},
        accept="application/x-ndjson",
    ),
    _post("step with few fields", "/v1/sessions/<ID1>/step?fields=won", _step(2, "inventory")),
    _post("step without a field", "/v1/sessions/<ID1>/step?fields=-admissible", _step(3, "look")),
    _post("create with few fields", "/v1/sessions?fields=task", {**LIGHT, "seed": 4}),
    Call("describe with few fields", "GET", "/v1/sessions/<ID7>?fields=task"),
    Call("describe a turn", "GET", "/v1/sessions/<ID1>?turn=3"),
    Call("describe a turn to come", "GET", "/v1/sessions/<ID1>?turn=12"),
    Call("describe no turn", "GET", "/v1/sessions/<ID1>?turn=x"),
    Call("sessions", "GET", "/v1/sessions"),
    _post("environment raises", "/v1/sessions/<ID7>/step", _step(0, "cut the wire")),
    _post("step after the end", "/v1/sessions/<ID7>/step", _step(1, "push red")),
    _post("reset after the end", "/v1/sessions/<ID7>/reset", {"episode": 1, "seed": 1}),
    _post("reset again", "/v1/sessions/<ID7>/reset", {"episode": 1, "seed": 1}),
    _post("reset to a wrong episode", "/v1/sessions/<ID7>/reset", {"episode": 9}),
    _post("reward is no number", "/v1/sessions/<ID7>/step", _step(0, "short the wire", episode=1)),
    _post("reset raises", "/v1/sessions", {**LIGHT, "options": {"raise": True}}),
    _post("arguments are wrong", "/v1/sessions", {**LIGHT, "kwargs": {"pulls": 4}}),
    _post("unknown env", "/v1/sessions", {"env_id": "household/demo-v9"}),
    _post("unknown member", "/v1/sessions", {**LIGHT, "sead": 3}),
    _post("seed out of range", "/v1/sessions", {**LIGHT, "seed": -1}),
    _post("no sessions asked for", "/v1/sessions", {**LIGHT, "count": 0}),
    _post("too many sessions", "/v1/sessions", {**LIGHT, "count": 5000}),
    _post("bad JSON", "/v1/sessions", b'{"env_id": '),
    _post("bad JSON of a step", "/v1/sessions/<ID0>/step", b'{"episode": 0, "turn"'),
    _post("no object", "/v1/step", b"[1, 2]"),
    _post("no body", "/v1/sessions/<ID0>/step", b""),
    _post("no text", "/v1/sessions/<ID0>/step", b'{"episode":1,"turn":0,"action":"\xff"}'),
    _post("turn is no number", "/v1/sessions/<ID0>/step", {"episode": 0, "turn": "0", "action": "x"}),
    _post("action is missing", "/v1/sessions/<ID0>/step", {"episode": 0, "turn": 0}),
    _post("too deep", "/v1/sessions", b'{"env_id":"x","options":' + b'{"a":' * 20 + b"1" + b"}" * 21),
    _post("too large", "/v1/sessions", b'{"env_id":"' + b"x" * (9 << 20) + b'"}'),
    _post("action too long", "/v1/sessions/<ID0>/step", _step(0, "x" * 70_000, episode=1)),
    _post("too many items", "/v1/heartbeat", {"ids": ["nothing"] * 1025}),
    _post("wait is no number", "/v1/sessions/<ID0>/step", _step(0, "push red", episode=1), prefer="wait=x"),
    Call("unknown path", "GET", "/v1/nothing"),
    Call("wrong method", "PUT", "/v1/sessions", {}),
    Call("start page", "HEAD", "/"),
]

SOCKET = [
    {"call": "hello", "body": {}},
    {"call": "create", "body": {**LIGHT, "count": 2}, "fields": ["task", "admissible"]},
    {"call": "step", "body": _step_of("<ID0>", 0, "push red")},
    {"call": "step", "body": _step_of("<ID0>", 0, "push red")},
    {"call": "step", "body": _step_of("<ID0>", 0, "push blue")},
    {"call": "step", "body": _step_of("<ID0>", 5, "push red"), "fields": ["won"]},
    {"call": "steps", "body": {"items": [_step_of("<ID0>", 1, "push red"), _step_of("<ID1>", 0, "x")]}},
    {"call": "fork", "body": {"items": [{"id": "<ID0>", "reseed": 5}]}},
    {"call": "step", "body": _step_of("<ID2>", 2, "cut the wire")},
    {"call": "reset", "body": {"items": [{"id": "<ID2>", "episode": 1, "seed": 2}]}},
    {"call": "describe", "body": {"id": "<ID0>"}},
    {"call": "describe", "body": {"id": "nothing"}},
    {"call": "journal", "body": {"id": "<ID0>"}},
    {"call": "sessions", "body": {}},
    {"call": "heartbeat", "body": {"ids": ["<ID0>", "nothing"]}},
    {"call": "create", "body": {"env_id": "nothing"}},
    {"call": "create", "body": {**LIGHT, "seed": "3"}},
    {"call": "nothing", "body": {}},
    {"call": "step"},
    {"call": "step", "body": [], "request": 100},
    {"call": "step", "body": {}, "request": "one"},
    {"call": "sessions", "body": {}, "more": 1},
    "{",
    {"call": "close", "body": {"ids": ["<ID0>", "<ID1>", "<ID2>", "nothing"]}},
    {"call": "envs", "body": {}},
]

BY_WORKER: list[Any] = [{"call": "sessions", "body": {}}]  # listed in the order of workers

OPENENV = [
    {"type": "state"},
    {"type": "step", "data": {"action": "push red"}},
    {"type": "reset", "data": {"seed": "x"}},
    {"type": "reset", "data": {"seed": 3, "episode_id": "mine"}},
    {"type": "state"},
    {"type": "step", "data": {"action": "push red"}},
    {"type": "step", "data": {"text": "push red"}},
    {"type": "step", "data": {"action": "cut the wire"}},
    {"type": "step", "data": {"action": "push red"}},
    {"type": "reset", "data": {"seed": 3}},
    {"type": "reset"},
    {"type": "reset", "data": {"seed": 3, "raise": True}},
    {"type": "state"},
    {"type": "nothing"},
    "{",
]
