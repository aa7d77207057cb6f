"""A gateway in this process, asked over ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from turnwise.agents.gateway.app import GatewayApp
from turnwise.agents.gateway.config import GatewayLimits
from turnwise.agents.gateway.episode import Asking
from turnwise.agents.gateway.house import Gateway
from turnwise.agents.policies import TokenPolicy
from turnwise.agents.types import Trajectory
from turnwise.servers.client import connect


class Client:
    """A harness's view of one gateway.

    Args:
        http: over ASGI.
        gateway: what is asked.
        ended: trajectories of episodes, as they end.
    """

    def __init__(self, http: httpx.AsyncClient, gateway: Gateway, ended: list[Trajectory]) -> None:
        self.http, self.gateway, self.ended = http, gateway, ended
        self.url = ""

    async def open(self, **body: Any) -> dict[str, Any]:
        """Open an episode, which later calls are of."""
        reply = await self.http.post("/episodes", json=body)
        assert reply.status_code == 200, reply.text
        self.url = reply.json()["url"]
        return dict(reply.json())

    async def post(self, path: str, body: Any, status: int = 200, **more: Any) -> Any:
        reply = await self.http.post(f"{self.url}/{path}", json=body, **more)
        assert reply.status_code == status, reply.text
        return reply.json()

    async def chat(self, messages: list[dict[str, Any]], status: int = 200, **more: Any) -> dict[str, Any]:
        """Call the model; return its message."""
        headers = more.pop("headers", {})
        body = {"model": "m", "messages": messages, **more}
        reply = await self.post("v1/chat/completions", body, status, headers=headers)
        return dict(reply["choices"][0]["message"]) if status == 200 else dict(reply)

    async def end(self, reward: float = 1.0, **more: Any) -> Trajectory:
        await self.post("reward", {"final": True, "reward": reward, **more})
        return self.ended[-1]


Played = Callable[[Client], Awaitable[Any]]
With = Callable[..., Any]


@pytest.fixture
def with_gateway() -> With:
    """Return a function that lets a coroutine play against a gateway, and gives what it returns."""

    def run(policy: TokenPolicy, play: Played, *, sessions: bool = False, **options: Any) -> Any:
        async def inside() -> Any:
            ended: list[Trajectory] = []
            client = connect("local:") if sessions else None
            limits = options.pop("limits", GatewayLimits())
            gateway = Gateway(Asking(policy, **options), limits, client, ended.append)
            network = httpx.ASGITransport(app=GatewayApp(gateway))
            async with httpx.AsyncClient(transport=network, base_url="http://127.0.0.1") as http:
                found = await play(Client(http, gateway, ended))
            await gateway.close_all()
            if client is not None:
                await client.aclose()
            return found

        return asyncio.run(inside())

    return run
