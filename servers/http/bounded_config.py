"""How uvicorn serves here: connections bounded one by one and counted together, without its own log."""

from __future__ import annotations

from typing import Any

import uvicorn

from .bounded import BoundedHttp
from .crowd import Crowd, most_connections
from .front import FrontDoor


class BoundedConfig(uvicorn.Config):
    """Settings of uvicorn for a server that strangers may reach.

    Args:
        app: what answers.
        most: connections at once; 0 for as many as there is room for.
        door: opens links for routers, where it is a server of environments.
        more: further settings of uvicorn.

    Raises:
        UsageError: if there is no room for so many connections.
    """

    def __init__(self, app: Any, most: int, door: FrontDoor | None = None, **more: Any) -> None:
        super().__init__(
            app,
            http=BoundedHttp,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            **more,
        )
        self.crowd, self.door = Crowd(most_connections(most)), door
