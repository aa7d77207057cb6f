"""A server for the benchmark: the gateway in front of a policy that answers at once, or a bare peer.

    python benchmarks/gateway/instant.py gateway|bare

The policy's own tokens are numbers that no text is encoded into, so that a prompt tells which of its tokens
were sampled. What the episodes came to is counted as they end, and asked for at /counts.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections import Counter
from typing import Any

import orjson
import uvicorn

from turnwise.agents.gateway.app import GatewayApp
from turnwise.agents.gateway.config import GatewayLimits
from turnwise.agents.gateway.episode import Asking
from turnwise.agents.gateway.house import Gateway
from turnwise.agents.policies import TokenPolicy
from turnwise.agents.types import FinishReason, Generation, GenerationRequest, Message, Trajectory
from turnwise.servers.http.bounded import BoundedHttp
from turnwise.servers.run.listening import listen

SAMPLED = 1 << 20  # what is added to the number of a letter that the policy has said
END = SAMPLED + 10
WORDS = "I look at the door and go on to the next room of the house, where the lamp is."


class Instant(TokenPolicy):
    """A policy that says the same at once, and counts what it is asked."""

    name = "instant"

    def __init__(self) -> None:
        self.asked = 0
        self.encoded = 0  # tokens made of texts

    def encode_prompt(self, messages: tuple[Message, ...]) -> tuple[int, ...]:
        ids = (*(len(word) for message in messages for word in message.content.split(" ")), 0)
        self.encoded += len(ids)
        return ids

    def encode_reply(self, messages: tuple[Message, ...], finish_reason: FinishReason) -> tuple[int, ...]:
        return self.encode_prompt(messages)

    def forget(self, conversation: str) -> None:
        pass

    async def generate(self, request: GenerationRequest) -> Generation:
        self.asked += 1
        text = f"{self.asked} {WORDS}"
        ids = (SAMPLED + self.asked, *(SAMPLED + len(word) for word in WORDS.split(" ")), END)
        return Generation(text, request.prompt_ids or (), ids, (-0.5,) * len(ids))


class Counts:
    """What trajectories came to."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()

    def add(self, trajectory: Trajectory) -> None:
        """Count an episode."""
        self.found["episodes"] += 1
        self.found["turns"] += len(trajectory.turns)
        self.found["side calls"] += int(trajectory.metrics.get("side_calls", 0))
        self.found["unknown ends"] += trajectory.end != "terminated"
        for turn in trajectory.turns:
            own = [number for number in turn.generation.prompt_ids if number > SAMPLED]
            self.found["own tokens in prompts"] += len(own)
        for before, after in zip(trajectory.turns, trajectory.turns[1:], strict=False):
            known = before.generation.prompt_ids + before.generation.token_ids
            self.found["prompts that grow"] += after.generation.prompt_ids[: len(known)] == known


class Served:
    """The gateway, and a page of counts beside it."""

    def __init__(self) -> None:
        self.policy, self.counts = Instant(), Counts()
        limits = GatewayLimits(max_episodes=4096)
        gateway = Gateway(Asking(self.policy), limits, on_end=self.counts.add)
        self._app = GatewayApp(gateway)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/counts":
            found = {**self.counts.found, "asked": self.policy.asked, "encoded": self.policy.encoded}
            await _answer(send, orjson.dumps({**found, "cpu_s": time.process_time()}))
        else:
            await self._app(scope, receive, send)


class Bare:
    """The same server around nothing: the body is read and decoded, the same answer sent."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        if scope["path"] == "/counts":
            await _answer(send, orjson.dumps({"cpu_s": time.process_time()}))
            return
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        document = orjson.loads(b"".join(parts) or b"{}")
        said = {"role": "assistant", "content": f"{len(document.get('messages', ()))} {WORDS}"}
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        await _answer(send, orjson.dumps({"id": "x", "url": "http://x/episodes/x", "choices": [choice]}))


async def _answer(send: Any, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve on a free port, which is printed."""
    kind = sys.argv[1]
    app = Served() if kind == "gateway" else Bare()
    config = uvicorn.Config(
        app, http=BoundedHttp, ws="none", lifespan="on" if kind == "gateway" else "off", log_config=None,
        access_log=False, server_header=False, date_header=False, proxy_headers=False,
    )  # fmt: skip
    (listening,) = listen("127.0.0.1", 0)
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # as turnwise gateway does
    print(listening.getsockname()[1], flush=True)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main()
