"""Tests of the Docker backend alone: they run with the engine that `make test-docker` finds or starts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from turnwise.envs.sandbox import SandboxError, Spec, backend_by_name
from turnwise.envs.sandbox.docker import DockerBackend


@pytest.fixture(scope="session")
def docker() -> DockerBackend:
    """Return the backend, or skip with the reason why it does not work here."""
    try:
        backend = asyncio.run(backend_by_name("docker"))
    except SandboxError as error:
        pytest.skip(f"no docker sandbox here: {error}")
    assert isinstance(backend, DockerBackend)
    return backend


@pytest.fixture
def play(docker: DockerBackend) -> Iterator[Callable[..., Any]]:
    """Return what runs a coroutine function with a new box in a loop of its own."""

    def run(body: Callable[[Any], Any], spec: Spec | None = None) -> Any:
        async def whole() -> Any:
            async with await docker.start(spec or Spec(image="image:turnwise-test-base")) as box:
                return await body(box)

        return asyncio.run(whole())

    yield run
