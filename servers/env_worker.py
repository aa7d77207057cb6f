"""The process that keeps environments for a server: `python -m turnwise.servers.env_worker FD`.

It answers one request at a time over a socket, JSON both ways, so that what an
environment returns can never become code on the server's side. It ends when
the server does, however the server ended, even while an environment hangs.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

import orjson

from ..envs.registry import make
from .hosts import ENV_ERRORS, LocalHost

__all__ = ["main"]

_PARENT_POLL_S = 0.5


class _Hosts:
    """Hold environments by number and make the calls that requests name."""

    def __init__(self) -> None:
        self._hosts: dict[int, LocalHost] = {}
        self._next = 0

    def call(self, request: dict[str, Any]) -> Any:
        """Make one call."""
        for number in request["closed"]:
            host = self._hosts.pop(number, None)
            if host is not None:
                host.close()
        name, number, arguments = request["call"], request["host"], request["arguments"]
        if name == "build":
            return self._keep(LocalHost(make(arguments[0], **arguments[1])))
        host = self._hosts[number]
        if name == "clone":
            return self._keep(host.clone())
        return getattr(host, name)(*arguments)

    def _keep(self, host: LocalHost) -> list[Any]:
        self._next += 1
        self._hosts[self._next] = host
        return [self._next, host.fingerprint]


def main() -> None:
    """Serve requests until the server closes the connection."""
    connection = Connection(int(sys.argv[1]))
    setup = orjson.loads(connection.recv_bytes())
    sys.path[:] = setup["path"]
    if setup["memory_bytes"] and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (setup["memory_bytes"], setup["memory_bytes"]))
    threading.Thread(target=_end_with, args=(setup["parent"],), daemon=True).start()
    hosts = _Hosts()
    while True:
        try:
            request = orjson.loads(connection.recv_bytes())
        except EOFError:
            return
        connection.send_bytes(_answer(hosts, request))


def _answer(hosts: _Hosts, request: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps({"value": hosts.call(request)}, option=orjson.OPT_SERIALIZE_NUMPY)
    except MemoryError:
        os._exit(137)  # the process is spent; the server replays its sessions elsewhere
    except ENV_ERRORS as error:
        fault = {
            "type": type(error).__name__,
            "message": _clean(str(error))[:4000],
            "traceback": _clean(traceback.format_exc())[-8000:],
        }
        return orjson.dumps({"fault": fault})


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, whatever the main thread does."""
    wait = threading.Event()
    while os.getppid() == parent:
        wait.wait(_PARENT_POLL_S)
    os._exit(1)


if __name__ == "__main__":
    main()
