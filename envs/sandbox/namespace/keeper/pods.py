"""Namespaces around a stack of layers, kept alive by a process that only waits.

A pod is made bare: process 1 of new process, mount, network, host name and IPC namespaces, with /proc
and /dev ready at a place of its own. The keeper then steps into its mount namespace, attaches the stack,
moves /proc and /dev onto it and makes it the root: from then on no path of the host is left there. The
waiting process is killed to end a box, and the kernel ends whatever else runs in it first.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import time
from collections.abc import Callable, Iterable

from . import kernel
from .entering import close_all, never_to_go

_ISOLATED = (
    kernel.CLONE_NEWNS
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWCGROUP
)
_WAITING = ("/usr/bin/sleep", "2147483647")  # a copy of the keeper would hold 2 MB for each box
_SETTLE_EVERY_S, _SETTLE_TIMES = 0.0002, 50_000
_QUIET = kernel.MS_NOSUID | kernel.MS_NOEXEC
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}
_HIDDEN = ("kcore", "keys", "key-users", "kallsyms", "timer_list", "cmdline", "modules", "config.gz")
_HIDDEN_FOLDERS = ("acpi", "scsi", "driver", "irq", "bus", "fs")
_SHARED_MEMORY_BYTES = 64 << 20


class Pod:
    """One set of namespaces: the process that waits in it, and a descriptor of that process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.is_heard = False  # whether a socket outside listens on its loopback
        self.fd = os.pidfd_open(pid)

    def process_ids(self) -> list[str]:
        """Return the processes that run in it beside the one that waits, as it counts them."""
        return [name for name in os.listdir(f"/proc/{self.pid}/root/proc") if name.isdigit() and name != "1"]

    def settle(self) -> None:
        """Wait until its process waits: before that it opens its libraries, which have to be the host's.

        Raises:
            OSError: if it has ended, or does not come to rest.
        """
        for _ in range(_SETTLE_TIMES):
            with open(f"/proc/{self.pid}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0]
            if state == b"S":
                return
            if state in (b"Z", b"X"):
                break
            time.sleep(_SETTLE_EVERY_S)
        raise OSError(errno.ESRCH, f"the first process of a box does not start ({_WAITING[0]})")

    def kill(self) -> None:
        """End everything in it; its process is to be waited for."""
        signal.pidfd_send_signal(self.fd, signal.SIGKILL)
        self.forget()

    def forget(self) -> None:
        """Let go of its process, which is gone or will be."""
        os.close(self.fd)


class Pods:
    """The maker of pods.

    Args:
        point: a folder that is there in every mount namespace; pods are built on it, and never keep it.
    """

    def __init__(self, point: str, bare: int) -> None:
        self._point, self.bare = point, bare
        self._mounts = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        self._pids = os.open("/proc/self/ns/pid", os.O_RDONLY)
        self._folder = os.open(".", os.O_PATH)

    def make(self) -> Pod:
        """Return a bare pod."""
        told, tell = os.pipe()
        kernel.unshare(kernel.CLONE_NEWPID)
        try:
            pid = os.fork()
            if not pid:
                _be_first(self._point, self.bare, tell)
        finally:
            kernel.setns(self._pids, kernel.CLONE_NEWPID)
            os.close(tell)
        said = os.read(told, 1000)
        os.close(told)
        if said:
            os.waitpid(pid, 0)
            raise OSError(said.decode(errors="replace"))
        return Pod(pid)

    def dress(
        self, pod: Pod, stack: int, trees: Iterable[tuple[str, int]], furnish: Callable[[], None] | None
    ) -> None:
        """Make a stack the root of a bare pod, with /proc, /dev and the trees inside it."""
        pod.settle()
        kernel.setns(pod.fd, kernel.CLONE_NEWNS)
        try:
            os.chdir(self._point)
            here = os.open(".", os.O_PATH)
            _attach(stack, here, "box")
            os.close(here)
            root = os.open("box", os.O_PATH | os.O_DIRECTORY)
            for name in ("proc", "dev"):
                _attach(os.open(name, os.O_PATH), root, name)
            for name, tree in trees:
                _attach(tree, root, name)
            os.close(root)
            kernel.become_root("box")
            if furnish is not None:
                furnish()
        finally:
            self.home()

    def home(self) -> None:
        """Step back into the keeper's own namespace and folder."""
        kernel.setns(self._mounts, kernel.CLONE_NEWNS)
        os.fchdir(self._folder)


def _attach(tree: int, root: int, name: str) -> None:
    """Attach a tree at a folder of the box, whoever made that folder; links are not followed."""
    target = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
    kernel.attach_tree(tree, target)
    os.close(target)
    os.close(tree)


def _be_first(point: str, bare: int, tell: int) -> None:
    """Be process 1 of a pod; never returns."""
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        os.setsid()
        never_to_go()
        kernel.setns(bare, kernel.CLONE_NEWNS)
        kernel.unshare(_ISOLATED)
        _furnish(point)
        kernel.raise_loopback()
        kernel.set_host_name("box")
        kernel.drop_bounding_set()
        kernel.drop_capabilities()
        close_all(keep=(tell,))
        os.execve(_WAITING[0], _WAITING, {})
    except BaseException as error:  # noqa: BLE001 - a child must never run on into its parent's code
        os.write(tell, str(error).encode()[:1000])
    finally:
        os._exit(1)


def _furnish(point: str) -> None:
    """Build /proc and /dev on a small file system at the point."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("pod", point, "tmpfs", _QUIET, "size=64k,mode=755")
    os.chdir(point)
    for name in ("box", "proc", "dev"):
        os.mkdir(name, 0o755)
    kernel.mount("proc", "proc", "proc", _QUIET | kernel.MS_NODEV)
    for name in _HIDDEN:
        if os.path.exists(f"proc/{name}"):
            kernel.bind("/dev/null", f"proc/{name}")
    for name in _HIDDEN_FOLDERS:
        if os.path.isdir(f"proc/{name}"):
            kernel.mount("none", f"proc/{name}", "tmpfs", _QUIET | kernel.MS_RDONLY, "size=4k")
    kernel.mount(
        "none", "proc", None, kernel.MS_BIND | kernel.MS_REMOUNT | _QUIET | kernel.MS_NODEV | kernel.MS_RDONLY
    )
    _devices()


def _devices() -> None:
    kernel.mount("dev", "dev", "tmpfs", _QUIET, "size=64k,mode=755")
    for name in _DEVICES:
        os.close(os.open(f"dev/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
        kernel.bind(f"/dev/{name}", f"dev/{name}")
    for name, target in _LINKS.items():
        os.symlink(target, f"dev/{name}")
    os.mkdir("dev/pts", 0o755)
    kernel.mount("devpts", "dev/pts", "devpts", _QUIET, "newinstance,ptmxmode=0666,mode=620")
    os.mkdir("dev/shm", 0o1777)
    options = f"size={_SHARED_MEMORY_BYTES},nr_inodes=4096,mode=1777"
    kernel.mount("shm", "dev/shm", "tmpfs", _QUIET | kernel.MS_NODEV, options)
    kernel.mount("none", "dev", None, kernel.MS_BIND | kernel.MS_REMOUNT | _QUIET | kernel.MS_RDONLY)
