"""`turnwise view PATH|URL`: pages over runs, evaluations and trajectories, or over a live server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from ..settings import KEY_ENV

__all__ = ["view"]

_BUDGET_S = 10.0  # for a server that gives no answer


def view(
    what: Annotated[
        str,
        typer.Argument(
            metavar="PATH|URL",
            help="A run, an evaluation, a folder that holds some, or the address of a server.",
        ),
    ] = "runs",
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The public keys of who has signed hosted runs: for their boards."),
    ] = None,
    port: Annotated[int, typer.Option(help="Where on this machine; 0: a free one.", min=0, max=65_535)] = 0,
) -> None:
    """Show runs, evaluations and trajectories in the browser, while they go on, until Ctrl-C.

    What goes on can be paused, bounded and stopped there. Of a server it shows the sessions of the key
    in TURNWISE_KEY; environments can be played by hand, and a session that a policy plays
    taken over. The pages are on this machine alone, and the browser asks nothing of another.

    Examples:
      turnwise view runs
      turnwise view runs --keys operator/keys.json
      turnwise view http://127.0.0.1:8000 --port 8080
    """
    from ..servers.pages.serving import serve_pages

    if "://" in what:
        if keys is not None:
            raise UsageError(
                "--keys is for hosted runs below a folder; a server shows its own boards at /board/"
            )
        from ..servers.client import connect
        from ..servers.client.address import checked_address
        from ..servers.pages.live import live

        address = checked_address(what)
        key = os.environ.get(KEY_ENV)
        app = live(lambda: connect(address, key, budget_s=_BUDGET_S, renew=True), address)
    else:
        from ..servers.benchmarks.signing import keys_in
        from ..trainers.pages.site import site

        app = site(Path(what), None if keys is None else keys_in(keys))
    serve_pages(app, port, lambda shown: typer.echo(f"open {shown}  (Ctrl-C to end)"))
