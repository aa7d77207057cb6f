"""The system calls that Python has no name for, through ctypes; each raises OSError.

Numbers of system calls from 424 on are the same on every architecture.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 4096, 8192, 16384, 1 << 18
MNT_DETACH = 2

_OPEN_TREE, _MOVE_MOUNT, _PIDFD_OPEN, _OPENAT2 = 428, 429, 434, 437
_MOUNT_SETATTR, _MOUNT_ATTR_IDMAP = 442, 0x100000
_NUM_USERS = (1 << 32) - 1
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}.get(os.uname().machine, -1)

RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT = 1, 2, 4, 8, 16

_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH, _MOVE_MOUNT_T_EMPTY_PATH = 4, 0x40

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 22, 38, 47
_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(flags: int) -> None:
    """Leave the namespaces of the flags for new ones."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int = 0) -> None:
    """Enter the namespace behind a descriptor."""
    _checked(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def mount(
    source: str, target: str, kind: str | None = None, flags: int = 0, options: str | None = None
) -> None:
    """Mount a file system, or change a mount."""
    _checked(
        _libc.mount(
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            os.fsencode(options) if options else None,
        ),
        f"mount {kind or 'bind'} {source} on {target}",
    )


def bind(source: str, target: str, flags: int = 0) -> None:
    """Show a file or folder at another place, with the flags of the new mount set."""
    mount(source, target, None, MS_BIND)
    if flags:
        mount("none", target, None, MS_BIND | MS_REMOUNT | flags)


def umount(target: str, flags: int = 0) -> None:
    """Take a mount away."""
    _checked(_libc.umount2(os.fsencode(target), ctypes.c_int(flags)), f"umount {target}")


def clone_tree(path: str) -> int:
    """Return a descriptor of a private copy of the mount at a path, attached nowhere."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC
    return _checked(_syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), ctypes.c_uint(flags)), "open_tree")


def attach_tree(tree: int, target: int) -> None:
    """Attach a tree of `clone_tree` at an open folder."""
    flags = ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH | _MOVE_MOUNT_T_EMPTY_PATH)
    _checked(_syscall(_MOVE_MOUNT, tree, b"", target, b"", flags), "move_mount")


def become_root(folder: str) -> None:
    """Make a mounted folder the root of this mount namespace, and take the old root away."""
    os.chdir(folder)
    _checked(_syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    umount(".", MNT_DETACH)
    os.chdir("/")


class _Attributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace"))


def mapped_tree(path: str, uids: tuple[int, int], gids: tuple[int, int]) -> int:
    """Return a clone of the folder at a path, attached nowhere, in which two owners are exchanged.

    Raises:
        OSError: also where the file system knows no idmapped mounts (EINVAL).
    """
    tree = clone_tree(path)
    try:
        space = _user_namespace(uids, gids)
        try:
            how = _Attributes(_MOUNT_ATTR_IDMAP, 0, 0, space)
            words = (tree, b"", _AT_EMPTY_PATH, ctypes.byref(how), ctypes.sizeof(how))
            _checked(_syscall(_MOUNT_SETATTR, *words), f"map the owners in {path}")
        finally:
            os.close(space)
    except BaseException:
        os.close(tree)
        raise
    return tree


def _user_namespace(uids: tuple[int, int], gids: tuple[int, int]) -> int:
    """Return a user namespace that exchanges two users and two groups and leaves all others alone."""
    told, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if not pid:
        try:
            unshare(CLONE_NEWUSER)
            os.write(tell, b"1")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        if not os.read(told, 1):
            raise OSError(errno.EINVAL, "no user namespace can be made")
        for name, pair in (("uid_map", uids), ("gid_map", gids)):
            with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                file.write(exchange(*pair))
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(told)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def exchange(one: int, other: int) -> str:
    """Return the map of all numbers in which two have changed places; see user_namespaces(7)."""
    low, high = sorted((one, other))
    if low == high:
        return f"0 0 {_NUM_USERS}\n"
    ranges = [(0, 0, low), (low, high, 1), (low + 1, low + 1, high - low - 1), (high, low, 1)]
    ranges.append((high + 1, high + 1, _NUM_USERS - high - 1))
    return "".join(f"{inside} {outside} {count}\n" for inside, outside, count in ranges if count)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_in(folder: int, path: str, flags: int, resolve: int, mode: int = 0) -> int:
    """Open a path below a folder under the kernel's own rules of resolution (openat2)."""
    how = _How(flags | os.O_CLOEXEC, mode, resolve)
    return _checked(
        _syscall(_OPENAT2, folder, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how)), f"open {path}"
    )


def prctl(option: int, second: int = 0, third: int = 0) -> int:
    """Change a property of this process."""
    return _checked(_libc.prctl(option, second, third, 0, 0), "prctl")


def drop_bounding_set() -> None:
    """Take every capability out of the bounding set, so that no program brings one back."""
    for number in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            return


def keep_capabilities() -> None:
    """Keep the capabilities of this process over the next start of a program."""
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits each
    _checked(_libc.capget(ctypes.byref(head), ctypes.byref(sets)), "capget")
    sets[2], sets[5] = sets[1], sets[4]
    _checked(_libc.capset(ctypes.byref(head), ctypes.byref(sets)), "capset")
    for number in range(64):
        if sets[2 if number < 32 else 5] >> number % 32 & 1:
            prctl(PR_CAP_AMBIENT, _RAISE, number)


def drop_capabilities() -> None:
    """Give up every capability for good."""
    head = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _checked(_libc.capset(ctypes.byref(head), ctypes.byref((ctypes.c_uint32 * 6)())), "capset")


class Filter:
    """A seccomp program in the form that the kernel takes; made before a fork, set after it."""

    def __init__(self, program: bytes) -> None:
        self._program = ctypes.create_string_buffer(program, len(program))

        class Program(ctypes.Structure):
            _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

        self._header = Program(len(program) // 8, ctypes.addressof(self._program))

    def set(self) -> None:
        """Put this process and its children under the program, for good."""
        prctl(PR_SET_SECCOMP, 2, ctypes.addressof(self._header))


def landlock_abi() -> int:
    """Return the version of Landlock in the kernel, 0 where there is none."""
    return max(0, int(_syscall(_LANDLOCK_CREATE, None, 0, 1)))


def landlock() -> None:
    """Forbid device nodes, changes of mounts, and looking into processes of other domains."""
    make_char, make_block = 1 << 6, 1 << 11
    rules = ctypes.c_uint64(make_char | make_block)
    fd = _checked(_syscall(_LANDLOCK_CREATE, ctypes.byref(rules), 8, 0), "landlock_create_ruleset")
    _checked(_syscall(_LANDLOCK_RESTRICT, fd, 0), "landlock_restrict_self")
    os.close(fd)


def raise_loopback() -> None:
    """Bring up the loopback interface of this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        up_and_running = 0x41
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))


def set_host_name(name: str) -> None:
    """Name this host."""
    data = name.encode()
    _checked(_libc.sethostname(data, ctypes.c_size_t(len(data))), "sethostname")
