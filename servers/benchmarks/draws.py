"""Tasks drawn from a secret: which seeds, in which order, in which worlds.

Every number is HMAC-SHA256 of the secret of one version of one benchmark, so that nobody without it can
tell a task from what is seen of it, and anybody with it can make all of them again: it is revealed when
the version retires. The operator's own secret, from which those are made, never is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .file import Benchmark

_SEED_BITS = 62


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a run: the place of its environment in the file, its number there, its seed."""

    place: int
    number: int
    seed: int


def secret_of(master: bytes, name: str, version: int) -> bytes:
    """Return the secret of one version of a benchmark."""
    return hmac.digest(master, _text("turnwise benchmark", name, version), "sha256")


def public_secret(name: str, version: int) -> bytes:
    """Return what stands for the secret where the split is public."""
    return hashlib.sha256(_text("turnwise public split", name, version)).digest()


def commitment(secret: bytes) -> str:
    """Return the hash of a secret, which tells nothing of it and holds it to what it is."""
    return hashlib.sha256(secret).hexdigest()


def arguments_of(benchmark: Benchmark, place: int, secret: bytes) -> dict[str, Any]:
    """Return what the environment of a place is made with."""
    env = benchmark.environments[place]
    drawn = {name: _number(secret, "argument", place, name) for name in env.secret}
    return {**env.arguments, **(env.hidden if benchmark.split == "hidden" else env.public), **drawn}


def tasks_of(benchmark: Benchmark, secret: bytes, run: str) -> Sequence[Task]:
    """Return the tasks of a run, in its order."""
    whose = ("run", run) if benchmark.draw == "fresh" else ("all",)
    slots = [
        (place, number) for place, env in enumerate(benchmark.environments) for number in range(env.tasks)
    ]
    slots.sort(key=lambda slot: _number(secret, "order", run, *slot))
    return [
        Task(place, number, _number(secret, "task", *whose, place, number))
        for place, number in slots[: benchmark.num_tasks]
    ]


def _number(secret: bytes, *parts: str | int) -> int:
    drawn = hmac.digest(secret, _text(*parts), "sha256")
    return int.from_bytes(drawn[:8], "big") >> (64 - _SEED_BITS)


def _text(*parts: str | int) -> bytes:
    """Write parts so that no other parts are written alike."""
    return b"".join(b"%d:%b" % (len(part), part) for part in (str(part).encode() for part in parts))
