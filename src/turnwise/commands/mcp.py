"""`turnwise mcp ENV`: an environment's tools, served over MCP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..servers.protocol.limits import Limits
from ..servers.run.config import ServerConfig
from ..settings import KEY_ENV
from .options import EnvKwargs, parse_kwargs

__all__ = ["mcp"]


def mcp(
    env: Annotated[str, typer.Argument(metavar="ENV", help="An id, package.module:Class or file.py:Class.")],
    kwargs: EnvKwargs = None,
    http: Annotated[
        bool, typer.Option("--http", help="Serve over HTTP, not standard input and output.")
    ] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65_535)] = 8001,
    key_file: Annotated[Path | None, typer.Option(help="Who may call: lines of NAME SECRET.")] = None,
    key_env: Annotated[str | None, typer.Option(help="Environment variable that holds the one key.")] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Name by which the server may be asked. Again for more."),
    ] = None,
    open_to_everyone: Annotated[
        bool, typer.Option("--open-to-everyone", help="Listen beyond this machine without keys.")
    ] = False,
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

    config = ServerConfig(
        host=host,
        port=port,
        key_file=key_file,
        key_env=key_env,
        allowed_hosts=tuple(allowed_host or ()),
        open_to_everyone=open_to_everyone,
        limits=Limits(max_sessions=max_episodes, ttl_s=ttl),
    )
    served = Served(env, parse_kwargs(kwargs), server, os.environ.get(KEY_ENV), config)
    if http:
        serve_http(served, lambda address: typer.echo(f"MCP at {address}  (Ctrl-C to end)"))
    else:
        serve_stdio(served)
