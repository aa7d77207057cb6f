"""The system call filter of every container: the one of the namespace backend, as a profile of the engine's.

The engine's own default depends on its age: that of version 20 lets through io_uring and vsock.
Source: docs.docker.com/engine/security/seccomp.
"""

from __future__ import annotations

import errno
import json
import socket
from functools import cache
from typing import Any

from ..namespace.filter import REFUSED

_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
_SOCKETS = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_FAMILIES = 46
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_EQUAL, _MASKED = "SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"


@cache
def profile() -> str:
    """Return the profile; calls of other machine models (32 bit, x32) end the process."""
    rules = [_refuse("".join(REFUSED.values()).split(), errno.EPERM), _refuse(["clone3"], errno.ENOSYS)]
    for bit in filter(lambda bit: _NAMESPACES >> bit & 1, range(32)):
        rules += [_refuse(["clone"], errno.EPERM, (0, 1 << bit, 1 << bit, _MASKED))]
    for request in (_TIOCSTI, _TIOCLINUX):
        rules += [_refuse(["ioctl"], errno.EPERM, (1, 0xFFFFFFFF, request, _MASKED))]
    for family in range(_FAMILIES):
        if family not in _SOCKETS:
            compared = (0, family, 0, _EQUAL)
            rules.append(_refuse(["socket", "socketpair"], errno.EAFNOSUPPORT, compared))
    return json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})


def _refuse(names: list[str], code: int, *compared: tuple[int, int, int, str]) -> dict[str, Any]:
    return {
        "names": names,
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": code,
        "args": [
            {"index": index, "value": value, "valueTwo": second, "op": operation}
            for index, value, second, operation in compared
        ],
    }
