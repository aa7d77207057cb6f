"""Why a call of a hosted run was refused: one function a reason, as in `protocol.problems`."""

from __future__ import annotations

from typing import Any

from ..protocol.problems import short
from ..protocol.types import Problem


def unknown_benchmark(name: str) -> Problem:
    """Say that no such benchmark is hosted, or none that this key may play."""
    return Problem(
        404,
        "unknown_benchmark",
        f"there is no benchmark {short(name)!r} that this key may play",
        given=short(name),
        todo="choose one of GET /v1/benchmarks; the operator names those of a key in the key file",
    )


def unknown_board(name: str, version: int | None) -> Problem:
    """Say that there is no such leaderboard, or none that this caller may see."""
    which = short(name) if version is None else f"{short(name)}, version {version},"
    return Problem(
        404,
        "unknown_board",
        f"there is no board of {which} that this caller may see",
        given=short(name),
        todo="a key sees the boards of what it plays (GET /v1/benchmarks), anybody those that are public",
    )


def unknown_line(id: str) -> Problem:
    """Say that a leaderboard has no such run."""
    return Problem(
        404,
        "unknown_line",
        f"the board has no run {short(id)!r}",
        given=short(id),
        todo="give the `id` of a run of GET /v1/benchmarks/{name}/board",
    )


def unknown_run(id: str) -> Problem:
    """Say that there is no such run, or none of this key."""
    return Problem(
        404,
        "unknown_run",
        f"there is no run {short(id)!r} of this key",
        given=short(id),
        todo="start one with POST /v1/benchmarks/{name}/runs",
    )


def key_for_runs(call: str) -> Problem:
    """Say that a key that plays benchmarks may make no other calls."""
    return Problem(
        403,
        "not_allowed",
        f"the call {call} is not one of a hosted run",
        given=call,
        expected=["start_run", "next", "step", "steps", "forfeit", "run", "record"],
        todo="play by POST /v1/runs/{id}/next and POST /v1/sessions/{id}/step",
    )


def run_open(id: str) -> Problem:
    """Say that a key plays a run of this benchmark already."""
    return Problem(
        409,
        "run_open",
        "this key has a run of this benchmark that is not over",
        expected={"run": id},
        todo="go on with that one: it ends with its last task or at its deadline",
    )


def attempts_used(limit: int, when: str | None) -> Problem:
    """Say that a key has started as many runs as it may."""
    return Problem(
        403,
        "attempts_used",
        f"this key has started as many runs of this benchmark as it may: {limit}"
        + (" in seven days" if when else " in all"),
        expected={"attempts": limit, "next": when},
        todo=f"start the next one after {when}"
        if when
        else "a further version of the benchmark is another one",
    )


def wrong_task(given: int, expected: int, detail: str) -> Problem:
    """Say that another task is the next one."""
    return Problem(
        409,
        "wrong_task",
        detail,
        given={"task": given},
        expected={"task": expected},
        todo="ask for the task that is expected; asking for one again gives its session again",
    )


def run_over(cause: str) -> Problem:
    """Say that a run takes no more steps."""
    return Problem(
        409,
        "run_over",
        f"the run is over: {cause}",
        todo="GET /v1/runs/{id} says how it stands, GET /v1/runs/{id}/record gives its record",
    )


def not_over(expected: Any) -> Problem:
    """Say that a run has no record yet."""
    return Problem(
        409,
        "run_not_over",
        "the run is not over, so that it has no record yet",
        expected=expected,
        todo="play its tasks and ask for the next one until it says done, or wait for its deadline",
    )


def not_hosted_now(name: str, version: int) -> Problem:
    """Say that a run is of a benchmark that the server does not host any more."""
    return Problem(
        409,
        "not_hosted",
        f"version {version} of {name} is not hosted by this server now",
        todo="its tasks that are open are lost at the deadline of the run",
    )


def task_unavailable(name: str) -> Problem:
    """Say that a task could not be made, for reasons of the server."""
    return Problem(
        503,
        "task_unavailable",
        f"the next task of {name} could not be made; nothing is lost",
        todo="repeat the request; the server's log says why",
    )


def no_log() -> Problem:
    """Say that a server keeps no log of records."""
    return Problem(404, "no_log", "this server hosts no benchmarks, so that it keeps no log of records")


def unknown_size(given: str, most: int) -> Problem:
    """Say that a log has no such size."""
    return Problem(
        422,
        "invalid_request",
        f"there is no proof from {short(given)!r} records",
        given=short(given),
        expected=f"from 1 to {most}",
        todo="give the size of a head that this log has given",
    )
