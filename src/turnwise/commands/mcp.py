"""`turnwise mcp ENV`: an environment's tools, served over MCP."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ..servers.protocol.limits import Limits
from ..servers.run.listening_config import Listening
from ..settings import KEY_ENV
from .options import EnvKwargs, parse_kwargs
from .options_from import with_settings

__all__ = ["mcp"]


@with_settings()
def mcp(
    env: Annotated[str, typer.Argument(metavar="ENV", help="An id, package.module:Class or file.py:Class.")],
    kwargs: EnvKwargs = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP, not standard input and output.")
    ] = False,
    listening: Listening = Listening(port=8001),
    max_episodes: Annotated[int, typer.Option(help="Most episodes at once.", min=1)] = 64,
    ttl: Annotated[float, typer.Option(help="Seconds after which an idle episode is ended.")] = 1800.0,
    server: Annotated[
        str | None, typer.Option(help=f"Play on this turnwise server, with the key in {KEY_ENV}.")
    ] = None,
) -> None:
    """Serve an environment's tools over MCP, for any client that speaks it.

    `start` begins an episode of a task and answers with a handle, which every other tool takes;
    an environment without tools has one, `act`. Nobody but you chooses the arguments of the environment.

    Examples:
      turnwise mcp calling/office-v1
      turnwise mcp household/demo-v0 --http --port 8001
    """
    from ..servers.mcp.running import Served, serve_http, serve_stdio

    limits = Limits(max_sessions=max_episodes, ttl_s=ttl)
    served = Served(env, parse_kwargs(kwargs), server, os.environ.get(KEY_ENV), listening, limits)
    if http:
        serve_http(served, lambda address: typer.echo(f"MCP at {address}  (Ctrl-C to end)"))
    else:
        serve_stdio(served)
