"""What a model is told of how to answer, and of the commands that there are.

The sentences are ours. What they demand of style "tags" is what the published agents are asked
for: reasoning between <think> tags before every action, then one action between tags (the
household and shopping prompts of GiGPO's runs, arXiv 2505.10978), or a search or an answer in
tags of its own (Search-R1, arXiv 2503.09516). The commands are the environment's, from
`info["tools"]`; where its admissible actions are listed, these are the commands.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...envs.tools import Tool, have_own_tags, shown
from ..types import Style

_REASON = (
    "It is your turn. Reason first, step by step, about where you stand and what brings you closer to the "
    "goal; the reasoning must stand between <think> and </think>."
)
_ASKED: dict[Style, str] = {
    "tags": f"{_REASON} Then choose exactly one {{action}} and write it between <action> and </action>.",
    "plain": "It is your turn. Answer with exactly one {action} and nothing else.",
    "plan": (
        "It is your turn. Answer in two lines. The first is 'new: ' and your next subgoal in a few words, or "
        "'keep' while the last one is not reached. The second is exactly one {action}."
    ),
}
_ASKED_OF_NO_COMMANDS: dict[Style, str] = {
    "tags": f"{_REASON} Then write your answer, and nothing but it, between <action> and </action>.",
    "plain": "It is your turn. Give your answer and nothing else.",
    "plan": _ASKED["plan"].replace("exactly one {action}", "your answer"),
}
_ASKED_IN_OWN_TAGS: dict[Style, str] = {
    "tags": (
        f"{_REASON} Do so again whenever you have learned something. "
        "Then write exactly one command, {form}."
    ),
    "plain": "It is your turn. Answer with exactly one command, {form}, and nothing else.",
    "plan": _ASKED["plan"].format(action="command, {form}"),
}
_ASKED_TO_CALL: dict[Style, str] = {
    "tags": f"{_REASON} Then call {{functions}}.",
    "plain": "It is your turn. Call {functions}.",
}
_ONE = "exactly one function"
_SEVERAL = "one function, or several that do not need each other's answers: they are called in their order"
_COMMANDS = "Commands, with your own words in place of those in capitals:"
_CALL = 'A function is called by <tool_call>{"name": "NAME", "arguments": {...}}</tool_call>.'


def read_as(style: Style, tools: Sequence[Tool]) -> Style:
    """Return the style that messages are read by: tags that the commands have stand in place of <action>."""
    return "plain" if style == "tags" and have_own_tags(tools) else style


def explanation(style: Style, tools: Sequence[Tool], told: str, listed: bool, calls: int = 0) -> str:
    """Return how to answer, after the commands where nothing else shows them.

    Args:
        style: how an answer is to be written.
        tools: the environment's commands.
        told: what else the prompt says; functions that it explains are not repeated.
        listed: whether the admissible actions are shown.
        calls: how many functions, which are shown elsewhere, may be called at once; 0: there are commands.
    """
    if calls:
        return _ASKED_TO_CALL[style].format(functions=_ONE if calls == 1 else _SEVERAL)
    if have_own_tags(tools):
        commands = _commands(tools, told)
        tagged = commands or "<tool_call>" in told
        asked = _ASKED_IN_OWN_TAGS[style].format(form="inside its tags" if tagged else "as it is shown")
        return "\n\n".join([*commands, asked])
    if not tools and not listed:
        return _ASKED_OF_NO_COMMANDS[style]
    asked = _ASKED[style].format(action="of the admissible actions" if listed else "action")
    return "\n\n".join([*([] if listed else _commands(tools, told)), asked])


def _commands(tools: Sequence[Tool], told: str) -> list[str]:
    """Return the list of commands; nothing where there are none, or the prompt explains functions."""
    functions = [tool for tool in tools if not tool.get("usage")]
    if not tools or (functions and all(_is_told(tool, told) for tool in functions)):
        return []
    lines = [*map(shown, tools), *([_CALL] if functions else [])]
    return ["\n".join([_COMMANDS, *lines])]


def _is_told(tool: Tool, told: str) -> bool:
    """Tell whether a text explains a function: a call of it, in an action that is shown, does not."""
    return str(tool["name"]) in told and str(tool.get("description") or f"{tool['name']}(") in told
