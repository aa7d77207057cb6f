"""Let mini-swe-agent work in turnwise's sandboxes, on tasks that a server of turnwise offers.

In the environment of turnwise (the sandboxes are the server's):

    turnwise serve --env swe/tasks-v0 --port 8765

In an environment with mini-swe-agent (2.x), with any model that it knows:

    python mini_swe_agent.py http://127.0.0.1:8765 --model openai/MODEL --tasks 20

`TurnwiseEnvironment` is what mini-swe-agent calls an environment: `execute(action)` runs one line of
bash in the sandbox of a session. The line that mini-swe-agent ends with submits the files; the
server grades them in another sandbox. Nothing runs on the machine of the harness.

A policy of ours trains behind it where a recipe with env.id = "swe/tasks-v0" says

    [harness]
    command = ".mini-swe-agent/bin/python docs/examples/mini_swe_agent.py --model openai/turnwise"

turnwise then starts it once for each episode and says in its environment where session and model are.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.request
import uuid
from typing import Any

os.environ.setdefault("MSWEA_SILENT_STARTUP", "1")

import yaml
from minisweagent.agents.default import DefaultAgent
from minisweagent.config import builtin_config_dir
from minisweagent.exceptions import LimitsExceeded, Submitted

SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
WAIT_S = 3600.0


class TurnwiseEnvironment:
    """One session of a server, as mini-swe-agent's environment.

    Args:
        url: where the server is.
        seed: decides the task; seeds that follow each other play all of them.
        env_id: swe/tasks-v0, or swe/files-v0.
        key: the server's key, where it asks for one.
        session: one that there is already, as under `turnwise train`; by default one is made.
        kwargs: arguments of the environment, such as {"split": "test"}.
    """

    def __init__(
        self,
        url: str,
        seed: int,
        *,
        env_id: str = "swe/tasks-v0",
        key: str = "",
        session: str = "",
        **kwargs: Any,
    ) -> None:
        self.url, self.key = url.rstrip("/"), key
        item = {"env_id": env_id, "seed": seed, "kwargs": kwargs, "request_id": uuid.uuid4().hex}
        if session:
            self.reply = self._call("GET", f"/v1/sessions/{session}")["last"]
        else:
            (self.reply,) = self._call("POST", "/v1/sessions", item)["sessions"]
        self.config = {"env_id": env_id, "seed": seed, **kwargs}
        self.task = self.reply["info"]["task"]
        self.instruction = self.reply["info"]["instruction"]

    def execute(self, action: dict[str, Any], cwd: str = "") -> dict[str, Any]:
        """Run one line of bash.

        Raises:
            Submitted: when the line says that the work is done; the files are then graded.
            LimitsExceeded: when the server has ended the episode, for its turns or its seconds.
        """
        command = action.get("command", "")
        output = self._step({"command": f"cd {cwd} && {command}" if cwd else command})
        if self.reply["end"] is not None:
            raise LimitsExceeded(_ended("LimitsExceeded", ""))
        first, _, rest = output["output"].lstrip().partition("\n")
        if first.strip() == SUBMIT and output["returncode"] == 0:
            self._take("submit", {})
            raise Submitted(_ended("Submitted", rest))
        return output

    def get_template_vars(self, **kwargs: Any) -> dict[str, Any]:
        """Return what templates may name of the machine that commands run on."""
        machine = {"system": "Linux", "release": "", "version": "", "machine": "x86_64"}
        return {**machine, "task_id": self.task, **kwargs}

    def serialize(self) -> dict[str, Any]:
        """Return what a trajectory of mini-swe-agent keeps of its environment."""
        return {"info": {"config": {"environment": self.config}, "turnwise": self.result}}

    @property
    def result(self) -> dict[str, Any]:
        """Return what came of it: the task, whether it was resolved, its class."""
        info = self.reply["info"]
        return {"task": self.task, "won": info.get("won"), "outcome": info.get("outcome")}

    def close(self) -> None:
        """Give the sandbox back."""
        self._call("POST", "/v1/close", {"ids": [self.reply["id"]]})

    def _step(self, arguments: dict[str, Any]) -> dict[str, Any]:
        reply = self._take("bash", arguments)
        code = reply["info"].get("exit_code")
        return {
            "output": reply["observation"],
            "returncode": -1 if code is None else code,
            "exception_info": "",
        }

    def _take(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Take a turn; the same one is asked for again until it is answered, and is played once."""
        last = self.reply
        action = json.dumps({"name": name, "arguments": arguments})
        step = {"episode": last["episode"], "turn": last["turn"], "action": action}
        deadline = time.monotonic() + WAIT_S
        while True:
            reply = self._call("POST", f"/v1/sessions/{last['id']}/step", step)
            if "observation" in reply:
                self.reply = reply
                return reply
            if time.monotonic() > deadline:
                raise TimeoutError(f"a step of {last['id']} was not answered in {WAIT_S:g} s")

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"content-type": "application/json", "prefer": "wait=60"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)


def play(url: str, seed: int, model: Any, key: str = "", **kwargs: Any) -> dict[str, Any]:
    """Let an agent of mini-swe-agent with its own prompts work on one task, and return what came of it."""
    env = TurnwiseEnvironment(url, seed, key=key, **kwargs)
    try:
        settings = yaml.safe_load((builtin_config_dir / "mini.yaml").read_text())["agent"]
        agent = DefaultAgent(
            model,
            env,
            system_template=settings["system_template"],
            instance_template=settings["instance_template"],
            cost_limit=settings["cost_limit"],
        )
        status = agent.run(env.instruction)["exit_status"]
        return {**env.result, "exit_status": status, "calls": agent.n_calls}
    finally:
        env.close()


def _ended(status: str, submission: str) -> dict[str, Any]:
    extra = {"exit_status": status, "submission": submission}
    return {"role": "exit", "content": submission or status, "extra": extra}


def main() -> None:
    """Play tasks one after another and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("url", nargs="?", default=os.environ.get("TURNWISE_URL"))
    parser.add_argument("--model", required=True, help="a name that litellm knows, as openai/gpt-4o")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--split", default="test")
    given = parser.parse_args()
    from minisweagent.models import get_model

    if session := os.environ.get("TURNWISE_SESSION"):
        os.environ.setdefault("MSWEA_COST_TRACKING", "ignore_errors")
        print(json.dumps(play(given.url, 0, get_model(given.model), session=session)))
        return
    results = []
    for seed in range(given.tasks):
        model = get_model(given.model)
        results.append(play(given.url, seed, model, os.environ.get("TURNWISE_KEY", ""), split=given.split))
        print(json.dumps(results[-1]), flush=True)
    won = sum(bool(result["won"]) for result in results)
    print(f"{won} of {len(results)} resolved")


if __name__ == "__main__":
    main()
