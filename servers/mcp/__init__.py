"""An environment's tools, served over MCP: every call names the episode that it is a turn of.

offered    the tools that a client is shown, and the actions that their calls are
handles    episodes by their handles: begun, played, ended, each call once
answers    a reply as what a tool answers
speaking   an MCP server of these, whatever carries its messages
listening  it over HTTP: who may call
input      standard input as lines
running    the server from its settings to its end

The package `mcp` is imported where it is needed, by `speaking` and `running` alone. It speaks the revision of
July 2026, which has no sessions, and those with a handshake up to that of November 2025.
"""
