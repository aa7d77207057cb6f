"""What each module of AgentFlow (arXiv 2510.05592) is asked, in our words, and how its answer is read.

The forms of the answers are those of the authors' code: the planner ends with context, sub-goal and tool
name, the executor with a command in a fence, the verifier with STOP or CONTINUE.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_COMMAND = 4000
_STEP = re.compile(r"Context:(.*?)Sub-Goal:(.*?)Tool Name:([^\n]*)", re.DOTALL)
_FENCE = re.compile(r"```(?:\w*\n)?(.*?)```", re.DOTALL)
_VERDICT = re.compile(r"\b(STOP|CONTINUE)\b")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of the environment: its name, what it does, and how a command is written."""

    name: str
    description: str
    usage: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the planner wants to be done next; an empty tool is one that is not there."""

    context: str
    goal: str
    tool: str


def tools_of(info: Mapping[str, Any]) -> list[Tool]:
    """Return the tools that a state gives; one that takes any command where it gives none."""
    given = info.get("tools") or []
    if isinstance(given, list) and given:
        return [Tool(*(str(each.get(key, "")) for key in ("name", "description", "usage"))) for each in given]
    listed = ", ".join(map(str, info.get("admissible") or ())) or "any command that the task allows"
    return [Tool("act", "does something in the environment", f"one of: {listed}")]


def analyse(task: str, tools: Iterable[Tool]) -> str:
    """Ask what a task needs, before anything is done."""
    return f"{head(task, tools)}\nSay briefly what the task asks for, and which tools may help, and how."


def plan(analysis: str, memory: str) -> str:
    """Ask the planner for the next step, below the task and the tools."""
    return (
        f"Analysis: {analysis}\nSteps so far:\n{memory}\n"
        "Choose the one tool that is best for the next step and a sub-goal that it can reach. Say why, and "
        "end with exactly these three lines:\nContext: all that the tool needs to know\nSub-Goal: what is "
        "to be found or done\nTool Name: the name of the tool"
    )


def command(task: str, tool: Tool, step: Plan) -> str:
    """Ask the executor for a command."""
    return (
        f"Task: {task}\nTool: {tool.name}: {tool.description}\nA command is written so: {tool.usage}\n"
        f"Context: {step.context}\nSub-goal: {step.goal}\nWrite the one command that reaches the sub-goal, "
        "in a fence:\n```\ncommand\n```"
    )


def verify(task: str, tools: Iterable[Tool], analysis: str, memory: str) -> str:
    """Ask the verifier whether what is known is enough."""
    return (
        f"{head(task, tools)}\nAnalysis: {analysis}\nSteps so far:\n{memory}\n"
        "Is that complete, consistent and enough to finish the task? Say why, and end with the one word STOP "
        "if it is, or CONTINUE if more has to be done."
    )


def generate(task: str, tool: Tool, memory: str) -> str:
    """Ask the generator for the command that ends the task, by what is known."""
    return (
        f"Task: {task}\nSteps so far:\n{memory}\nFinish the task with the tool {tool.name}: "
        f"{tool.description}\nA command is written so: {tool.usage}\nWrite that command, in a fence:\n"
        "```\ncommand\n```"
    )


def read_plan(said: str, tools: Iterable[Tool]) -> Plan:
    """Read the last step of a planner's message; of a name only letters and digits count."""
    found = _STEP.findall(said.replace("**", ""))
    if not found:
        return Plan("", "", "")
    context, goal, name = (part.strip() for part in found[-1])
    known = {_plain(tool.name): tool.name for tool in tools}
    return Plan(context, goal, known.get(_plain(name), ""))


def read_command(said: str) -> str:
    """Return the last fenced text of a message, or all of it."""
    fenced = _FENCE.findall(said)
    return (fenced[-1] if fenced else said).strip()[:MOST_COMMAND]


def is_enough(said: str) -> bool:
    """Tell whether a verifier says STOP; its last word of the two counts."""
    return _VERDICT.findall(said)[-1:] == ["STOP"]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def head(task: str, tools: Iterable[Tool]) -> str:
    """Return what begins a prompt: the task and what may be used."""
    listed = "\n".join(f"- {tool.name}: {tool.description}" for tool in tools)
    return f"Task: {task}\nTools:\n{listed}"
