"""Results that are remembered: made once, checked now and then, never trusted against what is found."""

from __future__ import annotations

import asyncio

import pytest

from turnwise.envs.sandbox import SandboxError
from turnwise.envs.swe.choices.memory import Memory


class Source:
    """Results that are counted; the number of the call from `changes_at` on."""

    def __init__(self, changes_at: int = 10**9) -> None:
        self.calls, self.changes_at = 0, changes_at

    async def make(self) -> int:
        self.calls += 1
        await asyncio.sleep(0)
        return self.calls if self.calls >= self.changes_at else 0


def test_a_result_is_made_once_also_for_those_who_ask_at_the_same_time() -> None:
    async def play() -> None:
        memory, source = Memory(), Source()
        assert await asyncio.gather(*(memory.get(("a",), source.make) for _ in range(5))) == [0] * 5
        await memory.get(("a",), source.make)
        await memory.get(("b",), source.make)
        assert (source.calls, memory.made, memory.uses) == (2, 2, 5)

    asyncio.run(play())


def test_one_use_in_a_hundred_is_checked() -> None:
    async def play() -> None:
        memory, source = Memory(check_every=100), Source()
        for _ in range(1 + 250):
            await memory.get(("a",), source.make)
        assert (source.calls, memory.uses, memory.checked) == (3, 250, 2)

    asyncio.run(play())


def test_a_check_that_finds_another_result_is_an_error_and_both_are_forgotten() -> None:
    async def play() -> None:
        memory, source = Memory(check_every=2), Source(changes_at=2)
        await memory.get(("tests of", "x"), source.make)
        await memory.get(("tests of", "x"), source.make)
        with pytest.raises(SandboxError, match="tests of x came to 2, and to 0 before"):
            await memory.get(("tests of", "x"), source.make)
        assert await memory.get(("tests of", "x"), source.make) == 3

    asyncio.run(play())


def test_a_failure_is_not_remembered_and_reaches_all_who_wait() -> None:
    async def fail() -> int:
        await asyncio.sleep(0)
        raise SandboxError("no space")

    async def play() -> None:
        memory = Memory()
        found = await asyncio.gather(*(memory.get(("a",), fail) for _ in range(3)), return_exceptions=True)
        assert [str(each) for each in found] == ["no space"] * 3
        assert await memory.get(("a",), Source().make) == 0

    asyncio.run(play())


def test_the_oldest_results_go_first() -> None:
    async def play() -> None:
        memory, source = Memory(entries=2), Source()
        for key in ("a", "b", "a", "c", "a", "b"):
            await memory.get((key,), source.make)
        assert source.calls == 4  # b was forgotten, a was used lately

    asyncio.run(play())
