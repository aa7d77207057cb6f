"""The backends that tests of boxes run on: each that works here; Docker's are marked docker."""

from __future__ import annotations

import asyncio

import pytest

from turnwise.envs.sandbox import Backend, SandboxError, backend_by_name


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
