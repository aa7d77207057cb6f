"""Who boxes run as: a number for each family, that nobody else has, given back with its last box."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnwise.envs.sandbox import Sandbox, SandboxError, Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend, channel, probe
from turnwise.envs.sandbox.namespace.host import USERS, users
from turnwise.envs.sandbox.namespace.keeper.families import Numbers
from turnwise.envs.sandbox.namespace.keeper.kernel import exchange

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="without root all boxes are one user")
OTHER = """
import sys
from turnwise.envs.sandbox.namespace.keeper.families import Numbers
print(Numbers(sys.argv[1], 100, 3).take(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NamespaceBackend]:
    """Return a backend with two numbers to give."""
    monkeypatch.setattr(channel, "USERS", range(66_000, 66_002))
    monkeypatch.setattr(channel, "USERS_FILE", str(tmp_path / "users"))
    backend = NamespaceBackend()
    yield backend
    asyncio.run(backend.aclose())


async def user(box: Sandbox) -> int:
    return int((await box.run("id -u")).output)


def test_a_number_is_one_processs_until_it_is_given_back_or_the_process_is_killed(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "users")
    numbers = Numbers(path, 100, 3)
    first, second = numbers.take(), numbers.take()
    with subprocess.Popen([sys.executable, "-c", OTHER, path], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        third = int(other.stdout.readline())
        assert {first, second, third} == {100, 101, 102}
        with pytest.raises(OSError, match="from 100 to 102 are taken"):
            numbers.take()
        numbers.give_back(first)
        assert numbers.take() == first
        other.kill()
        other.wait()
    assert numbers.take() == third
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700


def test_two_owners_change_places_and_the_rest_stays() -> None:
    assert exchange(5, 9) == "0 0 5\n5 9 1\n6 6 3\n9 5 1\n10 10 4294967285\n"
    assert exchange(9, 0) == "0 9 1\n1 1 8\n9 0 1\n10 10 4294967285\n"
    assert exchange(7, 8) == "0 0 7\n7 8 1\n8 7 1\n9 9 4294967286\n"
    assert exchange(3, 3) == "0 0 4294967295\n"


def test_a_container_with_few_numbers_has_a_lower_range(tmp_path: Path) -> None:
    (tmp_path / "uid_map").write_text("0 0 4294967295\n")
    (tmp_path / "gid_map").write_text("0 0 4294967295\n")
    assert users(tmp_path) == range(66_000, 98_000)
    (tmp_path / "gid_map").write_text("0 100000 65536\n")
    assert users(tmp_path) == range(40_000, 60_000)


def test_the_doctor_names_who_has_numbers_of_the_range(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = tmp_path / "subuid"
    monkeypatch.setattr(probe, "_SUBORDINATE", (table, tmp_path / "missing"))
    assert probe.given_away() == ""
    table.write_text("# a comment\nanna:100000:65536\nbert:60000:6000\n")
    assert probe.given_away() == ""
    table.write_text("anna:100000:65536\nbert:60000:6001\n")
    assert probe.given_away() == f"bert ({table})"


@pytest.mark.sandbox
def test_forks_are_the_same_user_and_other_boxes_are_others() -> None:
    async def body() -> None:
        backend = NamespaceBackend()
        try:
            box, other = await backend.start(Spec()), await backend.start(Spec())
            (child,) = await box.fork(1)
            await box.aclose()
            (grandchild,) = await child.fork(1)
            await child.run("echo 1 > a")
            found = [await user(one) for one in (child, grandchild, other)]
            assert found[0] == found[1] != found[2] and set(found) <= set(USERS)
            assert (await child.run("stat -c '%u %U %G' a ~")).output == f"{found[0]} agent agent\n" * 2
        finally:
            await backend.aclose()

    asyncio.run(body())


@pytest.mark.sandbox
def test_a_base_that_the_keeper_does_not_know_is_said_and_others_live(few: NamespaceBackend) -> None:
    async def body() -> None:
        async with await few.start(Spec()) as box:
            message = await few._message(Spec())
            reply = await few.channel.ask("start", box="x", **{**message, "base": "rootfs:/forgotten"})
            assert reply.message["failed"] == "machine" and "rootfs:/forgotten" in reply.message["text"]
            assert (await box.run("echo lives")).output == "lives\n"

    asyncio.run(body())


@pytest.mark.sandbox
def test_a_number_goes_back_with_the_last_box_and_nothing_of_it_stays(few: NamespaceBackend) -> None:
    leave = "for d in . ~ /tmp /var/tmp /dev/shm; do echo left > $d/left; done; ipcmk -Q; sleep 77 & echo ok"
    find = (
        "cat left ~/left /tmp/left /var/tmp/left /dev/shm/left; ipcs -q | grep 0x; "
        "find / -xdev -user $(id -u) ! -path '/proc/*' 2>/dev/null | sort; kill -0 -1 && echo processes"
    )

    async def body() -> None:
        box, other = await few.start(Spec()), await few.start(Spec())
        numbers = {await user(box), await user(other)}
        assert numbers == {66_000, 66_001}
        (child,) = await box.fork(1)
        await box.aclose()
        with pytest.raises(SandboxError, match="from 66000 to 66001 are taken"):
            await few.start(Spec())
        assert "ok" in (await child.run(leave)).output
        gone = await user(child)
        await child.aclose()
        async with await few.start(Spec()) as new:
            assert await user(new) == gone
            seen = [line for line in (await new.run(find)).output.splitlines() if "No such" not in line]
            assert [line for line in seen if not line.startswith("/dev/")] == ["/home/agent", "/workspace"]
            assert (await other.run(f"kill -0 {os.getpid()} 2>&1; id -u")).output.endswith(
                f"{(numbers - {gone}).pop()}\n"
            )

    asyncio.run(body())
