"""What runs a test with a new box."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from turnwise.envs.sandbox import Backend, Sandbox, Spec


@pytest.fixture
def play(backend: Backend) -> Iterator[Callable[[Callable[[Sandbox], Coroutine[Any, Any, Any]]], Any]]:
    """Return what runs a coroutine function with a new box in a loop of its own."""

    def run(body: Callable[[Sandbox], Coroutine[Any, Any, Any]], spec: Spec = Spec()) -> Any:  # noqa: B008
        async def whole() -> Any:
            async with await backend.start(spec) as box:
                return await body(box)

        return asyncio.run(whole())

    yield run
