"""A chat endpoint that needs no model: for trying `--agent openai:URL#MODEL` without an account.

    python docs/examples/endpoint.py 8001

It takes the offered action that has most words in common with what was seen last and that it has not
taken yet. One answer in ten, drawn by the request's seed, is not in the form that was asked for.
"""

import json
import random
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

OFFER = "Admissible actions: "


def words(text: str) -> set[str]:
    """Return the words of a text that are longer than three letters, in lower case."""
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


def answer(messages: list[dict[str, str]], seed: int) -> str:
    """Return what the model says to a conversation."""
    seen, _, offered = messages[-1]["content"].partition(OFFER)
    taken = " ".join(each["content"] for each in messages if each["role"] == "assistant")
    actions = [action for action in offered.partition("\n")[0].split(", ") if action not in taken]
    if not actions or random.Random(seed).random() < 0.1:
        return "I am not sure what to do here."
    action = max(actions, key=lambda action: len(words(action) & words(seen)))
    return f"<think>This has most to do with what I see.</think><action>{action}</action>"


class Endpoint(BaseHTTPRequestHandler):
    """The one call that an evaluation makes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = answer(asked["messages"], asked.get("seed", 0))
        read = sum(len(message["content"].split()) for message in asked["messages"])
        message = {"role": "assistant", "content": said}
        reply = {
            "id": f"chatcmpl-{uuid4().hex}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": read, "completion_tokens": len(said.split())},
        }
        content = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing of single requests."""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Endpoint).serve_forever()
