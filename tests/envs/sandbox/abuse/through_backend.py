"""Tries at the backend itself: what it reads, writes, compares and runs in a box that deceives it."""

# ruff: noqa: E501 (scripts are data)

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from case import Case

from turnwise.envs.sandbox import SandboxError
from turnwise.errors import UsageError

Facts = dict[str, str]
_REFUSED = (OSError, UsageError)


def verdict(succeeded: bool) -> str:
    return "succeeded" if succeeded else "refused"


async def _content(box: Any, path: str, limit: int = 1 << 20) -> bytes:
    try:
        return bytes(await asyncio.wait_for(box.read(path, limit), 60))
    except _REFUSED:
        return b""


async def daemon(box: Any, other: Any, facts: Facts) -> str:
    await box.run("(setsid bash -c '(sleep 4711 & sleep 4712)' &) ; setsid sleep 4713 & sleep 60", 1)
    await asyncio.sleep(1)
    found = await box.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true")
    return verdict("sleep 471" in found.output)


async def no_newline(box: Any, other: Any, facts: Facts) -> str:
    """A process whose name looks like the end of its own entry, and one that changes its environment."""
    program = "import ctypes, time; ctypes.CDLL(None).prctl(15, b') S 1\\n) R'); time.sleep(4714)"
    await box.run(f"setsid env -i python3 -c {program!r} & sleep 60".replace("'", '"', 0), 1.5)
    await asyncio.sleep(0.5)
    found = await box.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true")
    return verdict("4714" in found.output)


async def kill_all(box: Any, other: Any, facts: Facts) -> str:
    await box.write("kept", b"1")
    await box.run("kill -9 1; kill -9 $PPID; kill -9 -1", 5)
    try:
        return verdict((await box.run("cat kept", 10)).output != "1")
    except SandboxError:
        return "succeeded"


async def stop_all(box: Any, other: Any, facts: Facts) -> str:
    ran = await box.run("kill -STOP 1; kill -STOP $PPID; kill -STOP -1; kill -STOP $$; sleep 9", 2)
    alive = await box.run("echo alive", 10)
    return verdict(ran.seconds > 8 or alive.output != "alive\n")


async def huge_output(box: Any, other: Any, facts: Facts) -> str:
    ran = await box.run("head -c 200M /dev/zero | tr '\\0' x", 60)
    return "contained" if len(ran.output) < 2 * box.spec.limits.output_bytes else "succeeded"


async def holds_output(box: Any, other: Any, facts: Facts) -> str:
    ran = await asyncio.wait_for(box.run("(yes > /dev/stdout &) ; sleep 600 & echo here", 30), 40)
    return verdict(ran.cause != "exit" or "here" not in ran.output)


async def sparse(box: Any, other: Any, facts: Facts) -> str:
    start = await box.snapshot()
    await box.run("truncate -s 1T big; truncate -s 60M small; true")
    try:
        changed = await asyncio.wait_for(box.changes(start), 60)
        large = sum(len(data or b"") for data in changed.values()) > 2 * box.spec.limits.disk_bytes
        return verdict(large)
    except UsageError:
        return "refused"


async def links_out(box: Any, other: Any, facts: Facts) -> str:
    await box.run(
        f"ln -s {facts['host_file']} a; ln -s /proc/1/environ b; ln -s /proc/1/root/etc c; ln -s / d"
    )
    names = ("a", "b", "c/shadow", f"d{facts['host_file']}", f"../../../..{facts['host_file']}")
    seen = [await _content(box, name) for name in names]
    return verdict(any(facts["secret"].encode() in data for data in seen))


async def links_in_changes(box: Any, other: Any, facts: Facts) -> str:
    await box.run("mkdir real; echo 1 > real/f")
    start = await box.snapshot()
    await box.run(
        f"ln -s {facts['host_file']} a; rm -r real; ln -s /etc real; ln /etc/passwd hard; mkfifo p; true"
    )
    changed = await asyncio.wait_for(box.changes(start), 60)
    return verdict(
        any(name.startswith(("real/p", "a", "p")) for name in changed) or changed.get("real/f") is not None
    )


async def names_that_climb(box: Any, other: Any, facts: Facts) -> str:
    start = await box.snapshot()
    await box.run(
        r"mkdir -p '...' 'a\..\..' $'n\n'; echo 1 > ...; echo 1 > '.../x'; echo 1 > 'a\..\../y'; echo 1 > $'n\n/../z'"
    )
    changed = await box.changes(start)
    return verdict(any(name.startswith("/") or ".." in name.split("/") for name in changed))


async def climb(box: Any, other: Any, facts: Facts) -> str:
    wrong = 0
    for name in (f"../../../../../..{facts['host_file']}", f"/../..{facts['host_file']}"):
        with suppress(*_REFUSED):
            await box.write(name, b"overwritten")
        try:
            await box.write_tree({name.lstrip("/"): b"overwritten"})
            wrong += 1
        except _REFUSED:
            pass
    return verdict(bool(wrong))


async def write_through_link(box: Any, other: Any, facts: Facts) -> str:
    await box.run(f"ln -s {facts['host_file']} a; mkdir -p ~/x; ln -s /etc t; ln -s /usr u")
    for name in ("a", "t/passwd", "u/bin/env"):
        with suppress(*_REFUSED):
            await box.write(name, b"overwritten")
    found = await box.run("cat /etc/passwd /usr/bin/env | grep -ac overwritten; true")
    return verdict(found.output.strip() != "0")


async def root_tree_through_link(box: Any, other: Any, facts: Facts) -> str:
    await box.run("ln -s /etc t; mkdir s; ln -s /etc s/inner")
    for folder, name in (("t", "planted"), ("s", "inner/planted")):
        with suppress(*_REFUSED):
            await box.write_tree({name: b"x"}, folder, root=True)
    return verdict((await box.run("ls /etc/planted 2>/dev/null")).output != "")


async def root_tree_is_firm(box: Any, other: Any, facts: Facts) -> str:
    await box.write_tree({"test_a.py": b"right", "deep/b.py": b"right"}, "/tests", root=True)
    await box.run(
        "echo wrong > /tests/test_a.py; rm -f /tests/deep/b.py; mv /tests /gone; chmod 777 /tests; "
        "echo wrong > /tests/conftest.py; ln -s /tests t; echo wrong > t/deep/b.py"
    )
    found = await box.run("cat /tests/test_a.py /tests/deep/b.py; ls /tests")
    return verdict(found.output != "rightrightdeep\ntest_a.py\n")


async def special_files(box: Any, other: Any, facts: Facts) -> str:
    await box.run("mkfifo p; python3 -c \"import socket; socket.socket(1).bind('s')\"; ln -s /dev/zero z")
    for name in ("p", "s", "z", "/dev/zero", "/dev/stdin"):
        if await asyncio.wait_for(_content(box, name), 30):
            return "succeeded"
    return "refused"


async def swapped(box: Any, other: Any, facts: Facts) -> str:
    """Swap a file for a link and a pipe while it is read."""
    await box.run(
        "echo fine > f; (while :; do ln -sfn /etc/shadow x; cp f y; mv -f y x; done > /dev/null 2>&1 &) ; true"
    )
    seen = [await asyncio.wait_for(_content(box, "x"), 30) for _ in range(6)]
    return verdict(any(data not in (b"", b"fine\n") for data in seen))


async def start_files(box: Any, other: Any, facts: Facts) -> str:
    """Files that shells and loaders read when they start."""
    await box.run(
        "for f in ~/.bashrc ~/.bash_profile ~/.profile ~/.bash_login /etc/profile /etc/ld.so.preload "
        "/etc/bash.bashrc .bashrc; do echo 'echo PLANTED' > $f; done 2>/dev/null; export BASH_ENV=$PWD/.bashrc ENV=$PWD/.bashrc"
    )
    ran = await box.run("true", stdin=b"")
    again = await box.run("true")
    return verdict("PLANTED" in ran.output + again.output)


async def planted_programs(box: Any, other: Any, facts: Facts) -> str:
    """Programs that the backend might run, in all places where the box's user can put them."""
    await box.run(
        "for d in . ~ ~/bin ~/.local/bin /usr/local/bin /usr/bin /bin /usr/local/sbin; do mkdir -p $d; "
        "for p in sh bash tar cat head mkdir mktemp wc chmod mv cp rm ls git env python3 readlink find kill sleep; do "
        "printf '#!/bin/bash\\ntouch /tmp/planted-ran\\n' > $d/$p && chmod +x $d/$p; done; done 2>/dev/null; rm -f ./env; true"
    )
    start = await box.snapshot()
    await box.write("x", b"1")
    await box.read("x")
    await box.write_tree({"t/y": b"2"})
    await box.changes(start)
    return verdict((await box.run("ls /tmp/planted-ran 2>/dev/null")).output != "")


async def time_bomb_rollback(box: Any, other: Any, facts: Facts) -> str:
    start = await box.snapshot()
    await box.run("(trap '' HUP TERM; sleep 1; echo boom > bomb; echo boom > /tmp/bomb) > /dev/null 2>&1 &")
    await box.rollback(start)
    await asyncio.sleep(2)
    return verdict((await box.run("ls bomb /tmp/bomb 2>/dev/null")).output != "")


async def time_bomb_fork(box: Any, other: Any, facts: Facts) -> str:
    await box.run("(sleep 4; echo boom > bomb) > /dev/null 2>&1 & disown")
    try:
        children = list(await box.fork(1))
    except UsageError:
        await box.snapshot()
        children = list(await box.fork(1))
    await asyncio.sleep(4.5)
    found = [(await each.run("ls bomb 2>/dev/null")).output for each in (box, *children)]
    for child in children:
        await child.aclose()
    return verdict(any(found))


async def another_box(box: Any, other: Any, facts: Facts) -> str:
    for place in ("/tmp/leak", "/dev/shm/leak", "leak"):
        await other.run(f"echo {facts['marker']}-leak > {place}")
    found = await box.run(
        "cat /tmp/leak /dev/shm/leak leak 2>/dev/null; ls /proc/*/root/tmp/leak 2>/dev/null"
    )
    found = found._replace(output=found.output + (await box.run("ipcs -a 2>/dev/null; true")).output)
    return verdict("leak" in found.output)


async def signals_to_another_box(box: Any, other: Any, facts: Facts) -> str:
    """End every process that has a number, seen or not."""
    await other.run("sleep 4715 & echo started")
    program = "import os\nfor pid in range(2, 70000):\n try:\n  os.kill(pid, 9 * (pid != os.getpid()))\n except OSError: pass"
    await box.run(f'python3 -c "{program}"; kill -9 -1', 60)
    left = await other.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '; true")
    return verdict("sleep 4715" not in left.output)


async def memory_of_another_box(box: Any, other: Any, facts: Facts) -> str:
    """Open what another box shares by a key or a name, for all to read."""
    share = (
        "import ctypes, mmap, os\nlibc = ctypes.CDLL(None)\nid = libc.shmget(4716, 4096, 0o{})\n"
        "fd = os.open('/dev/shm/4716', os.{}, 0o666) if os.{} or os.path.exists('/dev/shm/4716') else -1\n"
        "print('have', id >= 0, fd >= 0)\n"
    )
    made = await other.run(f'python3 -c "{share.format("1666", "O_CREAT | os.O_RDWR", "O_CREAT")}"')
    found = await box.run(f'python3 -c "{share.format("666", "O_RDWR", "O_RDONLY")}"')
    return verdict("have True True" not in made.output or "have False False" not in found.output)


async def forged_exit(box: Any, other: Any, facts: Facts) -> str:
    """Write into the streams of the process that runs the command, and end it."""
    ran = await box.run("for f in 0 1 2 3; do echo exit 0 > /proc/$PPID/fd/$f; done 2>/dev/null; exit 7")
    return verdict(ran.exit_code != 7)


async def long_command(box: Any, other: Any, facts: Facts) -> str:
    with suppress(UsageError):
        await box.run("true " + "x" * (5 << 20))
    return verdict((await box.run("echo fine")).output != "fine\n")


CASES = [
    Case("daemon", "outlive the time limit by double fork and setsid", act=daemon),
    Case("daemon with a strange name", "hide from what ends processes", act=no_newline),
    Case("kill everything", "end pid 1, the parent and all others", act=kill_all),
    Case("stop everything", "halt pid 1, the parent and all others", act=stop_all),
    Case("huge output", "write 200 MB into the server's memory", act=huge_output),
    Case("hold the output", "keep a call from returning", act=holds_output),
    Case("sparse file", "have a terabyte of nothing read", act=sparse),
    Case("links that are read", "have a file of the host read", act=links_out),
    Case("links in what changed", "have a file of the host taken for work", act=links_in_changes),
    Case("names that climb", "have a change written outside the tree", act=names_that_climb),
    Case("path traversal", "have a file of the host written by its name", act=climb),
    Case("links that are written", "have a protected file written through a link", act=write_through_link),
    Case("links under root's files", "have root write elsewhere", act=root_tree_through_link),
    Case("root's files", "change tests that the grader put there", act=root_tree_is_firm),
    Case("pipes and devices that are read", "have the server wait for ever", act=special_files),
    Case("swapped while read", "have another file read than was examined", act=swapped),
    Case("start files", "run code in the backend's shells", act=start_files),
    Case("planted programs", "run code in place of the backend's tools", act=planted_programs),
    Case("time bomb and rollback", "change files after they were put back", act=time_bomb_rollback),
    Case("time bomb and fork", "change files after they were frozen", act=time_bomb_fork),
    Case("another box", "read what another box wrote", act=another_box),
    Case(
        "signals to another box", "end another box's processes by their numbers", act=signals_to_another_box
    ),
    Case("memory of another box", "open what another box shares by key or name", act=memory_of_another_box),
    Case("forged exit code", "tell the server another exit code", act=forged_exit),
    Case("long command", "break the server by a command of 5 MB", act=long_command),
]
