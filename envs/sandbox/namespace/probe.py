"""What boxes of namespaces need of a machine, each thing tried for itself, and how to get what is missing."""

from __future__ import annotations

import os
import platform
import pwd
import subprocess
import sys
from pathlib import Path

from ..errors import SandboxError
from . import filter as calls
from . import host, places
from .keeper import kernel

_TIMEOUT_S = 20
_SUBORDINATE = (Path("/etc/subuid"), Path("/etc/subgid"))
_TRIAL = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def must(result, what):
    if result:
        sys.exit(what + ": " + os.strerror(ctypes.get_errno()))
uid, gid = os.getuid(), os.getgid()
if uid:
    must(libc.unshare(0x10000000), "user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
must(libc.unshare(0x00020000), "mount namespace")
must(libc.mount(b"none", b"/", None, 16384 | 1 << 18, None), "private mounts")
if len(sys.argv) > 1:
    point = sys.argv[1].encode()
    must(libc.mount(b"trial", point, b"tmpfs", 0, b""), "tmpfs")
    os.chdir(point)
    for name in "luwm":
        os.mkdir(name)
    options = b"lowerdir=l,upperdir=u,workdir=w" + (b",userxattr" if uid else b"")
    must(libc.mount(b"trial", b"m", b"overlay", 0, options), "overlay")
    if uid:
        os.setxattr("u", "user.trial", b"1")
"""

Finding = tuple[str, bool, str]


def findings() -> list[Finding]:
    """Return (what, whether it works, a hint); boxes do without the last four, less well."""
    return [_namespaces(), _overlay(), _seccomp(), _bash(), _python(), _groups(), _landlock(), _users()]


def _trial(*arguments: str) -> str:
    """Try in a process of its own; return what failed, or nothing."""
    command = [sys.executable, "-I", "-S", "-c", _TRIAL, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if not done.returncode else (done.stderr.strip().splitlines() or ["no word"])[-1]


def _namespaces() -> Finding:
    what = "namespaces, as root" if os.geteuid() == 0 else "user namespaces"
    failed = _trial()
    hint = (
        f"{failed}; kernel.unprivileged_userns_clone, user.max_user_namespaces and "
        "kernel.apparmor_restrict_unprivileged_userns decide (sysctl); a container needs --privileged"
    )
    return what, not failed, hint if failed else ""


def _overlay() -> Finding:
    failed = _trial(str(Path(kernel.__file__).parent))
    hint = f"{failed}; root needs overlayfs in the kernel, others Linux 6.6 (this is {platform.release()})"
    return "overlay over tmpfs", not failed, hint if failed else ""


def _seccomp() -> Finding:
    try:
        length = len(calls.assemble()) // 8
    except SandboxError as error:
        return "system call filter", False, str(error)
    return "system call filter", True, f"{length} instructions"


def _bash() -> Finding:
    found = Path("/usr/bin/bash").exists()
    return "bash in /usr", found, "" if found else "apt-get install bash"


def _python() -> Finding:
    found = Path(host.PYTHON).exists()
    return "Python in /usr", found, "" if found else "tests in boxes need it: apt-get install python3"


def _groups() -> Finding:
    found = places.find()
    if found.version:
        return "control groups", True, f"version {found.version}"
    hint = (
        "limits hold for each process alone; for all as root or by systemd-run --user --scope -p Delegate=yes"
    )
    return "control groups", False, hint


def _landlock() -> Finding:
    version = kernel.landlock_abi()
    return "Landlock", version > 0, f"version {version}" if version else "boxes do without; Linux 5.13 has it"


def _users() -> Finding:
    what, first, last = "a user for each family of boxes", host.USERS.start, host.USERS.stop - 1
    if os.geteuid():
        return what, False, "only as root; all boxes share what the kernel counts by user (inotify, signals)"
    given = given_away()
    if given:
        return what, False, f"numbers {first} to {last} are the boxes', but also {given}'s: give others there"
    return what, True, f"numbers {first} to {last}"


def given_away() -> str:
    """Return who of this machine has numbers of the boxes' range, or nothing."""
    for user in pwd.getpwall():
        if user.pw_uid in host.USERS:
            return user.pw_name
    for path in _SUBORDINATE:
        for line in path.read_text().splitlines() if path.is_file() else ():
            name, _, numbers = line.partition(":")
            start, _, count = numbers.partition(":")
            if not (start.isdigit() and count.isdigit()):
                continue
            if int(start) < host.USERS.stop and int(start) + int(count) > host.USERS.start:
                return f"{name} ({path})"
    return ""
