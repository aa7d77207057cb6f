"""The system call filter of every box, assembled by libseccomp.

What is refused gives no power to an unprivileged program that tests its code, but has broken kernels:
new namespaces, mounts, keyrings (which no namespace holds apart), looking into other processes, programs
for the kernel, and sockets of kinds that reach around the network namespace (vsock leads to the
hypervisor). Calls of other machine models (32 bit, x32) end the process.

The list follows Docker's default profile and systemd's groups, in our own selection.
Sources: docs.docker.com/engine/security/seccomp, systemd.exec(5) SystemCallFilter=, seccomp_rule_add(3).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import tempfile

from ..errors import SandboxError

REFUSED = {
    "other namespaces and file systems": (
        "unshare setns mount umount umount2 pivot_root chroot move_mount open_tree open_tree_attr "
        "fsopen fsconfig fsmount fspick mount_setattr statmount listmount name_to_handle_at "
        "open_by_handle_at "
    ),
    "keyrings are one for the whole machine": ("add_key request_key keyctl "),
    "other processes": ("ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd "),
    "programs and pages for the kernel": (
        "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
    ),
    "the machine": (
        "kexec_load kexec_file_load init_module finit_module delete_module reboot swapon swapoff "
        "acct quotactl quotactl_fd settimeofday stime clock_settime clock_adjtime adjtimex "
        "sethostname setdomainname iopl ioperm syslog vhangup lookup_dcookie nfsservctl "
        "fanotify_init uselib ustat sysfs personality "
    ),
    "device nodes, and memory that follows no limit of ours": (
        "mbind set_mempolicy migrate_pages move_pages memfd_secret "
    ),
}
"""Reasons, and the system calls that give EPERM for each."""

NEWER = {"statmount": 457, "listmount": 458, "open_tree_attr": 467}
"""Calls that kernels have and common libraries (2.5) do not know; these numbers are those of all machines."""

_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_ERRNO = 0x00050000
_BAD_ARCHITECTURE = 2  # SCMP_FLTATR_ACT_BADARCH
_OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE: 2 is a binary tree
_NOT_EQUAL, _LESS, _EQUAL, _GREATER, _MASKED = 1, 2, 4, 6, 7
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SOCKETS = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_NETLINK_ROUTE = 0


class _Compared(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operation", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


class _Assembler:
    """libseccomp with one filter under way."""

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL("libseccomp.so.2")
        except OSError as error:
            raise SandboxError(
                "the namespace sandbox needs libseccomp; on Debian: apt-get install libseccomp2"
            ) from error
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._lib.seccomp_init.argtypes = [ctypes.c_uint32]
        self._lib.seccomp_rule_add_array.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.POINTER(_Compared),
        ]
        self._lib.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
        self._lib.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
        self._lib.seccomp_release.argtypes = [ctypes.c_void_p]
        self._filter = self._lib.seccomp_init(_ALLOW)
        self._done(self._lib.seccomp_attr_set(self._filter, _BAD_ARCHITECTURE, _KILL), "bad architecture")
        self._lib.seccomp_attr_set(self._filter, _OPTIMIZE, 2)  # an older library has it not, and is slower

    def _done(self, result: int, what: str) -> None:
        if result < 0:
            raise SandboxError(f"libseccomp refuses {what}: {os.strerror(-result)}")

    def refuse(self, name: str, code: int, *compared: tuple[int, int, int, int]) -> None:
        """Refuse a call with an error, where its arguments compare so; one that the machine lacks is left."""
        number = NEWER.get(name) or self._lib.seccomp_syscall_resolve_name(name.encode())
        if number < 0:
            return
        rules = (_Compared * max(1, len(compared)))(*(_Compared(*one) for one in compared))
        result = self._lib.seccomp_rule_add_array(self._filter, _ERRNO | code, number, len(compared), rules)
        self._done(result, f"a rule for {name}")

    def program(self) -> bytes:
        """Return the program."""
        with tempfile.TemporaryFile() as file:
            self._done(self._lib.seccomp_export_bpf(self._filter, file.fileno()), "to write its program")
            file.seek(0)
            self._lib.seccomp_release(self._filter)
            return file.read()


def assemble() -> bytes:
    """Return the filter as a program for the kernel.

    Raises:
        SandboxError: without libseccomp.
    """
    made = _Assembler()
    for name in "".join(REFUSED.values()).split():
        made.refuse(name, errno.EPERM)
    made.refuse("clone3", errno.ENOSYS)  # its flags lie in memory; who is refused it uses clone
    for flag in (1 << bit for bit in range(32) if _NAMESPACES >> bit & 1):
        made.refuse("clone", errno.EPERM, (0, _MASKED, flag, flag))
    for request in (_TIOCSTI, _TIOCLINUX):
        made.refuse("ioctl", errno.EPERM, (1, _MASKED, 0xFFFFFFFF, request))
    for call in ("socket", "socketpair"):
        for family in range(min(_SOCKETS), max(_SOCKETS)):
            if family not in _SOCKETS:
                made.refuse(call, errno.EAFNOSUPPORT, (0, _EQUAL, family, 0))
        made.refuse(call, errno.EAFNOSUPPORT, (0, _GREATER, max(_SOCKETS), 0))
        made.refuse(call, errno.EAFNOSUPPORT, (0, _LESS, min(_SOCKETS), 0))
    made.refuse(
        "socket", errno.EAFNOSUPPORT, (0, _EQUAL, socket.AF_NETLINK, 0), (2, _NOT_EQUAL, _NETLINK_ROUTE, 0)
    )
    return made.program()
