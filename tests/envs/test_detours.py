"""The expert goes on from wherever it finds the state, after any turns that were somebody else's."""

from __future__ import annotations

from typing import Any

import pytest

import turnwise

SEARCHES = ("<search>nobody at all</search>", "nonsense")
CALLS = (
    '<tool_call>{"name": "list_files", "arguments": {"folder": "notes"}}</tool_call>',
    '<tool_call>{"name": "get_contact", "arguments": {"id": "c999"}}</tool_call>',
    "nonsense",
)
VISITS = ("search[red shirt]", "click[next >]", "click[back to search]", "nonsense")


@pytest.mark.parametrize(
    ("env_id", "kwargs", "detour"),
    [
        ("search/generated-v1", {"max_turns": 12, "hops": 2}, SEARCHES),
        ("calling/office-v1", {"max_turns": 30}, CALLS),
        ("shopping/generated-v0", {}, VISITS),
    ],
)
def test_the_expert_wins_after_a_detour(env_id: str, kwargs: dict[str, Any], detour: tuple[str, ...]) -> None:
    env = turnwise.make(env_id, **kwargs)
    for seed in range(3):
        _, info = env.reset(seed=seed, options={"expert": True})
        straight, done = 0, False
        while not done:
            _, _, terminated, truncated, info = env.step(info["private"]["expert"])
            straight, done = straight + 1, terminated or truncated
        assert info["won"]
        _, info = env.reset(seed=seed, options={"expert": True})
        turn, done = 0, False
        while not done:
            astray = turn % 2 == 0 and turn < 2 * len(detour)
            action = detour[turn // 2] if astray else info["private"]["expert"]
            _, _, terminated, truncated, info = env.step(action)
            turn, done = turn + 1, terminated or truncated
        assert info["won"], (seed, straight, turn)
        assert turn > straight
