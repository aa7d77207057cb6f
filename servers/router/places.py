"""Where servers are: addresses of flags and of a file, and names that stand for several addresses.

Only what the operator wrote is ever asked: no address comes from a client or from an answer.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...errors import UsageError
from ..client.address import checked_address
from ..http.visitors import is_loopback
from .config import FleetConfig

_MAX_SERVERS = 1024


@dataclass(frozen=True, slots=True)
class Place:
    """One address of a server.

    Args:
        url: as the operator wrote it.
        ip: the address in digits that its name stands for.
    """

    url: str
    ip: str

    @property
    def shown(self) -> str:
        """Return how a log calls it."""
        return self.url if self.ip in self.url else f"{self.url} ({self.ip})"


class Places:
    """The addresses of all servers, as they are written now.

    Args:
        config: where they are written.

    Raises:
        UsageError: if one of them is not an address, or would be asked in the clear.
    """

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self._stamp: tuple[int, int, int] | None = None
        self._urls = [self._checked(url) for url in config.servers]
        self._of_file: list[str] = self._read()

    async def now(self, again: bool = False) -> list[Place]:
        """Return where servers are now; the file is read if it has changed, or `again`.

        Raises:
            UsageError: if the file is not one any more; what it said before still counts.
        """
        if again:
            self._stamp = None
        self._of_file = self._read()
        loop = asyncio.get_running_loop()
        found: dict[Place, None] = {}
        for url in dict.fromkeys([*self._urls, *self._of_file]):
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            try:
                infos = await loop.getaddrinfo(parts.hostname or "", port, type=socket.SOCK_STREAM)
            except OSError:
                continue  # a name that nobody knows for now
            for *_, address in sorted(infos):
                found.setdefault(Place(url, str(address[0])))
        return list(found)[:_MAX_SERVERS]

    def _read(self) -> list[str]:
        file = self._config.servers_file
        if file is None:
            return []
        try:
            status = file.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp == self._stamp:
                return self._of_file
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"servers file {str(file)!r}: {error}") from error
        words = [line.partition("#")[0].strip() for line in lines]
        urls = [self._checked(word) for word in words if word]
        self._stamp = stamp
        return urls

    def _checked(self, url: str) -> str:
        url = checked_address(url)
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise UsageError("a server's address holds a name or a password: give --server-key-env instead")
        if (
            parts.scheme == "http"
            and not self._config.trusted_network
            and not is_loopback(parts.hostname or "")
        ):
            raise UsageError(
                f"server {url!r} would be asked in the clear: expected https, or an address of this machine; "
                "--trusted-network says that nobody else listens between"
            )
        return url
