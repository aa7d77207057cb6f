"""What is bound to the process and the loop that made it: a client cannot be forked, copied or pickled."""

from __future__ import annotations

import os
from typing import NoReturn

from ...errors import UsageError

__all__ = ["Bound", "check_process"]


class Bound:
    """A thing with connections, of which a copy would be a second hand on the same sessions."""

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse what copy, deepcopy and pickle ask.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"a {type(self).__name__} holds connections and cannot be copied or pickled: make another "
            "with the same arguments, or attach it to the same session (detach, attach)"
        )


def check_process(made_in: int) -> None:
    """Check that this is the process that made a client.

    Raises:
        UsageError: in a forked child, whose connections would be its parent's.
    """
    if os.getpid() != made_in:
        raise UsageError(
            f"this client was made in process {made_in} and this is process {os.getpid()}, forked from it: "
            "make the environment after the fork, or start processes with the method 'spawn'"
        )
