"""Which hosts a list has, and which addresses are near this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.envs.sandbox.network import Allowlist, addresses
from turnwise.envs.sandbox.network.addresses import Refusal, find, is_outside, literal
from turnwise.errors import UsageError

HOSTS = ["example.org", "*.Example.COM", "203.0.113.0/24", "2001:db8::1", "10.1.2.3"]
NEAR = [
    "0.0.0.0", "10.0.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254", "172.17.0.1", "192.0.0.192",
    "192.168.1.1", "168.63.129.16", "224.0.0.1", "255.255.255.255", "::", "::1", "fd00:ec2::254", "fe80::1",
    "ff02::1", "fec0::1", "64:ff9b:1::1", "5f00::1", "::127.0.0.1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("example.org", True),
        ("EXAMPLE.org.", True),
        ("www.example.org", False),
        ("example.org.evil.net", False),
        ("evil-example.org", False),
        ("example.com", False),
        ("a.example.com", True),
        ("a.b.Example.com", True),
        ("evilexample.com", False),
        ("example.com.", False),
        ("a..example.com", False),
        ("-a.example.com", False),
        ("a\0.example.com", False),
        ("\u0430.example.com", False),
        ("", False),
        ("203.0.113.7", False),
    ],
)
def test_names_are_those_of_the_list(name: str, there: bool) -> None:
    assert Allowlist(HOSTS).has_name(name) is there


def test_addresses_are_those_of_the_list() -> None:
    allowlist = Allowlist([*HOSTS, "[2001:db8:1::]"])
    there = ["203.0.113.0", "203.0.113.255", "2001:db8::1", "2001:db8:1::", "10.1.2.3"]
    assert all(allowlist.has_address(ipaddress.ip_address(one)) for one in there)
    others = ["203.0.114.0", "2001:db8::2", "10.1.2.4", "127.0.0.1"]
    assert not any(allowlist.has_address(ipaddress.ip_address(one)) for one in others)


@pytest.mark.parametrize(
    "host",
    ["", "*", "*.", "*.*.org", "a.*.org", "*example.org", "http://a.org", "a.org:80", "a.org/x",
     "10.0.0.0/33", "1.2.3.400", "a b", "-a.org", "a" * 64, "x." * 130, "\u00e4.org"],
)  # fmt: skip
def test_what_means_nothing_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="means nothing"):
        Allowlist(["fine.org", host])
    with pytest.raises(UsageError, match="at most"):
        Allowlist(["fine.org"] * 1001)


def test_what_is_near_this_machine_is_not_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one for one in NEAR if is_outside(ipaddress.ip_address(one))] == []
    assert all(is_outside(ipaddress.ip_address(one)) for one in ("1.1.1.1", "2606:4700::1111"))
    monkeypatch.setattr(addresses, "_is_own", lambda address: str(address) == "1.1.1.1")
    assert not is_outside(ipaddress.ip_address("1.1.1.1"))
    assert not is_outside(ipaddress.ip_address("2002:101:101::"))


def test_this_machine_knows_its_own_addresses() -> None:
    assert addresses._is_own(ipaddress.ip_address("127.0.0.1"))
    assert not addresses._is_own(ipaddress.ip_address("192.0.2.1"))


@given(st.ip_addresses(v=4))
def test_no_clothes_of_version_6_hide_an_address(address: ipaddress.IPv4Address) -> None:
    number, outside = int(address), is_outside(address)
    assert literal(f"::ffff:{address}") == address
    for clothed in (0x64FF9B << 96 | number, 0x2002 << 112 | number << 80, 0xFFFF << 32 | number):
        assert is_outside(ipaddress.IPv6Address(clothed)) is outside


@pytest.mark.parametrize(
    ("answers", "hosts", "found"),
    [
        (["1.1.1.1"], ["a.org"], ["1.1.1.1"]),
        (["127.0.0.1", "1.1.1.1", "::ffff:10.0.0.1"], ["a.org"], ["1.1.1.1"]),
        (["10.0.0.5"], ["a.org", "10.0.0.0/8"], ["10.0.0.5"]),
        (["169.254.169.254"], ["a.org"], "near this machine"),
        (["1.1.1.1"], ["b.org", "1.0.0.0/8"], "not on the task's list"),
    ],
)
def test_a_name_stands_for_what_is_outside_or_on_the_list(
    answers: list[str], hosts: list[str], found: list[str] | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def resolved(host: str, port: int, type: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(host)
        return [(socket.AF_INET, type, 6, "", (one, port)) for one in answers]

    async def body() -> list[str]:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
        return [str(one) for one in await find("a.org", 80, Allowlist(hosts))]

    if isinstance(found, list):
        assert asyncio.run(body()) == found
        return
    with pytest.raises(Refusal, match=found):
        asyncio.run(body())
    assert asked == ([] if "list" in found and "near" not in found else ["a.org"])
