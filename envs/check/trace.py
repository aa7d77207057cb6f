"""What an environment answers to a fixed sequence of actions, as text that can be compared byte by byte."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from ..core import Checked, TextEnv
from ..info import no_json
from ..registry import make


def trace(env: Checked[TextEnv], seed: int, num_turns: int, key: int = 0) -> list[str]:
    """Play actions drawn by (seed, key) and return each reply as JSON text."""
    rng = np.random.default_rng([seed, key, 7])
    observation, info = env.reset(seed=seed)
    replies = [encode(observation, info)]
    for _ in range(num_turns):
        observation, reward, terminated, truncated, info = env.step(draw(rng, info))
        replies.append(encode(observation, reward, terminated, truncated, info))
        if terminated or truncated:
            break
    return replies


def draw(rng: np.random.Generator, info: dict[str, Any]) -> str:
    """Return one of the actions that are listed, else some letters."""
    admissible = info.get("admissible")
    if admissible:
        return str(admissible[int(rng.integers(len(admissible)))])
    return bytes(rng.integers(97, 123, size=int(rng.integers(1, 9)), dtype=np.uint8)).decode("ascii")


def encode(*reply: Any) -> str:
    """Return a reply, info last, as JSON text.

    Raises:
        AssertionError: naming what in its info JSON cannot hold.
    """
    unfit = no_json(reply[-1])
    assert unfit is None, unfit
    return json.dumps(reply, sort_keys=True, ensure_ascii=True, allow_nan=False, default=_plain)


def _plain(value: np.generic | np.ndarray[Any, Any]) -> Any:
    return value.tolist()


def cut(text: str) -> str:
    """Return the beginning of a text, to be quoted."""
    return text if len(text) <= 200 else text[:197] + "..."


def digest(env_id: str, kwargs: dict[str, Any], seeds: tuple[int, ...], num_turns: int) -> str:
    """Return a digest of the traces of some tasks."""
    found = hashlib.sha256()
    with make(env_id, **kwargs) as env:
        for seed in seeds:
            for reply in trace(env, seed, num_turns):
                found.update(reply.encode() + b"\0")
    return found.hexdigest()[:16]
