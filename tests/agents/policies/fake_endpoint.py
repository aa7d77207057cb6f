"""A chat endpoint that answers as a test says, and a policy that asks it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from turnwise.agents.policies.endpoint import EndpointConfig
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.types import GenerationRequest, Message

ASKED = GenerationRequest(messages=(Message("system", "S"), Message("user", "U")), key=(1, 2))


def answer(text: str | None = "go", **more):
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage, **more}


def ask(
    reply: Callable[[httpx.Request], httpx.Response], num: int = 1, request=ASKED, **config
) -> tuple[list, OpenAIPolicy]:
    """Send `num` requests at once; return the generations or errors, and the policy."""
    settings = {"max_pause_s": 0.0, **config}
    policy = OpenAIPolicy(
        "http://host/v1/", "m", EndpointConfig(**settings), transport=httpx.MockTransport(reply)
    )

    async def inside():
        try:
            return await asyncio.gather(
                *(policy.generate(request) for _ in range(num)), return_exceptions=True
            )
        finally:
            await policy.aclose()

    return asyncio.run(inside()), policy


@contextmanager
def served(document: Callable[[dict[str, Any]], tuple[int, Any]]) -> Iterator[str]:
    """Serve an endpoint on a free port of this machine; yield the name of an agent that asks it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = document(body)
            content = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"openai:http://127.0.0.1:{server.server_address[1]}/v1#m"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
