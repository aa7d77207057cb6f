"""An MCP server of one environment's tools, whatever carries its messages."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ...errors import ServerError, UsageError
from .answers import Answer, answer_of
from .handles import Handles, Objection
from .offered import ACT, END, START, Offered, described, seed_of, text_of

_SESSION_HEADER = "mcp-session-id"
_INSTRUCTIONS = (
    "Call `start` first. Give the handle that it answers with to every other tool. One call is one turn of "
    "the episode; a call whose answer was lost can be repeated with the same `turn`."
)


class Speaker:
    """What answers the calls of MCP clients.

    Args:
        handles: the episodes.
        tools: what clients may call besides `start` and `end`, by name.
        env_id: of the environment.
        connected: whether all requests come over one connection, in which no id comes twice.
    """

    def __init__(
        self, handles: Handles, tools: Mapping[str, Offered], env_id: str, *, connected: bool
    ) -> None:
        self._handles, self._tools, self._env_id = handles, tools, env_id
        self._connection = secrets.token_hex(8) if connected else ""
        self._listed = [tool.tool for tool in tools.values()] == [ACT]

    def server(self, version: str) -> Any:
        """Return a server of the package `mcp` whose tools these are."""
        from mcp.server import Server

        return Server(
            "turnwise",
            version=version,
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def answer(self, name: str, arguments: Mapping[str, Any], request: str | None, own: bool) -> Answer:
        """Answer one call.

        Args:
            name: of the tool.
            arguments: as given.
            request: the id of the request; None where it has none.
            own: whether that id is of this request alone.

        Raises:
            Objection: if it cannot be made.
            UsageError: if an argument is wrong.
            ServerError: if the server with the sessions gives no answer.
        """
        if name == START:
            wished = arguments.get("request_id")
            named = f"named {wished}" if isinstance(wished, str) and wished else request if own else None
            reply = await self._handles.start(seed_of(arguments), named)
            return answer_of(reply, begins=True, listed=self._listed)
        if name == END:
            handle = text_of(arguments, "handle")
            await self._handles.end(handle)
            return Answer("The episode has ended.", (), {"handle": handle, "done": True}, {})
        if name not in self._tools:
            raise Objection(f"there is no tool {name[:100]!r}; expected one of {[START, *self._tools, END]}")
        handle, turn, action = self._tools[name].read(arguments)
        reply = await self._handles.step(handle, action, turn, request)
        return answer_of(reply, begins=False, listed=self._listed)

    async def _list(self, _context: Any, _params: Any) -> Any:
        import mcp_types as types

        return types.ListToolsResult(
            tools=[types.Tool(**each) for each in described(self._tools, self._env_id)]
        )

    async def _call(self, context: Any, params: Any) -> Any:
        import mcp_types as types

        connection = self._connection or _session(context)
        request = None if context.request_id is None else f"{connection} {context.request_id!r}"
        try:
            found = await self.answer(params.name, params.arguments or {}, request, bool(connection))
        except (Objection, UsageError, ServerError) as error:
            return types.CallToolResult(content=[types.TextContent(text=str(error))], is_error=True)
        content: list[Any] = [types.TextContent(text=found.text)]
        content += [types.ImageContent(data=image, mime_type="image/png") for image in found.images]
        return types.CallToolResult(content=content, structured_content=found.values, _meta=found.meta)


def _session(context: Any) -> str:
    """Return the session of a revision that has them; "" in one that has not."""
    headers = getattr(context.request, "headers", None)
    return str(headers.get(_SESSION_HEADER) or "") if headers is not None else ""
