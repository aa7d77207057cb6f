"""Tries at what boxes share: memory, disk, processes, network, and limits that count by user.

Each is bounded by itself, so that it can be tried where nothing bounds it: what is wanted is a few times what
a box may have.
"""

# ruff: noqa: E501 (scripts are data)

from __future__ import annotations

from case import Case, python

MB = 1 << 20
WANTED_MB = 500
"""More memory than the 256 MB of a box."""

_PROCESSES = "n = 0\ntry:\n    for n in range(300):\n        {}\nexcept (OSError, RuntimeError): pass\n"
_FILL = (
    "import socket\nkept, total = [], 0\nchunk = bytes(1 << 16)\ntry:\n    while total < {wanted} << 20:\n"
    "        {make}\n        a.setblocking(False) if hasattr(a, 'setblocking') else os.set_blocking(a, False)\n"
    "        kept.append((a, b))\n        before = total\n        try:\n            while True: total += {send}\n"
    "        except OSError: pass\n        if total == before: break\nexcept OSError as error: print(error)\n"
    "amount(total >> 20, {wanted}, 'MB')"
)


def _connect(place: str, port: int | str) -> str:
    return f"import socket\ns = socket.socket()\ns.settimeout(2)\ncan(lambda: s.connect(({place!r}, {port})))"


CASES = [
    python("fork bomb", "run 300 processes where 64 are allowed",
           _PROCESSES.format("pid = os.fork()\n        if not pid:\n            __import__('time').sleep(5)\n"
                             "            os._exit(0)") + "amount(n, 250, 'processes')"),
    python("thread bomb", "run 300 threads", "import threading, time\n" + _PROCESSES.format(
        "threading.Thread(target=time.sleep, args=(3,), daemon=True).start()") + "amount(n, 250, 'threads')\nos._exit(0)"),
    python("zombie flood", "leave 300 dead processes uncollected",
           _PROCESSES.format("pid = os.fork()\n        if not pid: os._exit(0)") + "amount(n, 250, 'processes')"),
    Case("fork bomb, the classic", "multiply until the time limit", ":(){ :|:& };:; sleep 9", timeout_s=2),
    python("memory", "take 500 MB where 256 are allowed",
           "kept = []\nfor n in range(50): kept.append(bytearray(b'x') * (10 << 20))\ngot(True)"),
    python("shared mapping", "the same by mmap",
           "import mmap\nm = mmap.mmap(-1, 500 << 20)\nfor n in range(0, 500 << 20, 4096): m[n] = 1\ngot(True)"),
    python("memory of a memfd", "the same by memfd_create",
           "fd = os.memfd_create('x')\nfor n in range(500): os.write(fd, bytes(1 << 20))\ngot(True)"),
    Case("/dev/shm", "the same by shared memory",
         "for n in 1 2 3 4 5 6 7 8 9 10; do head -c 50M /dev/zero > /dev/shm/$n || exit; done; echo GOT; "
         "rm -f /dev/shm/*"),
    python("pipes", "the same in pipes", _FILL.format(
        wanted=WANTED_MB, make="b, a = os.pipe(); __import__('fcntl').fcntl(a, 1031, 1 << 16)",
        send="os.write(a, chunk)")),
    python("socket buffers", "the same in sockets", _FILL.format(
        wanted=WANTED_MB, make="a, b = socket.socketpair()", send="a.send(chunk)")),
    python("datagrams", "the same in packets to oneself", _FILL.format(
        wanted=WANTED_MB, make="b = socket.socket(type=2); b.bind(('127.0.0.1', 0)); a = socket.socket(type=2); "
        "a.connect(b.getsockname())", send="a.send(chunk[:60000]) if total - before < 200000 else a.bind(1)")),
    Case("disk", "write 300 MB in files where 64 are allowed",
         "for n in 1 2 3 4 5 6; do head -c 50M /dev/zero > f$n || exit; sleep .3; done; "
         "sleep 1; du -sm . ; echo GOT"),
    python("disk, files without names", "write 240 MB into files that are deleted at once",
           "import time\nkept = []\nfor n in range(6):\n    fd = os.open('d', os.O_CREAT | os.O_WRONLY)\n"
           "    os.unlink('d')\n    kept.append(fd)\n    for m in range(40): os.write(fd, bytes(1 << 20))\n"
           "    time.sleep(.3)\ntime.sleep(2)\ngot(True)"),
    python("inodes", "make 30 000 files where 5 000 are allowed",
           "import time\nfor n in range(30):\n    os.mkdir(str(n))\n    for m in range(1000):\n"
           "        open(f'{n}/{m}', 'w').close()\n    time.sleep(.05)\ntime.sleep(1)\ngot(True)"),
    Case("one file too long", "write 300 MB into one file", "head -c 300M /dev/zero > f && sleep 1 && echo GOT"),
    Case("fallocate", "reserve 300 MB", "fallocate -l 300M f && sleep 1.5 && echo GOT"),
    python("processors", "use four processors where one is allowed",
           "import time, resource\nstart = time.time()\nfor n in range(4):\n    if not os.fork():\n"
           "        while time.time() < start + 2: pass\n        os._exit(0)\nfor n in range(4): os.wait()\n"
           "u = resource.getrusage(resource.RUSAGE_CHILDREN)\nshare = (u.ru_utime + u.ru_stime) / (time.time() - start)\n"
           "print('GOT' if share > 1.5 else 'HELD', share)"),
    python("open files", "hold 50 000 files open", "n = 0\ntry:\n    for n in range(50000): os.dup(0)\n"
           "except OSError: pass\namount(n, 49000, 'files')"),
    python("inotify of others", "use up what the user of other boxes may watch with",
           "import time\nn = 0\nwhile n < 400 and call(294, 0)[0] >= 0: n += 1\nprint('HELD', n, flush=True)\ntime.sleep(3)",
           other="python3 -c \"from helpers import *; print('WORKS' if call(294, 0)[0] >= 0 else 'starved')\""),
    python("pending signals of others", "use up the queued signals of the user",
           "import time, signal\nsignal.pthread_sigmask(0, range(34, 60))\nn = 0\nwhile n < 100000 and "
           "call(129, os.getpid(), 34, (__import__('ctypes').c_int * 32)(34, 0, -1))[0] >= 0: n += 1\n"
           "print('HELD', n, flush=True)\ntime.sleep(3)",
           other="python3 -c \"from helpers import *; import signal, ctypes; signal.pthread_sigmask(0, [34]); "
           "print('WORKS' if call(129, os.getpid(), 34, (ctypes.c_int * 32)(34, 0, -1))[0] >= 0 else 'no')\""),
    python("pipe buffers of others", "use up the pipe memory of the user",
           "import fcntl, time\nkept = []\ntry:\n    for n in range(400):\n        kept.append(os.pipe())\n"
           "        fcntl.fcntl(kept[-1][1], 1031, 1 << 20)\nexcept OSError: pass\n"
           "print('HELD', len(kept), flush=True)\ntime.sleep(3)",
           other="python3 -c \"import os, fcntl; a, b = os.pipe(); "
           "print('WORKS' if fcntl.fcntl(b, 1032) >= 65536 else 'small')\""),
    python("processes of others", "use up the processes of the user", _PROCESSES.format(
        "pid = os.fork()\n        if not pid:\n            __import__('time').sleep(4)\n            os._exit(0)")
        + "print('HELD', n, flush=True)\nimport time\ntime.sleep(3)",
        other="for n in 1 2 3 4 5 6 7 8 9 10; do sleep .1 & done; wait && echo WORKS"),
    python("files in flight of others", "use up the open files that a user may have in sockets",
           "import socket, time\nkept, n = [], 0\ntry:\n    for m in range(40):\n        kept.append(socket.socketpair())\n"
           "        kept[-1][0].setblocking(False)\n        try:\n            for _ in range(200): "
           "socket.send_fds(kept[-1][0], [b'x'], [0] * 200); n += 200\n        except BlockingIOError: pass\n"
           "except OSError: pass\nprint('HELD', n, flush=True)\ntime.sleep(3)",
           other="python3 -c \"import socket; a, b = socket.socketpair(); "
           "print('WORKS' if socket.send_fds(a, [b'x'], [0]) else 'none')\""),
    python("internet", "reach a machine outside", _connect("1.1.1.1", 80)),
    python("metadata service", "ask the cloud for keys", _connect("169.254.169.254", 80)),
    python("loopback of the host", "reach a port of the host", _connect("127.0.0.1", "{port}")),
    python("datagram outside", "send a packet", "import socket\ns = socket.socket(type=2)\n"
           "can(lambda: s.sendto(b'x', ('8.8.8.8', 53)))"),
    python("names", "resolve a name", "import socket\ncan(lambda: socket.getaddrinfo('example.org', 80))"),
    python("IPv6", "reach a machine outside by version 6", "import socket\ns = socket.socket(10)\ns.settimeout(2)\n"
           "can(lambda: s.connect(('2606:4700:4700::1111', 80)))"),
    python("abstract socket of the host", "reach a socket of the host that has no file",
           "import socket\ns = socket.socket(1)\ncan(lambda: s.connect(b'\\0' + b'{abstract}'))"),
    python("sockets of the host", "find a socket of an engine or a service",
           "found = [p for p in ('/run/docker.sock', '/var/run/docker.sock', '/run/containerd/containerd.sock', "
           "'/run/dbus/system_bus_socket') if os.path.exists(p)]\ngot(found, found)"),
    Case("host's files", "find a file of the host", "cat {host_file} 2>/dev/null && echo GOT || echo refused"),
]  # fmt: skip
