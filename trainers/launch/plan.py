"""Where the processes of a run come to lie, and with what, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .roles import Role

HERE = "this machine"


def rows(roles: Sequence[Role], nodes: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row a process.

    Args:
        roles: the processes.
        nodes: by the name of a process, where it lies.
    """
    return [
        {
            "process": role.name,
            "does": role.does,
            "node": nodes.get(role.name, HERE),
            "cpus": role.share.cpus,
            "gpus": role.share.gpus,
            "gib": role.share.gib,
        }
        for role in roles
    ]


def lines(roles: Sequence[Role], nodes: Mapping[str, str]) -> list[str]:
    """Return the rows as text, and their sum."""
    found = rows(roles, nodes)
    sums = {name: sum(row[name] for row in found) for name in ("cpus", "gpus", "gib")}
    table = [*found, {"process": "together", "does": "", "node": "", **sums}]
    wide = {name: max(len(name), *(len(row[name]) for row in table)) for name in ("process", "does", "node")}
    head = "  ".join(f"{name:{size}}" for name, size in wide.items())
    return [
        f"{head}  {'CPUs':>5} {'GPUs':>5} {'GiB':>6}",
        *(
            "  ".join(f"{row[name]:{size}}" for name, size in wide.items())
            + f"  {row['cpus']:5g} {row['gpus']:5g} {row['gib']:6g}"
            for row in table
        ),
    ]
