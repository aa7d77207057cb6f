"""The tools of an MCP server as an environment.

environment  tasks, calls and answers, turn by turn: McpEnv
tasks        what is asked, and how an answer is judged
messages     how a call or an answer is read
results      what a tool has said, as an observation
connection   a connection to a server, kept by a task of its own
installed    whether the package is there
transports   a server started as a process, or reached by its address, both bounded

The package `mcp` is imported by `connection` and `transports` when a server is connected to.
"""

from .environment import McpEnv

__all__ = ["McpEnv"]
