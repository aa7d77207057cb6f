"""Tries at the kernel: system calls, /proc, /sys, devices, privileges, name spaces, signals."""

# ruff: noqa: E501 (scripts are data)

from __future__ import annotations

from case import Case, python

CALLS = {  # name -> what it would be good for, number and arguments on x86-64
    "ptrace pid 1": ("take over the first process", "101, 16, 1, 0, 0"),
    "ptrace traceme": ("be debugged by the parent, a way around filters", "101, 0, 0, 0, 0"),
    "bpf": ("load a program into the kernel", "321, 5, b'\\0' * 128, 72"),
    "userfaultfd": ("stop the kernel in the middle of a copy", "323, 0"),
    "perf_event_open": ("measure what others do", "298, b'\\0' * 128, 0, -1, -1, 0"),
    "io_uring_setup": ("submit calls past the filter", "425, 4, b'\\0' * 256"),
    "open_by_handle_at": ("open files by number, past every path", "304, -100, b'\\x08\\0\\0\\0\\1\\0\\0\\0' * 4, 0"),
    "init_module": ("load code into the kernel", "175, b'\\0' * 64, 64, b''"),
    "finit_module": ("load a module from a file", "313, 0, b'', 0"),
    "delete_module": ("take a module out of the kernel", "176, b'overlay', 0"),
    "kexec_load": ("start another kernel", "246, 0, 0, None, 0"),
    "clock_settime": ("set the clock of all", "227, 0, (__import__('ctypes').c_long * 2)(1, 0)"),
    "settimeofday": ("set the clock, the old way", "164, (__import__('ctypes').c_long * 2)(1, 0), None"),
    "adjtimex": ("make the clock run faster", "159, (__import__('ctypes').c_long * 32)(0x4000, *([0] * 31))"),
    "reboot": ("switch the machine off (a command that does nothing)", "169, 0xfee1dead, 672274793, 0, None"),
    "swapon": ("use a file as memory", "167, b'/workspace/helpers.py', 0"),
    "quotactl": ("change quotas", "179, 0x800002 << 8, b'/dev/vda', 0, None"),
    "acct": ("write an account of all processes", "163, b'/workspace/acct'"),
    "iopl": ("speak to the ports of devices", "172, 3"),
    "add_key": ("fill the key rings that all boxes of a user share", "248, b'user', b'k', b'p', 1, -4"),
    "keyctl join": ("join a key ring by name", "250, 1, b'turnwise'"),
    "request_key": ("start a program of the host by a key", "249, b'user', b'k', b'x', -4"),
    "fanotify_init": ("watch what others open", "300, 0, 0"),
    "syslog": ("read the kernel's messages", "103, 3, b'\\0' * 4096, 4096"),
    "sethostname": ("rename the machine", "170, b'mine', 4"),
    "setdomainname": ("rename the domain", "171, b'mine', 4"),
    "mount tmpfs": ("mount a file system", "165, b'none', b'/tmp', b'tmpfs', 0, None"),
    "mount proc": ("see other processes", "165, b'proc', b'/tmp', b'proc', 0, None"),
    "mount cgroup": ("reach release_agent", "165, b'cgroup', b'/tmp', b'cgroup', 0, b'memory'"),
    "remount root": ("make what is only read writable", "165, b'none', b'/usr', None, 32 | 4096, None"),
    "unmount proc": ("take the mask off /proc", "166, b'/proc', 2"),
    "fsopen": ("mount by the new calls", "430, b'tmpfs', 0"),
    "open_tree": ("clone a mount by the new calls", "428, -100, b'/', 1"),
    "pivot_root": ("change the root", "155, b'/tmp', b'/tmp'"),
    "chroot": ("change the root, the old way", "161, b'/tmp'"),
    "unshare mounts": ("get mounts of one's own", "272, 0x20000"),
    "unshare network": ("get a network of one's own", "272, 0x40000000"),
    "nested user namespace": ("be root in a name space of one's own", "272, 0x10000000"),
    "clone user namespace": ("the same by clone, a child that ends at once",
                             "56, 0x10000000 | 17, None, None, None, 0"),
    "mknod block device": ("make the disk", "133, b'/tmp/disk', 0o60660, 0xfe00"),
    "mknod memory": ("make /dev/mem", "133, b'/tmp/mem', 0o20660, 0x101"),
    "setuid 0": ("become root", "105, 0"),
    "real-time scheduling": ("run before all others", "144, 0, 1, (__import__('ctypes').c_int * 1)(50)"),
    "raise a limit": ("be allowed more files", "160, 7, (__import__('ctypes').c_ulong * 2)(1 << 30, 1 << 30)"),
    "vsock": ("reach the machine under a virtual one", "41, 40, 1, 0"),
    "raw socket": ("write packets", "41, 2, 3, 1"),
    "packet socket": ("read the packets of others", "41, 17, 3, 0x300"),
}  # fmt: skip

FILES = {  # written: what for
    "/proc/sysrq-trigger": "crash the machine by the keyboard (h: only help)",
    "/proc/sys/kernel/core_pattern": "run a program of one's own at the next crash",
    "/proc/sys/kernel/modprobe": "run a program of one's own at the next module",
    "/proc/sys/vm/drop_caches": "make everybody slow",
    "/proc/sys/kernel/hostname": "rename the machine",
    "/proc/sys/fs/binfmt_misc/register": "run a program of one's own for files of others",
    "/sys/kernel/uevent_helper": "run a program of one's own at the next device",
    "/sys/kernel/mm/transparent_hugepage/enabled": "change the kernel's memory",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "lift the memory limit",
    "/sys/fs/cgroup/memory/release_agent": "run a program when a control group ends",
    "/sys/fs/cgroup/cgroup.procs": "leave the control group",
    "/sys/fs/cgroup/memory.max": "lift the memory limit of version 2",
    "/proc/1/oom_score_adj": "have others killed first",
    "/proc/self/uid_map": "map users",
    "/dev/kmsg": "write into the kernel's messages",
}
_HELP = {"/proc/sysrq-trigger": "h", "/proc/sys/kernel/core_pattern": "core"}

READ = {  # read, when something comes of it: what for
    "/proc/kcore": "read the kernel's memory",
    "/dev/mem": "read the machine's memory",
    "/dev/vda": "read the disk",
    "/dev/sda": "read the disk",
    "/proc/1/environ": "read the environment of the first process",
    "/proc/1/mem": "read the memory of the first process",
    "/proc/1/root/etc/shadow": "go through the first process's root",
    "/proc/1/cwd/etc/shadow": "go through the first process's folder",
    "/proc/keys": "list key rings",
    "/proc/timer_list": "list the timers of all",
    "/proc/sched_debug": "list the processes of all",
    "/etc/shadow": "read passwords",
}


def cases() -> list[Case]:
    """Return all of them."""
    made = [python(name, attempt, f"works({words})") for name, (attempt, words) in CALLS.items()]
    made += [
        python(f"write {path}", attempt, f"written({path!r}, {_HELP.get(path, '1')!r})")
        for path, attempt in FILES.items()
    ]
    made += [
        Case(f"read {path}", attempt, f"head -c 64 {path} 2>&1 > out; [ -s out ] && echo GOT || echo refused")
        for path, attempt in READ.items()
    ]
    return made + _OTHERS


_OTHERS = [
    python("process_vm_readv", "read another process's memory",
           "import ctypes\nb = ctypes.create_string_buffer(8)\nv = (ctypes.c_void_p * 2)(ctypes.addressof(b), 8)\n"
           "r = (ctypes.c_void_p * 2)(0x400000, 8)\nworks(310, 1, v, 1, r, 1, 0)"),
    python("pidfd_getfd", "take a file out of the first process",
           "fd, e = call(434, 1, 0)\nworks(438, fd, 0, 0) if fd >= 0 else got(False)"),
    python("setns", "enter the name space of the first process",
           "def act():\n    fd = os.open('/proc/1/ns/mnt', 0)\n    if call(308, fd, 0)[0] < 0: raise OSError\ncan(act)"),
    python("file capability", "give a program a capability",
           "import shutil\nshutil.copy('/usr/bin/env', 'e')\n"
           "can(lambda: os.setxattr('e', 'security.capability', bytes.fromhex('0100000200000020') + bytes(12)))"),
    python("chown to root", "make a setuid program that is root's",
           "open('x', 'w').close()\ncan(lambda: (os.chown('x', 0, 0), os.chmod('x', 0o4755)))"),
    Case("setuid programs", "become root by a program of the image that may",
         "for p in /usr/bin/su /usr/bin/newgrp /usr/bin/mount /usr/bin/chsh; do [ -u $p ] && u=1; done; "
         "(echo id -u; echo) | timeout 2 su root -s /bin/sh 2>/dev/null | grep -qx 0 && echo GOT || echo refused"),
    Case("no_new_privs", "run without the bit that keeps setuid programs harmless",
         "grep -q 'NoNewPrivs:.1' /proc/self/status && echo refused || echo GOT"),
    Case("capabilities", "have one", "grep -q 'CapEff:.0000000000000000' /proc/self/status && "
         "grep -q 'CapBnd:.0000000000000000' /proc/self/status && echo refused || echo GOT"),
    Case("no filter", "run without a filter for system calls",
         "grep -q 'Seccomp:.2' /proc/self/status && echo refused || echo GOT"),
    Case("host processes", "see a process of the host",
         "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q 'slee[p] {marker}' && echo GOT || echo no"),
    Case("secret in environments", "find a secret of the server in an environment",
         "cat /proc/[0-9]*/environ 2>/dev/null | grep -qa {secret} && echo GOT; env | grep -q {secret} && echo GOT"),
    Case("inherited files", "use a file that the server has open",
         "for f in /proc/self/fd/*; do n=${f##*/}; [ $n -gt 2 ] && [ -e /proc/$$/fd/$n ] && "
         "[ $n != 255 ] && echo GOT $n $(readlink /proc/$$/fd/$n); done; echo end"),
    Case("terminal", "push characters into the terminal of the server",
         "python3 -c \"import fcntl; f = open('/dev/tty', 'w'); fcntl.ioctl(f, 0x5412, b'x'); print('GOT')\""),
    python("terminal of the streams", "push characters through the command's own streams",
           "import fcntl\nfor fd in (0, 1, 2):\n    try: fcntl.ioctl(fd, 0x5412, b'x')\n"
           "    except OSError: continue\n    got(True)"),
    Case("hard link to what is protected", "keep a name for a file of root",
         "ln /etc/shadow s 2>/dev/null || ln /usr/bin/su s 2>/dev/null; [ -e s ] && echo GOT || echo refused"),
    python("nice", "run before others", "can(lambda: os.nice(-5))"),
    python("network interface", "switch an interface",
           "import socket, fcntl, struct\ns = socket.socket()\n"
           "can(lambda: fcntl.ioctl(s, 0x8914, struct.pack('16sh', b'lo', 0)))"),
]  # fmt: skip
