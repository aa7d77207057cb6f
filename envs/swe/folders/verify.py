"""A verifier run in a box, and what it wrote about the submission.

/tests and /logs/verifier are emptied before, whatever lay there; the tests are laid down as files
that the box's user cannot change. What the verifier wrote is read with suspicion: a finite number in
reward.txt, or named ones in reward.json.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from typing import NamedTuple

from ....errors import UsageError
from ...sandbox import Ran, Sandbox
from ..task import Verdict

TESTS, LOGS = "/tests", "/logs"
MAX_REWARD_BYTES = 1 << 16
LOG_CHARS = 20_000


class Unscored(Exception):
    """Why a verifier's run says nothing about the submission."""


class Work(NamedTuple):
    """What a verifier is run with."""

    tests: Mapping[str, bytes]  # path below /tests -> bytes
    env: Mapping[str, str]
    seconds: float


async def verify(box: Sandbox, work: Work, *, changed: bool) -> Verdict:
    """Run a verifier in a box and return what it came to.

    Args:
        box: the agent's own, or one with what was carried over.
        work: its tests, variables and time.
        changed: whether the submission changes anything.

    Raises:
        SandboxError: if the box is gone.
    """
    await empty(box)
    await box.write_tree(work.tests, TESTS, root=True)
    ran = await box.run(f"bash {TESTS}/test.sh", work.seconds, env=work.env)
    log = ran.output[-LOG_CHARS:]
    if ran.cause in ("timeout", "memory", "killed"):
        cause = f"the verifier was ended: {ran.cause} after {ran.seconds:.1f} s"
        return Verdict(outcome="tests_failed", reward=0.0, cause=cause, log=log)
    try:
        rewards = await _rewards(box, ran)
    except Unscored as error:
        return Verdict(outcome=None, reward=None, cause=str(error), log=log)
    return judged(rewards, changed, log)


async def empty(box: Sandbox) -> None:
    """Leave nothing in /tests and /logs/verifier.

    Raises:
        Unscored: if something stays.
    """
    for place in (TESTS, f"{LOGS}/verifier"):
        if not await box.empty(place):
            raise Unscored(f"{place} could not be emptied")


def judged(rewards: Mapping[str, float], changed: bool, log: str = "") -> Verdict:
    """Return the verdict of named rewards: `reward` where it is among them, else their mean."""
    whole = rewards.get("reward", sum(rewards.values()) / len(rewards))
    reward = min(max(whole, 0.0), 1.0)
    cause = "" if reward == whole else f"a reward of {whole:g} was cut to {reward:g}"
    if reward == 1.0:
        return Verdict(outcome="resolved", reward=reward, rewards=rewards, cause=cause, log=log)
    outcome = "tests_failed" if changed else "empty_patch"
    cause = cause or f"the verifier gave {whole:g}"
    return Verdict(outcome=outcome, reward=reward, rewards=rewards, cause=cause, log=log)  # type: ignore[arg-type]


async def _rewards(box: Sandbox, ran: Ran) -> dict[str, float]:
    for name in ("reward.json", "reward.txt"):
        place = f"{LOGS}/verifier/{name}"
        try:
            data = await box.read(place, MAX_REWARD_BYTES)
        except FileNotFoundError:
            continue
        except (OSError, UsageError) as error:
            raise Unscored(f"{place} cannot be read: {error}") from error
        return read_rewards(name, data)
    raise Unscored(f"the verifier wrote no reward; test.sh ended with exit code {ran.exit_code}")


def read_rewards(name: str, data: bytes) -> dict[str, float]:
    """Return the rewards of a file of the verifier.

    Raises:
        Unscored: for anything but finite numbers.
    """
    try:
        value = json.loads(data) if name == "reward.json" else float(data.decode())
    except (ValueError, RecursionError) as error:
        raise Unscored(f"{name} cannot be read: {data[:80]!r}") from error
    found = value if isinstance(value, dict) else {"reward": value}
    for key, number in found.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise Unscored(f"{name}: {key} is {number!r}; expected a finite number")
    if not found:
        raise Unscored(f"{name} holds no reward")
    return {str(key): float(number) for key, number in found.items()}


def list_files(paths: list[str]) -> str:
    """Return bash that lists the files under paths, NUL between them."""
    return f"find {' '.join(map(shlex.quote, paths))} -type f -print0 2>/dev/null; true"
