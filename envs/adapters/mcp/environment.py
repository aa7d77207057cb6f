"""The tools of an MCP server as an environment: the agent calls them, and ends with an answer.

    turnwise eval --env turnwise.envs.adapters.mcp:McpEnv -k command="python3 server.py" \
        -k tasks=tasks.jsonl --agent AGENT

The command is a program of whoever runs the environment; what its tools say is text of anybody's.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ....errors import ServerUnreachable, UsageError
from ....shown import visible
from ...core import Info, TextEnv
from ...fingerprint import code_fingerprint
from ...sandbox.loop import call, submit
from ...tools import command as described
from .connection import Connection, Told
from .installed import check_installed
from .messages import Call, Unread, read_message
from .results import Result, observation_of, result_of, tools_from
from .tasks import Grader, McpTask, grader_of, load_tasks, score_of
from .transports import Program, address

_REVISIONS = {"auto": "auto", "2026-07-28": "2026-07-28", "2025-11-25": "legacy"}
_MAX_TOOLS = 128
_MAX_SCHEMA_CHARS = 20_000
_ANSWER = "<answer>{text}</answer>"
_OVER = "", 0.0, True, False
log = logging.getLogger("turnwise.envs")
Reply = tuple[str, float, bool, bool, Info]


class McpEnv(TextEnv):
    """A task for an agent that has the tools of an MCP server.

    The tools are `info["tools"]`, beside `answer`, which ends the episode. A tool that fails and a call that
    the server refuses are told to the agent; a server that is gone is the machine's fault. A server that is
    started begins anew with every episode that follows calls.

    Args:
        command: the program to start and its arguments, in one line or as a list.
        url: instead of it, where a server is, e.g. http://127.0.0.1:8001/mcp.
        task: what is asked.
        answer: the right answer to it; case, blanks and a full stop at the end do not count.
        tasks: instead of both, a file of JSON lines with `task` and `answer`; the seed decides which.
        grade: a function from the answer and the task's row to a score, or `file.py:function`.
        max_turns: an episode ends after so many turns.
        timeout_s: how long the start or a call may take.
        max_chars: longer results are cut.
        images: show pictures, to agents that see.
        variables: names of environment variables that the program gets.
        key_env: name of the variable with a key for the url.
        revision: of the protocol: auto, 2026-07-28 or 2025-11-25.

    Raises:
        UsageError: if arguments contradict each other, or the package `mcp` is not installed.
    """

    no_expert = "nobody says which calls are the best"
    no_clone = "its state is in the server"
    for_operators = ("command", "url", "grade", "variables", "key_env")

    def __init__(
        self,
        command: str | Sequence[str] | None = None,
        url: str | None = None,
        task: str = "",
        answer: str | None = None,
        tasks: Path | None = None,
        grade: str | Grader | None = None,
        max_turns: int = 20,
        timeout_s: float = 60.0,
        max_chars: int = 20_000,
        images: bool = False,
        variables: Sequence[str] = (),
        key_env: str | None = None,
        revision: str = "auto",
    ) -> None:
        self._connection: Connection | None = None
        check_installed("an MCP server")
        if (command is None) == (url is None):
            raise UsageError("give command or url, the one or the other: a server to start, or one that runs")
        if revision not in _REVISIONS:
            raise UsageError(f"revision {revision!r}: expected one of {', '.join(_REVISIONS)}")
        if min(max_turns, timeout_s, max_chars) <= 0:
            raise UsageError(
                f"max_turns {max_turns}, timeout_s {timeout_s:g}, max_chars {max_chars}: above 0"
            )
        words = shlex.split(command) if isinstance(command, str) else list(command or ())
        self._program = Program(words, variables) if words else None
        self._url, self._key = url, os.environ.get(key_env) if key_env else None
        self._name = f"MCP server {url or words[0]}"
        self._tasks = load_tasks(Path(tasks)) if tasks else (McpTask(task, answer),)
        if not self._tasks:
            raise UsageError(f"tasks {str(tasks)!r}: there is none; expected JSON lines")
        self._grader = grader_of(grade, self._tasks)
        self._max_turns, self._timeout_s, self._max_chars = max_turns, timeout_s, max_chars
        self._images, self._mode = images, _REVISIONS[revision]
        self._told = repr((words, url, [(each.text, each.answer) for each in self._tasks], grade))
        self._tools: list[dict[str, Any]] = []
        self._called, self._over, self._turn, self._score = False, False, 0, 0.0
        self._task = self._tasks[0]

    @property
    def fingerprint(self) -> str:
        """Return a hash of this code, the server's name and the tasks: its own code is on the other side."""
        text = f"{code_fingerprint(type(self))} {self._told}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Begin a task, with a server that has not been called yet."""
        super().reset(seed=seed)
        self._task = self._tasks[int(self.np_random.integers(len(self._tasks)))]
        self._over, self._turn, self._score = False, 0, 0.0
        call(self._begin())
        return self._task.text, self._info() | {"tools": [*self._tools, self._answer_tool()]}

    def step(self, action: str) -> Reply:
        """Take one turn: a call, the answer, or something that is neither."""
        read = self._read(action)
        return self._done(read, call(self._result(read)) if isinstance(read, Call) else None)

    async def step_async(self, action: str) -> Reply:
        """Take one turn; see `step`."""
        read = self._read(action)
        made = await asyncio.wrap_future(submit(self._result(read))) if isinstance(read, Call) else None
        return self._done(read, made)

    def close(self) -> None:
        """Leave the server, and end it if it was started."""
        if self._connection is not None:
            call(self._end())

    async def _begin(self) -> None:
        if self._connection is not None and self._called:
            await self._end()
        if self._connection is None:
            way = self._program.transport if self._program else self._address
            connection = Connection(way, self._name, self._mode, self._timeout_s)
            try:
                listed = await connection.open()
            except ServerUnreachable:
                self._tell()
                raise
            self._tools = tools_from(listed, _MAX_SCHEMA_CHARS, _MAX_TOOLS)
            self._connection, self._called = connection, False

    async def _end(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _result(self, made: Call) -> Result:
        """Make a call; what the server objects is a result that failed."""
        if self._connection is None:
            raise ServerUnreachable(f"{self._name}: its connection has ended")
        self._called = True
        if made.name not in {tool["name"] for tool in self._tools}:
            return Result(f"there is no tool {made.name[:100]!r}", failed=True)
        try:
            return result_of(await self._connection.call(made.name, made.arguments), self._max_chars)
        except Told as told:
            return Result(str(told)[: self._max_chars], failed=True)
        except ServerUnreachable:
            await self._end()
            self._tell()
            raise

    def _read(self, action: str) -> Call | str | Unread | None:
        if self._over:
            return None
        self._turn += 1
        return read_message(action)

    def _done(self, read: Call | str | Unread | None, made: Result | None) -> Reply:
        """Return the reply to what was read, given the result of a call."""
        if read is None:
            return *_OVER, self._info()
        result = made or Result(read.reason if isinstance(read, Unread) else "", failed=True)
        tiers = {"tool_calls": float(made is not None), "error": 0.0}
        observation, reward = "", 0.0
        if isinstance(read, str):
            self._over = True
            reward = self._score = score_of(self._grader, read, self._task) if self._grader else 0.0
        else:
            observation, tiers["error"] = observation_of(result), float(result.failed)
        info = self._info(result.images) | {"rewards": tiers, "malformed": isinstance(read, Unread)}
        return observation, reward, self._over, not self._over and self._turn >= self._max_turns, info

    def _info(self, images: tuple[str, ...] = ()) -> Info:
        info: Info = {"admissible": None, "instruction": self._task.text}
        if self._grader is not None:
            info |= {"won": self._score >= 1.0, "score": self._score}
        return info | {"images": list(images)} if self._images else info

    def _answer_tool(self) -> dict[str, Any]:
        name = "answer"
        while name in {tool["name"] for tool in self._tools}:
            name += "_"
        return described(name, _ANSWER, "give the answer, or say that it is done; this ends the task")

    def _address(self) -> Any:
        assert self._url is not None, "without a command there is a url"
        return address(self._url, self._key, self._timeout_s)

    def _tell(self) -> None:
        """Write into the log, and nowhere else, what a server that is gone has said last."""
        if self._program is not None and (words := self._program.last_words.strip()):
            log.warning("%s has said last: %s", self._name, visible(words))
