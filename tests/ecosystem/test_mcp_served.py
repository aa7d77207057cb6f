"""An environment's tools over MCP, with the package's own client, in both revisions, on both ways."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnwise.envs.images import images_of

pytestmark = pytest.mark.ecosystem
REVISIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
KEY = "a-key-of-sixteen-characters"
DIAL = '''
from turnwise import TextEnv
from turnwise.envs.images import as_text, png
from turnwise.envs.tools import command
import numpy as np


class Dial(TextEnv):
    """A dial that has to show the seed."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.wanted, self.shown = seed % 10, 0
        return "The dial shows 0.", self._info() | {"tools": [command("turn", "turn {by}", "Turn it.")]}

    def step(self, action):
        word, _, by = action.partition(" ")
        if word != "turn" or not by.isdigit():
            return "There is only the dial.", 0.0, False, False, self._info()
        self.shown = (self.shown + int(by)) % 10
        won = self.shown == self.wanted
        return f"The dial shows {self.shown}.", float(won), won, False, self._info() | {"won": won}

    def _info(self):
        picture = png(np.full((2, 2), self.shown, np.uint8), [(n, n, n) for n in range(10)])
        return {"instruction": "Turn the dial.", "images": [as_text(picture)], "won": False}
'''


@pytest.fixture(scope="module")
def dial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("dial") / "dial.py"
    file.write_text(DIAL)
    return file


def command(file: Path, *more: str) -> list[str]:
    """Return the command that serves the dial."""
    return [sys.executable, "-m", "turnwise", "mcp", f"{file}:Dial", *more]


@contextmanager
def over_http(file: Path, *more: str, **variables: str) -> Iterator[str]:
    """Serve the dial over HTTP and give its address."""
    process = subprocess.Popen(
        command(file, "--http", "--port", "0", *more),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[2]
    finally:
        process.terminate()
        assert process.wait(20) in (0, 143)
        process.stdout.close()


async def played(client: Any) -> None:
    """Play an episode to its end, with a call that is made twice and one that is wrong."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == ["start", "turn", "end"]
    assert list(tools["turn"].input_schema["properties"]) == ["handle", "by", "turn"]
    begun = await client.call_tool("start", {"seed": 5})
    handle = begun.structured_content["handle"]
    assert begun.content[0].text == f"Handle: {handle}\n\nTask: Turn the dial.\n\nThe dial shows 0."
    assert images_of({"images": [begun.content[1].data]}) and begun.content[1].mime_type == "image/png"
    for _ in range(2):
        turned = await client.call_tool("turn", {"handle": handle, "by": "2", "turn": 0})
        assert turned.content[0].text == "The dial shows 2." and turned.structured_content["turn"] == 1
    wrong = await client.call_tool("turn", {"handle": "0" * 16, "by": "2"})
    assert wrong.is_error and "call `start`" in wrong.content[0].text
    last = await client.call_tool("turn", {"handle": handle, "by": "3"})
    assert last.structured_content["done"] and "over" in last.content[0].text
    assert last.meta["turnwise/reply"]["won"] and last.meta["turnwise/reply"]["reward"] == 1.0
    assert not (await client.call_tool("end", {"handle": handle})).is_error


@pytest.mark.parametrize("mode", REVISIONS)
def test_over_standard_input_and_output(dial: Path, mode: str) -> None:
    from mcp import Client, StdioServerParameters

    async def run() -> None:
        program, *arguments = command(dial)
        async with Client(StdioServerParameters(command=program, args=arguments), mode=mode) as client:
            assert client.protocol_version == REVISIONS[mode]
            await played(client)

    asyncio.run(run())


def posted(url: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    """Post one message of JSON-RPC."""
    accept = {"accept": "application/json, text/event-stream", **headers}
    return httpx.post(url, json=body, headers=accept, trust_env=False)


def called(url: str, id: int, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Make a call as the revision without sessions writes it, with an id of one's own."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": name, "arguments": arguments, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
    headers = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name}
    answer = posted(url, body, **headers)
    assert answer.status_code == 200, answer.text
    text = answer.text
    if "data:" in text:
        text = next(line for line in text.splitlines() if line.startswith("data:"))[5:]
    return json.loads(text)["result"]["structuredContent"]


def test_over_http(dial: Path) -> None:
    from mcp import Client

    async def play(url: str) -> None:
        for mode, revision in REVISIONS.items():
            async with Client(url, mode=mode) as client:
                assert client.protocol_version == revision
                await played(client)

    with over_http(dial, "--max-episodes", "3") as url:
        asyncio.run(play(url))
        handle = called(url, 1, "start", {})["handle"]
        answers = [called(url, id, "turn", {"handle": handle, "by": "3"}) for id in (2, 2, 3)]
        assert [(each["observation"], each["turn"]) for each in answers] == [
            ("The dial shows 3.", 1),
            ("The dial shows 3.", 1),
            ("The dial shows 6.", 2),
        ]
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        assert posted(url, ping, host="attacker.example").status_code == 403
        assert posted(url, ping, origin="http://attacker.example").status_code == 403
        assert posted(url, ping | {"params": {"x": "y" * 2_000_000}}).status_code == 413


@pytest.mark.slow
def test_with_a_key_and_on_a_server(dial: Path) -> None:
    from turnwise.servers.client import ServerProcess

    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    with (
        ServerProcess(["--env", f"{dial}:Dial"]) as server,
        over_http(dial, "--key-env", "DIAL_KEY", "--server", server.url, DIAL_KEY=KEY) as url,
    ):
        assert posted(url, ping).status_code == 401
        assert posted(url, ping, authorization="Bearer another-key-of-that-length").status_code == 401
        assert posted(url, ping, authorization=f"Bearer {KEY}").status_code == 400  # let in: no session yet
        assert httpx.get(f"{server.url}/v1/sessions").json() == {"sessions": []}


@pytest.mark.slow
def test_it_ends_with_its_input_and_at_a_signal(dial: Path) -> None:
    for end in (lambda process: process.stdin.close(), lambda process: process.send_signal(signal.SIGTERM)):
        with subprocess.Popen(command(dial), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(b"x" * (1 << 21) + b"\n" + b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
            process.stdin.flush()
            while b'"id":1' not in (line := process.stdout.readline()):
                assert b"error" in line, "what is too long is no message"
            begun = time.monotonic()
            end(process)
            assert process.wait(20) in (0, 143)
            assert time.monotonic() - begun < 15


@pytest.mark.slow
def test_it_is_not_reached_from_elsewhere_unless_that_is_said(dial: Path) -> None:
    refused = subprocess.run(
        command(dial, "--http", "--host", "0.0.0.0", "--port", "0"), capture_output=True, text=True
    )
    assert refused.returncode == 2 and "--open-to-everyone" in refused.stderr


def test_versions_are_told(record_testsuite_property: Any) -> None:
    record_testsuite_property("mcp", version("mcp"))
