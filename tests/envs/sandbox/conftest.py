"""Every test of a box runs on each backend that works here; Docker's are marked docker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from turnwise.envs.sandbox import Backend, Sandbox, SandboxError, Spec, backend_by_name


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("namespace", marks=pytest.mark.sandbox),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Return a backend, or skip with the reason why it does not work here."""
    try:
        return asyncio.run(backend_by_name(request.param))
    except SandboxError as error:
        pytest.skip(f"no {request.param} sandbox here: {error}")


@pytest.fixture
def play(backend: Backend) -> Iterator[Callable[[Callable[[Sandbox], Coroutine[Any, Any, Any]]], Any]]:
    """Return what runs a coroutine function with a new box in a loop of its own."""

    def run(body: Callable[[Sandbox], Coroutine[Any, Any, Any]], spec: Spec = Spec()) -> Any:  # noqa: B008
        async def whole() -> Any:
            async with await backend.start(spec) as box:
                return await body(box)

        return asyncio.run(whole())

    yield run
