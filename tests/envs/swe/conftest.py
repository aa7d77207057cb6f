"""The backends that tests of tasks run on; boxes on plain folders are importable."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from turnwise.envs.sandbox import Backend, SandboxError, backend_by_name

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(
    scope="module",
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
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Return what runs a coroutine to its end."""
    return asyncio.run
