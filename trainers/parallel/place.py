"""Where this process stands among those of a learner, as torchrun or we have told it. Needs no torch."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True)
class Place:
    """The number of this process, from 0, that on its machine, and how many there are."""

    rank: int = 0
    local_rank: int = 0
    world: int = 1

    @property
    def follows(self) -> bool:
        """Tell whether another process leads: one that trains, and asks this one to learn with it."""
        return self.rank > 0

    def variables(self, address: str, port: int) -> dict[str, str]:
        """Return what tells a process that it stands here, and where rank 0 is met."""
        values = (self.rank, self.local_rank, self.world, address, port)
        return {**dict(zip(_VARIABLES, map(str, values), strict=True)), **interface_of(address)}


def placed() -> Place:
    """Return where this process stands; alone where nothing tells it (`torchrun` does, by its variables)."""
    if not all(os.environ.get(name) for name in _VARIABLES):
        return Place()
    rank, local_rank, world = (int(os.environ[name]) for name in _VARIABLES[:3])
    return Place(rank, local_rank, world)


def interface_of(address: str) -> dict[str, str]:
    """Return what keeps ranks that meet on the loopback from listening elsewhere."""
    if not address.startswith("127.") and address != "::1":
        return {}
    names = [name for _, name in socket.if_nameindex()]
    return {"GLOO_SOCKET_IFNAME": "lo" if "lo" in names else "lo0"}
