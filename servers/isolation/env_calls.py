"""What a process that keeps environments does when it is asked: one request after the other.

Requests and answers are JSON after four bytes of length, so that what an
environment returns can never become code on the server's side.
"""

from __future__ import annotations

import os
import resource
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from ... import __version__
from ...envs.registry import make
from ..protocol.encoding import encode_info
from .descriptions import describe_env, plain_description
from .faults import REFUSALS
from .hosts import LocalHost, wait_until_closed


def answer_requests(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the requests end; the first of them says how to be set up."""
    setup = _read(requests)
    if setup is None:
        return
    if setup["path"]:
        sys.path[:] = setup["path"]
    if setup["memory_bytes"] and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (setup["memory_bytes"], setup["memory_bytes"]))
    table = _EnvTable()
    while (request := _read(requests)) is not None:
        answer = _answer(table, request)
        answers.write(len(answer).to_bytes(4, "big") + answer)
        answers.flush()


class _EnvTable:
    """The environments of this process by number, and the calls that requests name."""

    def __init__(self) -> None:
        self._hosts: dict[int, LocalHost] = {}
        self._next = 0
        self._folder = Path.cwd()

    def call(self, request: dict[str, Any]) -> Any:
        """Make one call."""
        for number in request["closed"]:
            if (unused := self._hosts.pop(number, None)) is not None:
                unused.close()
        name, number, arguments = request["call"], request["host"], request["arguments"]
        if name == "close":
            return None
        if name == "end":
            return self._end(*arguments)
        if name in ("describe", "build"):
            os.chdir(self._folder)  # relative names of files begin there, wherever an environment went
        if name == "describe":
            return _describe(arguments)
        if name == "build":
            return self._keep(LocalHost(make(arguments[0], **arguments[1])))
        host = self._hosts[number]
        if name == "clone":
            return self._keep(host.clone())
        result = getattr(host, name)(*arguments)
        if name in ("reset", "step"):  # said here as it would be said there
            encode_info(host.env.name, result[-1])
        return result

    def _keep(self, host: LocalHost) -> list[Any]:
        host.closes_on_thread = True  # whoever is asked next does not wait for it
        self._next += 1
        self._hosts[self._next] = host
        return [self._next, host.fingerprint]

    def _end(self, seconds: float) -> int:
        """Close all that is left; return how many have not closed in time."""
        for host in self._hosts.values():
            host.close()
        self._hosts.clear()
        return wait_until_closed(seconds)


def _describe(env_ids: list[str]) -> dict[str, Any]:
    """Tell the version and what is known of environments, as they are on this side."""
    return {"version": __version__, "envs": {id: plain_description(describe_env(id)) for id in env_ids}}


def _read(requests: BinaryIO) -> dict[str, Any] | None:
    size = requests.read(4)
    if len(size) < 4:
        return None
    request: dict[str, Any] = orjson.loads(requests.read(int.from_bytes(size, "big")))
    return request


def _answer(table: _EnvTable, request: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps({"value": table.call(request)}, option=orjson.OPT_SERIALIZE_NUMPY)
    except MemoryError:
        os._exit(137)  # the process is spent; the server replays its sessions elsewhere
    except BaseException as error:  # noqa: BLE001 - whatever it is, only this call fails
        fault = {
            "type": type(error).__name__,
            "message": _clean(str(error))[:4000],
            "traceback": _clean(traceback.format_exc())[-8000:],
            "of_files": isinstance(error, OSError),
            "refusal": next((each.__name__ for each in REFUSALS if isinstance(error, each)), None),
        }
        return orjson.dumps({"fault": fault})


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
