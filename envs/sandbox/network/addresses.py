"""What a name stands for, without the addresses that are near this machine.

A list that names `example.org` means a host of the public internet: whoever answers for that name must not
be able to point it at this machine, its network, or the service that tells a cloud's machines their keys. An
address is asked for once and then connected to, so that it cannot be another one meanwhile. Sources: IANA's
special-purpose address registries, as the module ipaddress has them; RFC 6052 for 64:ff9b::/96.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from .allowlist import Address, Allowlist

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")  # all that IANA has given out of version 6
_METADATA = (  # where machines of Azure and Oracle find services of their cloud
    ipaddress.ip_network("168.63.129.16"),
    ipaddress.ip_network("192.0.0.0/24"),
)
_DISCARD = 9
_MAX_ADDRESSES = 4


class Refusal(Exception):
    """What the proxy does not do, as a status of HTTP and a sentence."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


async def find(host: str, port: int, allowlist: Allowlist) -> list[Address]:
    """Return the addresses of a host to which a box may connect, at least one.

    A name that is not on the list is not resolved: asking for it would already tell somebody something.

    Raises:
        Refusal: if there is not one.
    """
    given = literal(host)
    if given is not None:
        if not allowlist.has_address(given):
            raise Refusal(403, "this address is not on the task's list")
        return [given]
    if not allowlist.has_name(host):
        raise Refusal(403, "this name is not on the task's list")
    found = await _resolve(host, port)
    allowed = [each for each in found if allowlist.has_address(each) or is_outside(each)]
    if not allowed:
        raise Refusal(403, "it stands for an address near this machine, which the task's list does not name")
    return allowed[:_MAX_ADDRESSES]


async def _resolve(host: str, port: int) -> list[Address]:
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refusal(502, "its name is not known") from error
    return [address for row in rows if (address := literal(str(row[4][0]))) is not None]


def literal(text: str) -> Address | None:
    """Return an address that is written out, one of version 4 in the clothes of version 6 as itself."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_outside(address: Address) -> bool:
    """Tell whether an address is one of the public internet, and not this machine's own."""
    inner = _within(address)
    if inner is not None:
        return is_outside(inner)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and (address.version == 4 or address in _UNICAST)
        and not any(address.version == 4 and address in each for each in _METADATA)
        and not _is_own(address)
    )


def _within(address: Address) -> ipaddress.IPv4Address | None:
    """Return the address of version 4 to which one of version 6 leads, where it says so."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def _is_own(address: Address) -> bool:
    """Tell whether this machine has an address: the kernel would then speak to it from that same one."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        try:
            line.connect((str(address), _DISCARD))  # sends nothing
            return literal(line.getsockname()[0]) == address
        except OSError:
            return False
