"""`python -m turnwise.agents.flow`: play one episode as AgentFlow does, as a harness (docs/agentflow.md).

The planner is the policy that plays or trains: its calls are the turns of the episode. The others ask
FLOW_URL for FLOW_MODEL, with the key FLOW_KEY, or the same policy, whose answers to them are no turns.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from . import modules
from .memory import Memory
from .modules import Tool

_WAIT_S = 300.0
_NOT_FOUND = "no command was made, since there is no such tool"


class Session:
    """The session of the environment that stands behind the episode."""

    def __init__(self) -> None:
        self._url = f"{os.environ['TURNWISE_URL']}/v1/sessions/{os.environ['TURNWISE_SESSION']}"
        last = _answer(self._url)["last"]
        self.tools = modules.tools_of(last["info"])
        self._turn, self.done = int(last["turn"]), False

    def step(self, action: str) -> str:
        """Take a step and return what is seen then."""
        reply = _answer(f"{self._url}/step", {"episode": 0, "turn": self._turn, "action": action})
        self._turn, self.done = int(reply["turn"]), bool(reply["terminated"] or reply["truncated"])
        return str(reply["observation"])


def plan(head: str, prompt: str) -> str:
    """Ask the policy, as a turn of the episode: calls that begin alike are told from others by that."""
    return _ask(os.environ["OPENAI_BASE_URL"], os.environ["TURNWISE_MODEL"], prompt, head=head)


def ask(prompt: str) -> str:
    """Ask what does not learn: another model, or the policy beside its turns."""
    url = os.environ.get("FLOW_URL", "")
    if url:
        return _ask(url, os.environ.get("FLOW_MODEL", ""), prompt, key=os.environ.get("FLOW_KEY", ""))
    return _ask(os.environ["OPENAI_BASE_URL"], f"{os.environ['TURNWISE_MODEL']}-side", prompt)


def main() -> None:
    """Play until the environment, the verifier or the number of steps ends it."""
    session, memory = Session(), Memory()
    instruction, seen = os.environ["TURNWISE_INSTRUCTION"], os.environ["TURNWISE_OBSERVATION"]
    task = seen if instruction in seen else f"{instruction}\n{seen}"
    final = next(
        (each for each in session.tools if each.name == os.environ.get("FLOW_FINAL", "answer")), None
    )
    tools = [each for each in session.tools if each is not final] or session.tools
    analysis = ask(modules.analyse(task, tools))
    for _ in range(int(os.environ.get("FLOW_STEPS", "10"))):
        take(session, memory, task, tools, analysis)
        if session.done or modules.is_enough(ask(modules.verify(task, tools, analysis, memory.shown()))):
            break
    if final is not None and not session.done:
        session.step(modules.read_command(ask(modules.generate(task, final, memory.shown()))))


def take(session: Session, memory: Memory, task: str, tools: list[Tool], analysis: str) -> None:
    """Take one step: planned, put into a command, done, and noted."""
    step = modules.read_plan(plan(modules.head(task, tools), modules.plan(analysis, memory.shown())), tools)
    tool = next((each for each in tools if each.name == step.tool), None)
    if tool is None:
        memory.add("unknown", step.goal, _NOT_FOUND, "none")
        return
    command = modules.read_command(ask(modules.command(task, tool, step)))
    memory.add(tool.name, step.goal, command, session.step(command))


def _ask(url: str, model: str, prompt: str, *, head: str = "", key: str = "") -> str:
    messages = [{"role": "system", "content": head}] if head else []
    document = {"model": model, "messages": [*messages, {"role": "user", "content": prompt}]}
    said = _answer(f"{url}/chat/completions", document, key)["choices"][0]["message"]["content"]
    return said or ""


def _answer(url: str, document: dict[str, Any] | None = None, key: str = "") -> Any:
    head = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    body = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(urllib.request.Request(url, body, head), timeout=_WAIT_S) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
