"""The tools that an MCP client is shown, and the actions that their calls are.

`start` begins an episode and answers with its handle; each tool of the environment takes that handle beside
its own arguments, and `end` ends the episode. An environment without tools is played by `act`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...envs.seeds import SEED_END
from ...envs.tools import Tool, command, tools_of, written
from ...errors import UsageError

START, END = "start", "end"
ACT = command("act", "{action}", "Take one action, in the environment's own words.")
_NOT_IN_NAMES = re.compile(r"[^\w.-]")
_MAX_NAME_CHARS = 100
_HANDLE = {"type": "string", "description": "of the episode, as `start` has given it"}
_TURN = {
    "type": "integer",
    "minimum": 0,
    "description": "the turn that this is, as the last answer has said; a call that is repeated with it does "
    "nothing and gets the same answer",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool of the environment as clients know it.

    Args:
        name: what they call it.
        tool: the environment's description of it.
        handle: the name of the argument with the handle.
        turn: the name of the argument with the turn.
    """

    name: str
    tool: Tool
    handle: str
    turn: str

    def described(self) -> dict[str, Any]:
        """Return name, description and the schema of its arguments."""
        own = self.tool.get("parameters")
        schema: dict[str, Any] = dict(own) if isinstance(own, Mapping) else {"type": "object"}
        properties = dict(schema.get("properties") or {})
        schema["properties"] = {self.handle: _HANDLE, **properties, self.turn: _TURN}
        schema["required"] = [self.handle, *(schema.get("required") or ())]
        about = str(self.tool.get("description") or "")
        return {"name": self.name, "description": about, "input_schema": schema}

    def read(self, arguments: Mapping[str, Any]) -> tuple[str, int | None, str]:
        """Return handle, turn and action of a call.

        Raises:
            UsageError: if handle or turn are not of their types.
        """
        own = {key: value for key, value in arguments.items() if key not in (self.handle, self.turn)}
        turn = arguments.get(self.turn)
        if turn is not None and (type(turn) is not int or turn < 0):
            raise UsageError(
                f"{self.turn} {turn!r}: expected a whole number from 0, as the last answer has said"
            )
        action = written([self.tool], str(self.tool["name"]), own)
        return text_of(arguments, self.handle), turn, action


def offered(given: object) -> dict[str, Offered]:
    """Return the tools of `info["tools"]` by the names for clients; `act` where there are none."""
    found: dict[str, Offered] = {}
    for tool in tools_of(given) or (ACT,):
        name = _free(_NOT_IN_NAMES.sub("_", tool["name"])[:_MAX_NAME_CHARS], {START, END, *found})
        parameters = tool.get("parameters")
        taken = set(parameters.get("properties") or ()) if isinstance(parameters, Mapping) else set()
        found[name] = Offered(name, tool, _free("handle", taken), _free("turn", taken))
    return found


def described(tools: Mapping[str, Offered], env_id: str) -> list[dict[str, Any]]:
    """Return name, description and schema of all that a client may call."""
    seed = {"type": "integer", "minimum": 0, "description": "which task"}
    request = {"type": "string", "description": "repeated with the same one, the same episode is given again"}
    start = {
        "name": START,
        "description": f"Begin an episode of {env_id}. The answer has the handle for all other tools.",
        "input_schema": _schema({"seed": seed, "request_id": request}, ()),
    }
    end = {
        "name": END,
        "description": "End an episode; one that has been left alone for long ends by itself.",
        "input_schema": _schema({"handle": _HANDLE}, ("handle",)),
    }
    return [start, *(tool.described() for tool in tools.values()), end]


def seed_of(arguments: Mapping[str, Any]) -> int:
    """Return the seed that `start` was given, 0 without one.

    Raises:
        UsageError: if it is not one.
    """
    seed = arguments.get("seed", 0)
    if type(seed) is not int or not 0 <= seed < SEED_END:
        raise UsageError(f"seed {seed!r}: expected a whole number from 0")
    return seed


def text_of(arguments: Mapping[str, Any], name: str) -> str:
    """Return an argument that has to be a text.

    Raises:
        UsageError: if it is missing, or something else.
    """
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} {value!r}: expected a text; call `start` for a handle")
    return value


def _schema(properties: dict[str, Any], required: Sequence[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
