"""Each rule of the system call filter, tried in a box: the call, and the error that is promised for it."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import os
import signal
from typing import Any

import pytest

from turnwise.envs.sandbox import Spec
from turnwise.envs.sandbox.namespace import NamespaceBackend
from turnwise.envs.sandbox.namespace.filter import REFUSED

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers and machine code are those of x86-64"),
]

_NAMES = """
unshare setns mount umount umount2 pivot_root chroot move_mount open_tree open_tree_attr fsopen fsconfig
fsmount fspick mount_setattr statmount listmount name_to_handle_at open_by_handle_at
add_key request_key keyctl
ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd
bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register
kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff acct quotactl
quotactl_fd settimeofday stime clock_settime clock_adjtime adjtimex sethostname setdomainname iopl ioperm
syslog vhangup lookup_dcookie nfsservctl fanotify_init uselib ustat sysfs personality
mbind set_mempolicy migrate_pages move_pages memfd_secret
"""
CALLS = _NAMES.split()
NAMESPACES = {
    "time": 0x80, "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000,
    "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000,
}  # fmt: skip
CLONE, CLONE3, IOCTL, SOCKET, SOCKETPAIR, GETPID = 56, 435, 16, 41, 53, 39
UNIX, INET, INET6, NETLINK = 1, 2, 10, 16
OTHER_FAMILIES = [family for family in range(48) if family not in (UNIX, INET, INET6, NETLINK)]

PROGRAM = """
import ctypes, json, mmap, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(words):
    ctypes.set_errno(0)
    failed = libc.syscall(*(ctypes.c_long(word) for word in words)) == -1
    return ctypes.get_errno() if failed else 0
def killed(act):
    pid = os.fork()
    if not pid:
        act()
        os._exit(0)
    return os.waitpid(pid, 0)[1]
def machine_code():
    page = mmap.mmap(-1, 4096, prot=7)
    page.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20; int 0x80; ret: getpid of 32 bit
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
found = {name: call(words) for name, words in json.load(sys.stdin).items()}
found["x32"] = killed(lambda: call([0x40000000 + 39]))
found["i386"] = killed(machine_code)
print(json.dumps(found))
"""


def tries() -> dict[str, list[int]]:
    """Return name -> number and arguments of every call that is tried."""
    library = ctypes.CDLL("libseccomp.so.2")
    numbers = {name: library.seccomp_syscall_resolve_name(name.encode()) for name in CALLS}
    numbers |= {"statmount": 457, "listmount": 458, "open_tree_attr": 467}
    made = {name: [number, *[0] * 6] for name, number in numbers.items() if number >= 0}
    made |= {f"clone {name}": [CLONE, flag | 17, 0, 0, 0, 0] for name, flag in NAMESPACES.items()}
    made["clone3"] = [CLONE3, 0, 0]
    for name, request in (("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541C)):
        made |= {
            f"ioctl {name}": [IOCTL, 0, request, 0],
            f"ioctl {name}, long": [IOCTL, 0, request | 1 << 32, 0],
        }
    for call, number in (("socket", SOCKET), ("socketpair", SOCKETPAIR)):
        made |= {f"{call} {family}": [number, family, 1, 0, 0] for family in OTHER_FAMILIES}
        made[f"{call} far"] = [number, 1 << 20, 1, 0, 0]
    made |= {f"netlink {protocol}": [SOCKET, NETLINK, 3, protocol] for protocol in range(24)}
    made |= {f"socket {family} is given": [SOCKET, family, 2, 0] for family in (UNIX, INET, INET6)}
    return made | {"getpid": [GETPID]}


@pytest.fixture(scope="module")
def found() -> dict[str, int]:
    """Make all calls in one box; return name -> errno, 0 where it was let through."""

    async def body() -> Any:
        backend = NamespaceBackend()
        try:
            async with await backend.start(Spec()) as box:
                await box.write("p.py", PROGRAM.encode())
                ran = await box.run("python3 p.py", stdin=json.dumps(tries()).encode())
                return json.loads(ran.output)
        finally:
            await backend.aclose()

    return dict(asyncio.run(body()))


def test_the_list_here_is_the_list_there() -> None:
    assert sorted(CALLS) == sorted("".join(REFUSED.values()).split())


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_refused(found: dict[str, int], name: str) -> None:
    if name not in found:
        assert name in ("stime", "umount"), "what libseccomp does not know needs a number"
        pytest.skip("x86-64 has no such call, so that it has no number to try")
    assert found[name] == errno.EPERM


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_clone_gets_no_namespace(found: dict[str, int], name: str) -> None:
    assert found[f"clone {name}"] == errno.EPERM


def test_the_new_clone_is_not_there_so_that_programs_take_the_old(found: dict[str, int]) -> None:
    assert found["clone3"] == errno.ENOSYS


def test_no_key_is_pushed_into_a_terminal(found: dict[str, int]) -> None:
    assert {code for name, code in found.items() if name.startswith("ioctl")} == {errno.EPERM}


@pytest.mark.parametrize("call", ["socket", "socketpair"])
def test_other_kinds_of_sockets_are_refused(found: dict[str, int], call: str) -> None:
    tried = [*OTHER_FAMILIES, "far"]
    assert [family for family in tried if found[f"{call} {family}"] != errno.EAFNOSUPPORT] == []


def test_netlink_is_for_routes_alone(found: dict[str, int]) -> None:
    codes = [found[f"netlink {protocol}"] for protocol in range(24)]
    assert codes == [0] + [errno.EAFNOSUPPORT] * 23


def test_calls_of_other_machine_models_end_the_process(found: dict[str, int]) -> None:
    assert [os.WTERMSIG(found[name]) for name in ("x32", "i386")] == [signal.SIGSYS] * 2


def test_what_programs_need_is_let_through(found: dict[str, int]) -> None:
    given = [name for name in found if name.endswith("is given")]
    assert len(given) == 3 and {found[name] for name in [*given, "getpid"]} == {0}
