"""Why a call was refused: one function a reason, each a Problem (RFC 9457).

Every text says what was given, what was expected and what to do next. A session
of another key and one that never existed get the same words, so that nobody
learns which ids exist.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from .types import Problem

PROBLEM_TYPE = "application/problem+json"
TASK_REFUSED = "task_refused"
_SHORT_CHARS = 200


class Refused(Exception):
    """A problem on its way to where the answer is written; `retry_after_s` in seconds."""

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        self.problem, self.retry_after_s = problem, retry_after_s
        super().__init__(problem.detail)


def encode_problem(problem: Problem, **more: Any) -> bytes:
    """Encode a problem document; members without a value are left out."""
    document: dict[str, Any] = {
        "type": f"urn:turnwise:problem:{problem.code}",
        "title": problem.code.replace("_", " "),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
    }
    for name in ("id", "given", "expected"):
        value = getattr(problem, name)
        if value is not None:
            document[name] = value
    if problem.todo:
        document["todo"] = problem.todo
    document |= more
    try:
        return orjson.dumps(document)
    except orjson.JSONEncodeError:  # what an environment said holds half a character
        return orjson.dumps(_whole(document))


def _whole(value: Any) -> Any:
    """Put question marks where texts hold lone surrogates."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_whole(key): _whole(item) for key, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list | tuple) else value


def internal_error() -> Problem:
    """Say that a call failed for a reason that nobody has foreseen."""
    return Problem(
        500, "internal_error", "the server failed at this call", todo="report it: the server's log says why"
    )


def says_repeat(problem: Problem) -> bool:
    """Tell whether the same request, repeated, may be done; such a problem is not kept as its answer."""
    return problem.status == 503 or problem.code == "busy"


def bad_request(detail: str, given: Any = None, expected: Any = None, status: int = 422) -> Problem:
    """Say that a body or an argument has the wrong form."""
    return Problem(
        status, "invalid_request", detail, None, short(given), expected, "correct the request; see /docs"
    )


def too_large(what: str, size: int, limit: int, id: str | None = None) -> Problem:
    """Say that a body, a text or a batch is over its limit."""
    return Problem(
        413, "too_large", f"{what}: {size}; at most {limit}", id, size, limit, "send less in one request"
    )


def too_slow(seconds: float) -> Problem:
    """Say that a request did not come in time."""
    return Problem(
        408, "too_slow", f"the request was not whole after {seconds:g} s", todo="send it again, whole"
    )


def not_a_key() -> Problem:
    """Say that the bearer key is missing or wrong, without telling which."""
    return Problem(
        401,
        "unauthorized",
        "this server needs a valid bearer key",
        todo="send the header Authorization: Bearer KEY",
    )


def reads_only() -> Problem:
    """Say that a key reads the counters of a server and does nothing else."""
    return Problem(403, "not_allowed", "this key reads /metrics and calls nothing", todo="take another key")


def not_for_metrics() -> Problem:
    """Say that the counters of a server with keys are read with one."""
    return Problem(
        401,
        "unauthorized",
        "the counters of this server need a bearer key that may read them",
        expected="a key that the key file marks with metrics, or one without a mark",
        todo="send the header Authorization: Bearer KEY",
    )


def unknown_host(host: str) -> Problem:
    """Say that a server was asked by a name that is not its own."""
    return Problem(
        403,
        "not_allowed",
        "not_json_type",
        "this server does not answer to the name by which it was asked",
        given=short(host),
        expected="an address in digits, localhost, or a name of --allowed-host",
        todo="ask by its address, or start it with --allowed-host NAME",
    )


def foreign_page(origin: str) -> Problem:
    """Say that a page of another place asks."""
    return Problem(
        403,
        "not_allowed",
        "not_json_type",
        "pages of other places may not ask this server",
        given=short(origin),
        expected="no Origin, or that of this server",
        todo="open a page of this server, or start it with --allowed-host NAME of the page",
    )


def not_json_type(given: str) -> Problem:
    """Say that a body does not say that it is JSON."""
    return Problem(
        415,
        "unsupported_media_type",
        "the body does not say that it is JSON",
        given=short(given),
        expected="application/json",
        todo="send the header Content-Type: application/json",
    )


def unknown_session(id: str) -> Problem:
    """Say that no such session exists, or none that this key may see."""
    return Problem(
        404,
        "unknown_session",
        f"there is no session {short(id)!r}: it was closed, its lease ran out, "
        "the server has forgotten it (no --journal), or it never existed",
        id if len(id) <= _SHORT_CHARS else None,
        todo="create a new one with POST /v1/sessions",
    )


def wrong_turn(id: str, episode: int, turn: int, expected: dict[str, Any], detail: str) -> Problem:
    """Say that a step or a reset does not follow what the session has done."""
    return Problem(
        409,
        "wrong_turn",
        detail,
        id,
        {"episode": episode, "turn": turn},
        expected,
        "continue from what is expected",
    )


def episode_finished(id: str, episode: int, turn: int) -> Problem:
    """Say that a step came after the end of its episode."""
    return Problem(
        409,
        "episode_finished",
        f"episode {episode} has ended after {turn} turns",
        id,
        {"episode": episode, "turn": turn},
        {"reset": episode + 1},
        f"start the next one: reset with episode {episode + 1}",
    )


def busy(id: str, doing: str, expected: dict[str, Any]) -> Problem:
    """Say that a session is still working on another call."""
    return Problem(
        409,
        "busy",
        f"the session is busy with {doing}",
        id,
        None,
        expected,
        "wait for its answer: repeat that call, it is answered once",
    )


def still_running(id: str, episode: int, turn: int) -> Problem:
    """Say that a step of a batch was not done within the client's wait."""
    return Problem(
        202,
        "running",
        "the step is still running",
        id,
        {"episode": episode, "turn": turn},
        None,
        "repeat it: the step is joined, not taken twice",
    )


def unknown_environment(detail: str, given: str, known: list[str]) -> Problem:
    """Say that an environment is not on offer."""
    return Problem(
        404, "unknown_environment", detail, None, short(given), known, "choose one of GET /v1/envs"
    )


def not_allowed(detail: str, given: Any, todo: str) -> Problem:
    """Say that the operator did not allow a class or a file at start."""
    return Problem(403, "not_allowed", detail, None, short(given), None, todo)


def environment_failed(detail: str) -> Problem:
    """Say that an environment could not be built or started with these arguments."""
    return Problem(
        422, "environment_failed", detail, todo="check kwargs, seed and options; the server's log says more"
    )


def task_refused(detail: str) -> Problem:
    """Say that an environment refuses a task: by its files, its arguments, its image; again is in vain."""
    return Problem(
        422, TASK_REFUSED, detail, todo="correct what it names; the same request would come to the same again"
    )


def request_id_reused(request_id: str) -> Problem:
    """Say that a request_id came back with another request."""
    return Problem(
        409,
        "request_id_reused",
        f"request_id {short(request_id)!r} belongs to a different request",
        None,
        short(request_id),
        None,
        "make a new request_id for each new request; repeat it only with the same body",
    )


def capacity(detail: str, limit: int) -> Problem:
    """Say that the server or the key holds as many sessions as it may."""
    return Problem(
        429, "capacity", detail, None, None, limit, "close sessions, or try again after Retry-After seconds"
    )


def rate_limited(rate: float) -> Problem:
    """Say that a key makes more requests than it may."""
    return Problem(
        429,
        "rate_limited",
        f"this key may make {rate:g} requests a second and has made more",
        expected=rate,
        todo="try again after Retry-After seconds; send many steps in one request",
    )


def draining() -> Problem:
    """Say that the server is stopping."""
    return Problem(503, "draining", "the server is stopping", todo="try again after it has restarted")


def worker_gone(worker: int) -> Problem:
    """Say that the worker that a call needs has ended and is being replaced."""
    return Problem(
        503,
        "worker_gone",
        f"worker {worker} has ended and is being replaced",
        todo="repeat the request: it is answered once, when the worker is back",
    )


def journal_unavailable(reason: str) -> Problem:
    """Say that a reply could not be made durable, so that it is withheld."""
    return Problem(
        503,
        "journal_unavailable",
        f"the journal could not be written: {reason}",
        todo="repeat the request: it is answered once, when the journal can be written again",
    )


def environments_stuck(detail: str) -> Problem:
    """Say that environments hang in all processes that there may be."""
    return Problem(
        503,
        "environments_stuck",
        detail,
        todo="close the sessions whose steps hang, or start the server with --deadline; repeat the request",
    )


def rebuild_failed(id: str, reason: str) -> Problem:
    """Say that a session could not be rebuilt for now, for the machine's reasons."""
    return Problem(
        503,
        "rebuild_failed",
        f"the session cannot be rebuilt for now: {reason}"[:1000],
        id,
        todo="repeat the request: the session is unharmed",
    )


def replay_diverged(id: str, episode: int, turn: int, env_id: str, reason: str) -> Problem:
    """Say that a session could not be rebuilt, naming the first turn that differs."""
    return Problem(
        409,
        "replay_diverged",
        f"session {id} of {env_id} cannot be rebuilt: at episode {episode}, turn {turn}, {reason}",
        id,
        None,
        {"episode": episode, "turn": turn},
        "its environment has changed or is not deterministic; close the session and create a new one",
    )


def untold(problem: Problem) -> Problem:
    """Return why a task of a hosted run could not be rebuilt, without what says which task it is."""
    detail = f"session {problem.id} of a hosted run cannot be rebuilt; the log of the server says why"
    return replace(problem, detail=detail, expected=None, todo="repeat the request, or forfeit the task")


def short(value: Any) -> Any:
    """Cut a given value to what fits an answer."""
    if value is None or isinstance(value, int | float | bool):
        return value
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= _SHORT_CHARS else text[: _SHORT_CHARS - 3] + "..."
