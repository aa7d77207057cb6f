"""Which hosts a task may reach: names, names with `*.` before them, addresses and ranges of addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from ....errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_HOSTS = 1000
_LONGEST_NAME = 253
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_EXPECTED = "expected a name, '*.' and a name, an address, or a range as 10.0.0.0/8"


class Allowlist:
    """The hosts of a list, asked for one by one.

    Args:
        hosts: `example.org` is that name alone; `*.example.org` every name below it, at any depth, but not
            itself; `203.0.113.7`, `203.0.113.0/24` and their like of version 6 are addresses. Large and
            small letters are the same; ports are not named: all of a host's are meant.

    Raises:
        UsageError: for what is none of these.
    """

    def __init__(self, hosts: Sequence[str]) -> None:
        if len(hosts) > _MAX_HOSTS:
            raise UsageError(f"{len(hosts)} hosts; at most {_MAX_HOSTS} are taken: use '*.' or ranges")
        self.hosts = tuple(hosts)
        self._names: set[str] = set()
        self._suffixes: set[str] = set()
        self._ranges: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for host in hosts:
            self._add(host)

    def _add(self, host: str) -> None:
        try:
            self._ranges.append(ipaddress.ip_network(host.strip("[]"), strict=False))
            return
        except ValueError:
            pass
        name = host.removeprefix("*.")
        plain = plain_name(name)
        if plain is None or plain.rpartition(".")[2].isdecimal():
            raise UsageError(f"the host {host[:_LONGEST_NAME]!r} means nothing; {_EXPECTED}")
        (self._suffixes if name != host else self._names).add(plain)

    def has_name(self, name: str) -> bool:
        """Tell whether a name may be reached."""
        plain = plain_name(name)
        if plain is None:
            return False
        labels = plain.split(".")
        return plain in self._names or any(
            ".".join(labels[at:]) in self._suffixes for at in range(1, len(labels))
        )

    def has_address(self, address: Address) -> bool:
        """Tell whether the list names an address, alone or by a range."""
        return any(address in each for each in self._ranges if each.version == address.version)


def plain_name(name: str) -> str | None:
    """Return a name of a host in small letters without the dot at its end; None if it is not one."""
    plain = name.lower().removesuffix(".")
    return plain if len(plain) <= _LONGEST_NAME and _NAME.fullmatch(plain) else None
