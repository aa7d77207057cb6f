"""What a server answers to routers alone says how it is by the same words as its health."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from turnwise.servers.http.dispatch import Calls
from turnwise.servers.http.keys import ANYONE
from turnwise.servers.http.router_side import RouterSideCalls
from turnwise.servers.router.calls import RouterCalls
from turnwise.servers.workers.routing import RoutedCalls


def test_calls_that_do_not_say_how_a_server_is_cannot_be_made():
    class Silent(RouterSideCalls):
        """Forgets its health."""

    with pytest.raises(TypeError, match=r"abstract class Silent .*health"):
        Silent()
    for kind in (Calls, RoutedCalls, RouterCalls):
        assert not kind.__abstractmethods__


def test_a_router_is_told_what_health_says(make_service):
    class Ill(Calls):
        """Says that it fails."""

        async def health(self):
            answer = await super().health()
            return answer._replace(body=orjson.dumps({**orjson.loads(answer.body), "status": "failing"}))

    async def state(calls):
        return orjson.loads((await calls.of_router("state", ANYONE, [])).body)

    async def run():
        service = make_service()
        well = {"status": "ok", "sessions": 0, "emptying": False}
        assert await state(Calls(service)) == well
        service.moves.emptying = True
        assert await state(Ill(service)) == {**well, "status": "failing", "emptying": True}
        service.draining = True
        assert (await state(Calls(service)))["status"] == "draining"
        await service.aclose()

    asyncio.run(run())
