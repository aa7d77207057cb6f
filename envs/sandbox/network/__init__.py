"""The way out of boxes that may reach some hosts and no others: a proxy on this side, none of it in the box.

A box has loopback alone. On its loopback listens a socket that this process holds, and behind it a proxy
that connects by name to what the task's list has.

allowlist   which hosts a task may reach
addresses   what a name stands for, without what is near this machine
exchange    one connection through the proxy, and its bounds
gate        the proxy of one box: its sockets, and what it refused
listening   a socket on the loopback of another process's network
"""

from __future__ import annotations

from .allowlist import Allowlist
from .exchange import Bounds
from .gate import Gate, gate_of, variables
from .listening import PORT, listen_at

__all__ = ["PORT", "Allowlist", "Bounds", "Gate", "gate_of", "listen_at", "variables"]
