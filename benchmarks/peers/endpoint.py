"""A chat endpoint on loopback that answers as it is told, and the answers of each fault."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
Reply = tuple[int, Any]
"""A status and a document; bytes are sent as they are."""


@dataclass
class Endpoint:
    """What was asked, and where.

    Args:
        url: the base URL, with its version part.
        bodies: the request bodies in order.
    """

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)


def answer(content: Any = "go", finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    """Return a whole chat completion."""
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
        "usage": USAGE,
    }  # fmt: skip


GOOD = answer()
BROKEN: dict[str, Any] = {
    "an error": {"error": {"code": 502, "message": "upstream"}, "usage": USAGE},
    "no choices": {**GOOD, "choices": []},
    "null": None,
    "cut JSON": json.dumps(GOOD).encode()[:60],
    "an error in the choice": {
        **GOOD,
        "choices": [{**answer("", None)["choices"][0], "error": {"code": 502}}],
    },
}
PARTS = answer(
    [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "go"}]
)
ENDS: dict[str, Any] = {
    "only reasoning": answer(None, "length", reasoning_content="hm"),
    "content_filter": answer(None, "content_filter"),
    "error": answer("g", "error"),
    "tool call": answer(None, "tool_calls", tool_calls=[CALL]),
    "sensitive": answer(None, "sensitive"),
    "network_error": answer("g", "network_error"),
    "model_length": answer("g", "model_length"),
    "only reasoning_details": answer(
        None, "length", reasoning_details=[{"type": "reasoning.text", "text": "hm"}]
    ),
}
"""Some have names of their own: GLM sensitive and network_error, Mistral model_length, MiniMax details."""


def _says(message: str, field_name: str) -> dict[str, Any]:
    return {"error": {"message": message, "param": field_name, "code": "unsupported_parameter"}}


REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "max_tokens": (
        400,
        "max_tokens",
        _says("Use 'max_completion_tokens' instead of 'max_tokens'.", "max_tokens"),
    ),
    "temperature": (
        400,
        "temperature",
        _says("'temperature' is not supported with this model.", "temperature"),
    ),
    "seed": (422, "seed", _says("'seed' is an unknown field", "seed")),
}


def refusing(setting: str) -> Callable[[dict[str, Any], int], Reply]:
    """Return an endpoint that refuses one field whenever it is sent."""
    status, name, document = REFUSED[setting]
    return lambda body, number: (status, document) if name in body else (200, GOOD)


def then_good(*first: Any) -> Callable[[dict[str, Any], int], Reply]:
    """Return an endpoint that says these documents first, then good ones."""
    return lambda body, number: (200, first[number] if number < len(first) else GOOD)


def late(seconds: float) -> Callable[[dict[str, Any], int], Reply]:
    """Return an endpoint whose first answer takes some time."""

    def reply(body: dict[str, Any], number: int) -> Reply:
        if number == 0:
            time.sleep(seconds)
        return 200, GOOD

    return reply


@contextmanager
def served(reply: Callable[[dict[str, Any], int], Reply]) -> Iterator[Endpoint]:
    """Serve an endpoint on a free port; `reply` is given each body and its number."""
    endpoint, lock = Endpoint(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(endpoint.bodies)
                endpoint.bodies.append(body)
            status, document = reply(body, number)
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # who asked has gone
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
