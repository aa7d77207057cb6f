"""Episodes over MCP, without the package: what clients see, and each call once however often it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import turnwise
from turnwise.envs.tools import command
from turnwise.errors import UsageError
from turnwise.servers.client import SessionClient
from turnwise.servers.client.transports.local import LocalTransport
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.mcp.answers import META
from turnwise.servers.mcp.handles import Handles, Objection
from turnwise.servers.mcp.offered import described, offered
from turnwise.servers.mcp.speaking import Speaker
from turnwise.servers.protocol.limits import Limits
from turnwise.servers.sessions.leases import reap
from turnwise.servers.sessions.service import Service

TOOLS = [
    command("end", "end {turn}", "A name that is taken."),
    {"name": "put it", "description": "Put.", "parameters": {"properties": {"handle": {"type": "string"}}}},
]


class Counter(turnwise.TextEnv):
    """An environment that counts its steps, with tools or without."""

    def __init__(self, tools: bool = True) -> None:
        self.tools = TOOLS if tools else None

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        listed = {"tools": self.tools} if self.tools else {"admissible": ["one", "two"]}
        return f"seed {seed}", {"instruction": "count", **listed}

    def step(self, action):
        self.count += 1
        done = self.count == 3
        said = f"<tool_response>{self.count} {action}</tool_response>"
        return said, 0.5, done, False, {"won": done, "admissible": None if self.tools else ["one"]}


HERE = f"{__name__}:Counter"
Work = Callable[[Speaker, Service], Awaitable[None]]


def played(work: Work, *, tools: bool = True, **limits: Any) -> None:
    """Run work with a speaker and the service that it plays on."""

    async def run() -> None:
        service = Service(Catalogue([HERE], trusted=True), limits=Limits(**limits))
        handles = Handles(SessionClient(LocalTransport(service), budget_s=0.05), HERE, {"tools": tools})
        speaker = Speaker(handles, offered(TOOLS if tools else None), HERE, connected=False)
        try:
            await work(speaker, service)
        finally:
            await handles.end_all()
            assert not service.sessions
            await service.aclose()

    asyncio.run(run())


def test_tools_keep_their_arguments_beside_the_handle() -> None:
    tools = offered(TOOLS)
    assert list(tools) == ["end_", "put_it"]
    assert (tools["end_"].handle, tools["end_"].turn) == ("handle", "turn_")
    assert (tools["put_it"].handle, tools["put_it"].turn) == ("handle_", "turn")
    assert tools["end_"].read({"handle": "h", "turn": "x", "turn_": 2}) == ("h", 2, "end x")
    action = '<tool_call>{"name": "put it", "arguments": {"handle": 1}}</tool_call>'
    assert tools["put_it"].read({"handle_": "h", "handle": 1}) == ("h", None, action)
    assert [each["name"] for each in described(tools, HERE)] == ["start", "end_", "put_it", "end"]
    assert described(tools, HERE)[1]["input_schema"]["required"] == ["handle", "turn"]
    assert list(offered(None)) == list(offered([{"no": "name"}])) == ["act"]


@pytest.mark.parametrize(
    "arguments", [{}, {"handle": 3}, {"handle": "h", "turn": -1}, {"handle": "h", "turn": True}]
)
def test_wrong_arguments_are_told(arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="expected"):
        offered(None)["act"].read({"action": "x", **arguments})


def test_an_episode_from_start_to_end() -> None:
    async def work(speaker: Speaker, service: Service) -> None:
        begun = await speaker.answer("start", {"seed": 7}, "r1", False)
        handle = begun.values["handle"]
        assert begun.text == f"Handle: {handle}\n\nTask: count\n\nseed 7\n\nYou may: one; two"
        assert begun.values["actions"] == ["one", "two"] and handle in service.sessions
        first = await speaker.answer("act", {"handle": handle, "action": "one"}, "r2", False)
        assert first.text == "1 one\n\nYou may: one" and "reward" not in str(first.values)
        assert first.meta[META] | {"state_key": ""} == {
            "episode": 0, "reward": 0.5, "end": None, "won": False, "state_key": "",
        }  # fmt: skip
        await speaker.answer("act", {"handle": handle, "action": "one"}, "r3", False)
        last = await speaker.answer("act", {"handle": handle, "action": "two"}, "r4", False)
        assert last.text == "3 two\n\nThe episode is over." and last.values["done"]
        assert last.meta[META]["end"] == "terminated" and last.meta[META]["won"]
        with pytest.raises(Objection, match="has ended"):
            await speaker.answer("act", {"handle": handle, "action": "two"}, "r5", False)
        await speaker.answer("end", {"handle": handle}, "r6", False)
        with pytest.raises(Objection, match="call `start`"):
            await speaker.answer("act", {"handle": handle, "action": "x"}, None, False)
        with pytest.raises(Objection, match="there is no tool 'nothing'"):
            await speaker.answer("nothing", {}, None, False)

    played(work, tools=False)


def test_a_repeated_call_steps_once() -> None:
    async def work(speaker: Speaker, service: Service) -> None:
        async def act(request: str | None, **more: Any) -> str:
            call = {"handle": handle, "action": "one", **more}
            return (await speaker.answer("act", call, request, False)).values["observation"]

        starts = [
            (await speaker.answer("start", {"request_id": name}, "r", False)).values["handle"]
            for name in ("a", "a", "b")
        ]
        handle = starts[0]
        assert starts[0] == starts[1] != starts[2]
        assert [await act("r1"), await act("r1"), await act("r2")] == [
            f"<tool_response>{n} one</tool_response>" for n in (1, 1, 2)
        ]
        assert await act("r9", turn=1) == await act(None, turn=1) == "<tool_response>2 one</tool_response>"
        with pytest.raises(Objection, match="stands at episode 0, turn 2"):
            await act("r3", turn=0)
        assert service.sessions[handle].turn == 2
        await asyncio.gather(*[act("r4") for _ in range(5)])
        assert service.sessions[handle].turn == 3

    played(work, tools=False)


def test_a_call_that_was_cut_off_is_not_taken_twice() -> None:
    async def work(speaker: Speaker, service: Service) -> None:
        handle = (await speaker.answer("start", {}, None, False)).values["handle"]
        call = {"handle": handle, "action": "one"}
        cut = asyncio.ensure_future(speaker.answer("act", call, "r1", False))
        while service.sessions[handle].turn == 0:
            await asyncio.sleep(0)
        cut.cancel()
        await asyncio.gather(cut, return_exceptions=True)
        again = await speaker.answer("act", call, "r1", False)
        assert again.values["turn"] == 1 and service.sessions[handle].turn == 1
        after = await speaker.answer("act", call, "r2", False)
        assert after.values["turn"] == 2

    played(work, tools=False)


def test_handles_are_bounded_and_idle_ones_end() -> None:
    async def work(speaker: Speaker, service: Service) -> None:
        handles = [(await speaker.answer("start", {}, None, False)).values["handle"] for _ in range(2)]
        with pytest.raises(Objection, match="no room"):
            await speaker.answer("start", {}, None, False)
        service.sessions[handles[0]].touched -= 61
        assert reap(service) == handles[:1]
        with pytest.raises(Objection, match="left alone for too long"):
            await speaker.answer("act", {"handle": handles[0], "action": "x"}, None, False)
        await speaker.answer("start", {}, None, False)

    played(work, tools=False, max_sessions=2, ttl_s=60)


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=4))
def test_any_arguments_are_read_or_told(arguments: dict[str, Any]) -> None:
    for tool in offered(TOOLS).values():
        try:
            handle, turn, action = tool.read(arguments)
        except UsageError:
            continue
        assert handle and isinstance(action, str) and (turn is None or turn >= 0)
