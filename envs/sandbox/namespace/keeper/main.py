"""The keeper process: from its start to its last request.

It is started with three descriptors: the socket to the server, the server's process, and the settings. Once
the server has gone, it goes, and the kernel ends every box and takes every mount away.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from . import kernel
from .boxes import Boxes
from .cgroups import Places, remove
from .families import Families, Numbers
from .layers import Store
from .pods import Pods
from .requests import Requests
from .tasks import Loop
from .wire import read_all


def main() -> None:
    """Run until the server has gone."""
    sock, server, settings = (int(word) for word in sys.argv[1:4])
    if os.geteuid() and len(sys.argv) == 4:
        _begin_again_as_the_first_of_a_user_namespace()
    plan = json.loads(read_all(settings, os.fstat(settings).st_size))
    places = Places(**plan["places"]).of_this_process()
    for fd in (sock, server):
        os.set_inheritable(fd, False)  # or every command would hold them
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    os.setsid()
    made = _make_folders(places)
    kernel.unshare(kernel.CLONE_NEWPID)
    pid = os.fork()
    if not pid:
        _keep(sock, server, plan, places)
    os.close(sock)
    os.waitpid(pid, 0)
    for folder in made:
        remove(folder)


def _make_folders(places: Places) -> list[str]:
    made = []
    for folder in places.folders:
        os.mkdir(folder)
        made.append(folder)
        if places.version == 2:
            with open(f"{folder}/cgroup.subtree_control", "w", encoding="ascii") as file:
                file.write("+memory +pids +cpu" if places.cpu else "+memory +pids")
    return made


def _begin_again_as_the_first_of_a_user_namespace() -> NoReturn:
    """Enter a user namespace and start this program once more, so that its memory belongs there."""
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    kernel.keep_capabilities()
    with open("/proc/self/cmdline", "rb") as file:
        command = file.read().rstrip(b"\0").split(b"\0")
    os.execve(sys.executable, [*command, b"inside"], {})


def _keep(sock: int, server: int, plan: dict[str, Any], places: Places) -> None:
    """Be the keeper; never returns."""
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        channel = socket.socket(fileno=sock)
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
        loop, requests = _set_up(channel, plan, places)
        going = [True]

        def take() -> None:
            going[0] = requests.take()

        loop.read(sock, take)
        loop.read(server, going.clear)
        channel.send(b"ready")
        gc.freeze()
        while going and going[0]:
            loop.turn()
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        raise
    finally:
        os._exit(0)


def _set_up(channel: socket.socket, plan: dict[str, Any], places: Places) -> tuple[Loop, Requests]:
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    bare = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    kernel.unshare(kernel.CLONE_NEWNS)
    point = os.path.dirname(os.path.abspath(__file__))
    kernel.mount("store", point, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "size=16m,mode=700")
    os.chdir(point)
    loop = Loop()
    families = Families(Numbers(**plan["users"]) if plan["users"] else None)
    boxes = Boxes(loop, Store(plan["user_namespace"]), Pods(point, bare), places, families)
    return loop, Requests(channel, boxes, bytes.fromhex(plan["filter"]), os.path.dirname(point))
