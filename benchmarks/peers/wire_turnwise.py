"""The wire in turnwise: a server of its own process, and its client."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import odd
from faults import Found, main

import turnwise
from turnwise import RemoteEnv, TextEnv
from turnwise.servers.client import ServerProcess

ENV = f"{__file__}:Odd"


class Odd(TextEnv):
    """A room that says and pays what the action names."""

    no_clone = "this is a test"

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.told: dict[str, Any] = {"seen": [0], "won": False}
        return "start", self.told

    def step(self, action: str) -> Any:
        self.told["seen"].append(len(self.told["seen"]))
        observation = odd.HALF if action == "half" else "ok"
        return observation, odd.REWARDS.get(action, 0.0), False, False, self.told


def rewards() -> Found:
    found = Found("RemoteEnv.step on `turnwise serve`")
    with ServerProcess(["--env", ENV]) as server:
        for name in odd.REWARDS:
            with RemoteEnv(server.url, ENV) as env:
                env.reset(seed=0)
                _, reward, _, _, info = env.step(name)
                odd.judge(found, name, ValueError(info["error"]) if "error" in info else reward)
    return found


def shared_info() -> Found:
    found = Found("RemoteEnv.step on `turnwise serve`")
    with ServerProcess(["--env", ENV]) as server, RemoteEnv(server.url, ENV) as env:
        _, first = env.reset(seed=0)
        kept = copy.deepcopy(first)
        env.step("go")
        found.add("over the wire", first == kept, "stays" if first == kept else f"becomes {first}")
    found.note = (
        "an environment in the same process gives back its own objects, as Gymnasium's do; rollouts copy"
    )
    return found


DETOURS = {
    "search/generated-v1": ("<search>nobody at all</search>", "nonsense"),
    "calling/office-v1": (
        '<tool_call>{"name": "list_files", "arguments": {"folder": "notes"}}</tool_call>',
        "nonsense",
    ),
    "shopping/generated-v0": ("search[red shirt]", "click[next >]", "nonsense"),
}


def detours() -> Found:
    found = Found("turnwise.make(id).step")
    for id, detour in DETOURS.items():
        env, won = turnwise.make(id), 0
        for seed in range(5):
            _, info = env.reset(seed=seed, options={"expert": True})
            turn, over = 0, False
            while not over:
                astray = turn % 2 == 0 and turn < 2 * len(detour)
                action = detour[turn // 2] if astray else info["private"]["expert"]
                _, _, terminated, truncated, info = env.step(action)
                turn, over = turn + 1, terminated or truncated
            won += bool(info["won"])
        found.add(id, won == 5, f"{won} of 5 won")
    return found


def half() -> Found:
    found = Found("RemoteEnv.step and reset on `turnwise serve`")
    with ServerProcess(["--env", ENV]) as server, RemoteEnv(server.url, ENV) as env:
        env.reset(seed=0)
        _, _, _, truncated, info = env.step("half")
        found.add(
            "observation", truncated and "surrogate" in info["error"], f"refused: {info.get('error')}"[:110]
        )
        env.reset(seed=1)
        observation = env.step("go")[0]
        found.add("the session", observation == "ok", "lives" if observation == "ok" else observation)
    return found


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # for the server's own process
    main(
        "wire",
        "turnwise",
        {
            "odd rewards": rewards,
            "shared info": shared_info,
            "an expert after a detour": detours,
            "half a character": half,
        },
    )
