"""Rewards and texts in verifiers: what a task's hook gives back, and half a character in a prompt."""

from __future__ import annotations

from functools import partial
from typing import Any

import endpoint
import odd
import verifiers_room as room
from faults import Found, main


def _pay(value: Any, number: int) -> Any:
    return value


def rewards() -> Found:
    found = Found("run_eval with a hook under @reward")
    with endpoint.served(endpoint.then_good()) as place:
        for name, value in odd.REWARDS.items():
            room.REWARDS[0] = partial(_pay, value)
            (trace,) = room.evaluated(place.url)
            error = ValueError(trace.errors[-1].message) if trace.errors else None
            odd.judge(found, name, error or trace.reward)
    room.REWARDS[0] = lambda number: 1.0
    return found


def half() -> Found:
    found = Found("run_eval of two tasks: in the second message to one of them, in the prompt of one of them")
    for name, place in (("observation", room.LATER), ("prompt of a task", room.PROMPTS)):
        place[:] = [f"room {odd.HALF}", "room 1"]
        with endpoint.served(endpoint.then_good()) as served:
            try:
                first, other = room.evaluated(served.url, 2)
            except Exception as error:  # noqa: BLE001 - what it raises is the finding
                found.add(name, False, f"the evaluation ends with {type(error).__name__}")
            else:
                came = "arrives" if first.ok else "refused"
                found.add(name, other.ok, f"{came}; the other task is played")
        place.clear()
    return found


if __name__ == "__main__":
    main(
        "wire",
        "verifiers",
        {
            "odd rewards": rewards,
            "shared info": "no dictionary goes with a turn; the state of a task has a type",
            "an expert after a detour": "its tasks have no expert",
            "half a character": half,
        },
    )
