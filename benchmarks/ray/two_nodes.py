"""Two nodes of Ray on this machine, on the loopback alone, for as long as a block lasts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STORE_BYTES = 100_000_000


@contextmanager
def two_nodes(cpus: tuple[int, int] = (2, 2), gib: float = 4.0) -> Iterator[Any]:
    """Give a cluster of two nodes.

    Args:
        cpus: that each says it has.
        gib: of memory that each says it has.
    """
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on the loopback alone
        "RAY_worker_niceness": "0",  # as what runs without Ray
    }
    from ray.cluster_utils import Cluster

    each: dict[str, Any] = {
        "node_ip_address": "127.0.0.1",
        "object_store_memory": STORE_BYTES,
        "memory": int(gib * (1 << 30)),
        "include_dashboard": False,
    }
    cluster = Cluster(initialize_head=True, head_node_args={**each, "num_cpus": cpus[0]})
    try:
        cluster.add_node(**each, num_cpus=cpus[1])
        yield cluster
    finally:
        cluster.shutdown()
