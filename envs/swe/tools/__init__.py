"""What an agent can do in a working tree, one call a turn.

catalogue  the tools: their arguments, how they are described to an agent
calls      how a call is read from a message, and how one is written
workbench  calls carried out in a box; changes, and the way back
commands   the command lines that tools run in the box
output     command output as an observation: what differs from run to run, control characters, length
"""

from .calls import Call, Unread, read_call, write_call
from .catalogue import TOOLS, described, schemas
from .workbench import NOT_DONE, Reply, Workbench

__all__ = [
    "NOT_DONE",
    "TOOLS",
    "Call",
    "Reply",
    "Unread",
    "Workbench",
    "described",
    "read_call",
    "schemas",
    "write_call",
]
