"""The wire in OpenEnv: its server on loopback, and its generic client."""

from __future__ import annotations

import copy
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import odd
import uvicorn
from faults import Found, main
from openenv.core import GenericEnvClient
from openenv.core.env_server import Action, Environment, Observation, State, create_fastapi_app

CALLED = "create_fastapi_app and GenericEnvClient.step"


class Text(Action):  # type: ignore[misc]
    text: str


class Seen(Observation):  # type: ignore[misc]
    text: str = ""
    seen: list[int] = []  # noqa: RUF012 - a field of pydantic's, which copies its default


class Odd(Environment):  # type: ignore[misc]
    """A room that says and pays what the action names."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self.seen = [0]

    def reset(self, seed: int | None = None, episode_id: str | None = None, **more: Any) -> Seen:
        self.seen = [0]
        return Seen(text="start", seen=self.seen, done=False, reward=0.0)

    def step(self, action: Text, timeout_s: float | None = None, **more: Any) -> Seen:
        self.seen.append(len(self.seen))
        text = odd.HALF if action.text == "half" else "ok"
        return Seen(text=text, seen=self.seen, done=False, reward=odd.REWARDS.get(action.text, 0.0))

    @property
    def state(self) -> State:
        return State(step_count=len(self.seen) - 1)


@contextmanager
def served() -> Iterator[str]:
    """Serve it on a free port of this machine."""
    logging.disable(logging.CRITICAL)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    server = uvicorn.Server(
        uvicorn.Config(create_fastapi_app(Odd, Text, Seen), log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def rewards() -> Found:
    found = Found(CALLED)
    with served() as url:
        for name in odd.REWARDS:
            with GenericEnvClient(base_url=url).sync() as env:
                env.reset()
                try:
                    odd.judge(found, name, env.step({"text": name}).reward)
                except Exception as error:  # noqa: BLE001 - what it raises is the finding
                    odd.judge(found, name, error)
    return found


def shared_info() -> Found:
    found = Found(CALLED)
    with served() as url, GenericEnvClient(base_url=url).sync() as env:
        first = env.reset().observation
        kept = copy.deepcopy(first)
        env.step({"text": "go"})
        found.add("over the wire", first == kept, "stays" if first == kept else f"becomes {first}")
    return found


def half() -> Found:
    found = Found(CALLED)
    with served() as url, GenericEnvClient(base_url=url).sync() as env:
        env.reset()
        try:
            text = env.step({"text": "half"}).observation["text"]
            found.add("observation", text == odd.HALF, repr(text))
        except Exception as error:  # noqa: BLE001 - what it raises is the finding
            found.add("observation", True, f"refused by {type(error).__name__}")
        try:
            text = env.step({"text": "go"}).observation["text"]
            steps = env.state().get("step_count")
            found.add(
                "the session",
                (text, steps) == ("ok", 2),
                f"lives, step {steps}" if steps == 2 else f"a new one: step {steps}",
            )
        except Exception as error:  # noqa: BLE001 - what it raises is the finding
            found.add("the session", False, f"{type(error).__name__}: {error}"[:110])
    return found


if __name__ == "__main__":
    main(
        "wire",
        "openenv",
        {
            "odd rewards": rewards,
            "shared info": shared_info,
            "an expert after a detour": "its environments have no expert",
            "half a character": half,
        },
    )
