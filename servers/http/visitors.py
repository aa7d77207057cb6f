"""What a browser may carry here: pages of this server's own names, and JSON that says it is JSON.

A page of anybody's can make the browser of whoever looks at it send requests to a server
on that machine or in its network. Three headers tell them apart, and browsers let no page
change them: `Origin` names the page, `Host` the name by which the server was asked (a name
that an attacker points at 127.0.0.1 is the attacker's still: DNS rebinding), and a body of
type application/json is asked for with a preflight, which nothing here answers.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from ..protocol.problems import Refused, foreign_page, not_json_type, unknown_host

__all__ = ["Visitors", "check_json_type", "is_address", "is_loopback"]

Headers = Sequence[tuple[bytes, bytes]]

_JSON = b"application/json"


class Visitors:
    """The names of a server, by which it is asked and whose pages may ask.

    Addresses in digits and `localhost` are always names of it: nobody can point them elsewhere.

    Args:
        names: further names; `*.example.org` stands for every name below.
        strict: refuse every other name. Without it only pages are looked at, as where a key
            is asked for, which browsers do not hold, or where everybody may come anyway.
    """

    def __init__(self, names: Iterable[str] = (), *, strict: bool = False) -> None:
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._strict = strict
        self._last = (b"", b"")  # which was fine; clients ask again and again

    def check(self, headers: Headers) -> None:
        """Look at who asks.

        Raises:
            Refused: 403, if it is a page of somewhere else, or the name is not of this server.
        """
        asked = origin = b""
        for name, value in headers:
            if name == b"host":
                if asked and asked != value:
                    raise Refused(unknown_host(_shown(value)))
                asked = value
            elif name == b"origin":
                if origin and origin != value:
                    raise Refused(foreign_page(_shown(value)))
                origin = value
        self.check_names(asked, origin)

    def check_names(self, asked: bytes, origin: bytes) -> None:
        """Look at who asks, by the values of Host and Origin; empty where there is none.

        Raises:
            Refused: as `check`.
        """
        if (asked, origin) == self._last:
            return
        if self._strict and asked and not self._knows(_host_of(_shown(asked))):
            raise Refused(unknown_host(_host_of(_shown(asked))))
        if origin and not self._of_this_server(_shown(origin), _shown(asked)):
            raise Refused(foreign_page(_shown(origin)))
        self._last = (asked, origin)

    def _of_this_server(self, origin: str, asked: str) -> bool:
        try:
            page = urlsplit(origin)
            host = page.hostname or ""
        except ValueError:
            return False
        if page.scheme not in ("http", "https") or not host:
            return False
        return page.netloc.lower() == asked.lower() or self._listed(host)

    def _knows(self, host: str) -> bool:
        return host == "localhost" or host.endswith(".localhost") or is_address(host) or self._listed(host)

    def _listed(self, host: str) -> bool:
        if host in self._names:
            return True
        _, dot, parent = host.partition(".")
        while dot:
            if f"*.{parent}" in self._names:
                return True
            _, dot, parent = parent.partition(".")
        return False


def check_json_type(given: bytes) -> None:
    """Check that a body says that it is JSON, by its Content-Type.

    Raises:
        Refused: 415, if it does not.
    """
    if given != _JSON and given.partition(b";")[0].strip().lower() != _JSON:
        raise Refused(not_json_type(_shown(given)))


def _host_of(asked: str) -> str:
    """Return the host of a Host header, without its port, in lower case."""
    name = asked.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def is_address(host: str) -> bool:
    """Tell whether a host is an address in digits."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether an address, or every one that a name stands for, is of this machine alone."""
    if is_address(host):
        return ipaddress.ip_address(host).is_loopback
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", None)
    except OSError:
        return False
    return all(ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)


def _shown(value: bytes) -> str:
    return value.decode("latin-1")
