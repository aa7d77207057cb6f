"""Where a server is and who asks: checked before the first request, so that nobody waits to hear it."""

from __future__ import annotations

import os
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from ...errors import UsageError
from ...settings import KEY_ENV
from ..http.visitors import is_address

__all__ = ["checked_address", "checked_key", "proxy_of"]


def checked_address(url: str) -> str:
    """Return the address of a server without a slash at its end.

    Raises:
        UsageError: if it is not one.
    """
    expected = "expected http://HOST:PORT or https://HOST[:PORT]"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"server address {url!r}: {error}; {expected}") from error
    strange = any(not character.isprintable() or character == " " for character in url)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or strange:
        raise UsageError(f"server address {url!r}: {expected}")
    if parts.query or parts.fragment:
        raise UsageError(f"server address {url!r} has a query or a fragment; {expected}")
    return url.rstrip("/")


def checked_key(key: str | None) -> str | None:
    """Return a key without the blanks and line ends around it, which no key has.

    Args:
        key: as it was given; None takes that of the environment (`KEY_ENV`), if there is one.

    Raises:
        UsageError: if no header can carry it; the text does not hold it.
    """
    key = os.environ.get(KEY_ENV) or None if key is None else key
    if key is None:
        return None
    key = key.strip()
    strange = [place for place, character in enumerate(key) if not "!" <= character <= "~"]
    if strange or not key:
        what = f"has a character at place {strange[0]} that no header carries" if strange else "is empty"
        raise UsageError(f"the key {what}; expected printable ASCII without blanks, as in the key file")
    return key


def proxy_of(url: str) -> str | None:
    """Return the proxy that the environment names for an address; None for this machine's own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_here(host) or proxy_bypass(_with_port(parts)):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def _is_here(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost") or (is_address(host) and _loops(host))


def _loops(host: str) -> bool:
    return host == "::1" or host.startswith("127.")


def _with_port(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]
