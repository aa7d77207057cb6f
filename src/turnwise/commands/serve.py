"""`turnwise serve`: offer environments over HTTP."""

from __future__ import annotations

import typer

from ..servers.run.config import ServerConfig
from .options_from import with_settings


@with_settings("TURNWISE_SERVE_")
def serve(config: ServerConfig) -> None:
    """Offer environments over HTTP until SIGTERM or Ctrl-C.

    Every setting can be given as a flag, as an environment variable or in the
    file of --config, where --max-sessions is max_sessions; the flag counts before
    the variable, the variable before the file, the file before the default.
    """
    from ..servers.run.serve import serve as run

    raise typer.Exit(run(config))
