"""What an agent may call: the descriptions in `info["tools"]`, and how a call is written as an action.

A description is what chat APIs call a function: `name`, `description`, `parameters` (a JSON
schema). Where an environment has words of its own for a call, `usage` gives them, with the
arguments in braces: "go to {receptacle}", "<search>{query}</search>". Without them a call is
written `<tool_call>{"name": ..., "arguments": {...}}</tool_call>`, for the environment to read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..errors import UnknownName

Tool = Mapping[str, Any]

_ARGUMENT = re.compile(r"{(\w+)}")
_ANY, _OURS = re.compile("<"), re.compile(r"<(?=/?(?:tool_call|think)\b)")  # inside JSON, no tag is one
_ESCAPED = r"\\u003c"
_PLURAL = ("string", "integer", "number", "boolean", "object")
_MAX_SHOWN_CHARS = 60


def command(name: str, usage: str, about: str) -> dict[str, Any]:
    """Describe a command that is written in words of the environment's own.

    Args:
        name: of the function.
        usage: how it is written, e.g. "take {object} from {receptacle}"; arguments are texts.
        about: what it does.
    """
    names = list(dict.fromkeys(_ARGUMENT.findall(usage)))
    parameters = {
        "type": "object",
        "properties": {each: {"type": "string"} for each in names},
        "required": names,
        "additionalProperties": False,
    }
    return {"name": name, "description": about, "usage": usage, "parameters": parameters}


def tools_of(given: object) -> tuple[Tool, ...]:
    """Return the descriptions of `info["tools"]` that name a function.

    OpenAI's form, {"type": "function", "function": {...}}, is taken too; what else stands there is left out.
    """
    listed = given if isinstance(given, list | tuple) else ()
    tools = (
        each["function"] if isinstance(each, Mapping) and isinstance(each.get("function"), Mapping) else each
        for each in listed
    )
    return tuple(tool for tool in tools if isinstance(tool, Mapping) and isinstance(tool.get("name"), str))


def functions(tools: Iterable[Tool]) -> tuple[dict[str, Any], ...]:
    """Return tools in the form that chat APIs and chat templates take."""
    return tuple(
        {"type": "function", "function": {key: value for key, value in tool.items() if key != "usage"}}
        for tool in tools
    )


def have_own_tags(tools: Iterable[Tool]) -> bool:
    """Tell whether every call is written inside tags, so that it needs no others around it."""
    usages = [str(tool.get("usage") or "<tool_call>") for tool in tools]
    return bool(usages) and all(usage.startswith("<") for usage in usages)


def shown(tool: Tool) -> str:
    """Return a line for prompts: how a call is written, its arguments in capitals, and what it does."""
    usage, about = str(tool.get("usage") or ""), str(tool.get("description") or "")
    written = _ARGUMENT.sub(lambda found: found[1].upper(), usage) if usage else _signature(tool)
    return f"{written}: {about}" if about else written


def misfit(tools: Sequence[Tool], name: str, arguments: Mapping[str, Any]) -> str:
    """Return why a call cannot be written as an action, in words for the model; empty if it can be.

    An environment that reads calls itself says what is wrong with them.
    """
    tool = next((tool for tool in tools if tool["name"] == name), None)
    if tool is None:
        reads = any(not tool.get("usage") for tool in tools)
        return "" if reads else str(UnknownName("function", _cut(name), [tool["name"] for tool in tools]))
    if not tool.get("usage"):
        return ""
    names = list(dict.fromkeys(_ARGUMENT.findall(str(tool["usage"]))))
    for each in names:
        if each not in arguments:
            return f"{name} needs the argument {each!r}"
    for each, value in arguments.items():
        if each not in names:
            return f"{name} has no argument {_cut(each)!r}; expected {', '.join(names) or 'no arguments'}"
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return f"{name}, argument {each!r}: expected text, got {_cut(json.dumps(value))}"
    return ""


def written(tools: Iterable[Tool], name: str, arguments: Mapping[str, Any]) -> str:
    """Write a call as the action that the environment reads.

    A call of an unknown function, or without an argument that its words need, is written as
    JSON, for the environment to say what is wrong.
    """
    usage = next((str(tool.get("usage") or "") for tool in tools if tool["name"] == name), "")
    if usage and set(_ARGUMENT.findall(usage)) <= arguments.keys():
        return _ARGUMENT.sub(lambda found: _text(arguments[found[1]]), usage)
    body = json.dumps({"name": name, "arguments": dict(arguments)}, ensure_ascii=False)
    return f"<tool_call>{_OURS.sub(_ESCAPED, body)}</tool_call>"


def bare(observation: str) -> str:
    """Take off the tags of a tool's answer, which chat templates and protocols write themselves."""
    start, end = "<tool_response>", "</tool_response>"
    inner = observation.removeprefix(start).removesuffix(end)
    return inner if len(inner) == len(observation) - len(start) - len(end) else observation


def call_in(tools: Iterable[Tool], action: str) -> tuple[str, dict[str, Any]] | None:
    """Return the name and the arguments of the call that an action is; None if it is not one.

    It is the way back from `written`: arguments of words come back as texts.
    """
    for tool in tools:
        usage = str(tool.get("usage") or "")
        found = re.fullmatch(_pattern(usage), action, re.DOTALL) if usage else None
        if found:
            names = _ARGUMENT.findall(usage)
            given = dict(zip(names, found.groups(), strict=True))
            return (
                (str(tool["name"]), given) if [given[name] for name in names] == [*found.groups()] else None
            )
    tagged = re.fullmatch(r"\s*<tool_call>(.*)</tool_call>\s*", action, re.DOTALL)
    try:
        body = json.loads(tagged[1]) if tagged else None
    except (ValueError, RecursionError):
        return None
    name, given = (body.get("name"), body.get("arguments", {})) if isinstance(body, dict) else (None, {})
    return (name, given) if isinstance(name, str) and isinstance(given, dict) else None


def _pattern(usage: str) -> str:
    """Return the pattern of what is written by a usage."""
    words = map(re.escape, re.split(r"{\w+}", usage))
    return "(.+?)".join(words)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def quoted(text: str) -> str:
    """Write a call that is not to be made so that environments see that there was one, and read none."""
    return f"<tool_call>{_ANY.sub(_ESCAPED, json.dumps(text))}</tool_call>"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN_CHARS else text[:_MAX_SHOWN_CHARS] + "..."


def _signature(tool: Tool) -> str:
    parameters = tool.get("parameters")
    schema = parameters if isinstance(parameters, Mapping) else {}
    properties, required = schema.get("properties") or {}, schema.get("required") or ()
    inside = (f"{name}{'' if name in required else '?'}: {_kind(each)}" for name, each in properties.items())
    return f"{tool['name']}({', '.join(inside)})"


def _kind(schema: object) -> str:
    if not isinstance(schema, Mapping):
        return "any"
    if schema.get("enum"):
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        items = schema.get("items")
        plural = isinstance(items, Mapping) and items.get("type") in _PLURAL and not items.get("enum")
        return f"list of {_kind(items)}{'s' if plural else ''}"
    return str(schema.get("type", "any"))
