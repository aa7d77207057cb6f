"""Servers and clients for the tests of this folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnwise.servers.app import Application
from turnwise.servers.hosts import Isolation
from turnwise.servers.keys import Keys
from turnwise.servers.limits import Limits
from turnwise.servers.offer import Offer
from turnwise.servers.service import Service

WORLDS = Path(__file__).with_name("worlds.py")
NAMES = ("Counter", "Fragile", "Gated", "Waiting", "Sleepy", "Locked", "Drifting", "Hostile")


def world(name: str) -> str:
    """Return the id of an environment of these tests."""
    return f"{WORLDS}:{name}"


@pytest.fixture(name="world")
def world_fixture() -> Callable[[str], str]:
    """Return a function from a class name to the id of an environment."""
    return world


@pytest.fixture
def make_service() -> Callable[..., Service]:
    """Return a function that builds a service which offers the worlds."""

    def build(
        isolation: dict[str, Isolation] | None = None,
        limits: Limits | None = None,
        roots: tuple[Path, ...] = (),
        **more: Any,
    ) -> Service:
        offer = Offer([world(name) for name in NAMES], isolation=isolation, data_roots=roots)
        return Service(offer, limits=limits, **more)

    return build


Talk = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def talk() -> Callable[..., None]:
    """Return a function that runs a conversation with an application, without a socket."""

    def run(service: Service, conversation: Talk, keys: Keys | None = None, **options: Any) -> None:
        async def inside() -> None:
            transport = httpx.ASGITransport(app=Application(service, keys))
            async with httpx.AsyncClient(transport=transport, base_url="http://test", **options) as http:
                await conversation(http)
            await service.aclose()

        asyncio.run(inside())

    return run
