"""Journals with a session in them, for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.protocol.types import CreateItem, StepItem
from turnwise.servers.sessions.journal.sqlite import SqliteJournal


def recorded(make_service, env_id: str, file: Path, **kwargs) -> str:
    """Record four turns of one session and return its id."""

    async def run() -> str:
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        (row,) = await client.create([CreateItem(env_id, kwargs)], request_id="a")
        for turn in range(4):
            await client.step([StepItem(row.id, 0, turn, "go")])
        await service.aclose()
        return row.id

    return asyncio.run(run())


def continued(make_service, id: str, file: Path) -> list:
    async def run() -> list:
        client = SessionClient(LocalTransport(service := make_service(journal=SqliteJournal(file))))
        rows = await client.step([StepItem(id, 0, 4, "go"), StepItem(id, 0, 4, "go")])
        await service.aclose()
        return rows

    return asyncio.run(run())


@pytest.fixture(name="recorded")
def recorded_fixture() -> Callable[..., str]:
    """Return a function that records four turns of one session and returns its id."""
    return recorded


@pytest.fixture(name="continued")
def continued_fixture() -> Callable[..., list]:
    """Return a function that plays the fifth turn of a recorded session, twice."""
    return continued
