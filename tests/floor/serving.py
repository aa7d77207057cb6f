"""Recordings of what a server answers: HTTP, the websocket, OpenEnv's protocol; and of its documents."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from calls import BY_WORKER, MORE, OPENENV, ROUTED, SOCKET, Call
from commands import LIGHTS, server, together
from masks import Names, readable
from websockets.asyncio.client import connect

_UNRECORDED = ("content-length", "date")  # follow from the body and the clock


def record_one(folder: Path) -> dict[str, Any]:
    """Record every conversation with a server of one worker."""
    with server(folder) as url:
        return {
            "http": _http(url, [*ROUTED, *MORE]),
            "websocket": asyncio.run(_websocket(url, "/v1/ws", SOCKET)),
            "openenv": asyncio.run(_websocket(url, f"/openenv/{LIGHTS}/ws", OPENENV)),
        }


def record_two(folder: Path) -> dict[str, Any]:
    """Record the calls that are routed, with a server of two workers and a connection for each call."""
    talk = [each for each in SOCKET if each not in BY_WORKER]
    with server(folder, "--workers", "2") as url:
        return {
            "http": _http(url, ROUTED),
            "websocket": asyncio.run(_websocket(url, "/v1/ws", talk)),
            "openenv": asyncio.run(_websocket(url, f"/openenv/{LIGHTS}/ws", OPENENV)),
        }


def record_listed(folder: Path) -> dict[str, Any]:
    """Record the OpenAPI document and every page of help."""
    with server(folder) as url:
        openapi = httpx.get(f"{url}/openapi.json").json()
    (first,), _ = together([["--help"]], folder)
    names = re.findall(r"^  ([a-z]+)  ", first.partition("Commands:")[2], re.MULTILINE)
    pages, _ = together([[name, "--help"] for name in names], folder)
    help_pages = {"": first, **dict(zip(names, pages, strict=True))}
    return {"help": {name: page.splitlines() for name, page in help_pages.items()}, "openapi": openapi}


def _http(url: str, calls: Sequence[Call]) -> dict[str, Any]:
    names, answers = Names(), dict[str, Any]()
    for call in calls:
        body = call.body if isinstance(call.body, bytes | None) else json.dumps(call.body).encode()
        if body is not None and len(body) < 10_000:
            body = names.unmask(body.decode("latin-1")).encode("latin-1")
        path = names.unmask(call.path)
        answer = httpx.request(call.method, url + path, content=body, headers=call.headers, timeout=60)
        kept = {name: value for name, value in answer.headers.items() if name not in _UNRECORDED}
        text = names.mask(answer.text)
        if "ndjson" in kept.get("content-type", ""):
            text = "\n".join(sorted(text.splitlines()))  # in order of completion
        answers[call.what] = {"status": answer.status_code, "headers": kept, "body": readable(text)}
    assert len(answers) == len(calls), "every call has a name of its own"
    return answers


async def _websocket(url: str, path: str, messages: Sequence[Any]) -> list[Any]:
    names, answers = Names(), list[Any]()
    numbered = path.endswith("/v1/ws")
    async with connect(url.replace("http", "ws") + path) as socket:
        for number, message in enumerate(messages):
            if isinstance(message, dict) and numbered:
                message = {"request": number, **message}
            text = message if isinstance(message, str) else json.dumps(message)
            await socket.send(names.unmask(text))
            answer = await asyncio.wait_for(socket.recv(), 60)
            assert isinstance(answer, str)
            answers.append([message, readable(names.mask(answer))])
        await socket.close()
    return answers
