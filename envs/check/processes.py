"""The same replies in fresh processes, whatever the seed of Python's hashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import Any

from ...errors import TurnwiseError
from ...signals import interrupt_when_told_to_end
from .trace import digest

_CHILD_TIMEOUT_S, _CHILD_CLOSE_S = 120, 5


def same_across_processes(
    env_id: str, kwargs: dict[str, Any], seeds: tuple[int, ...], num_turns: int
) -> None:
    """Raise AssertionError where fresh processes answer otherwise than this one."""
    program = "import sys; from turnwise.envs.check.processes import print_digest; print_digest(sys.argv[1])"
    job = json.dumps({"env": env_id, "kwargs": kwargs, "seeds": seeds, "num_turns": num_turns})
    digests = {}
    for hash_seed in ("1", "4242"):
        path = os.pathsep.join([p for p in sys.path if p] + [str(os.getcwd())])  # noqa: PTH109 - an entry of sys.path
        code, out, err = _run([sys.executable, "-c", program, job], hash_seed, path)
        assert code == 0, f"a fresh process failed: {(err.strip().splitlines() or [f'exit code {code}'])[-1]}"
        digests[hash_seed] = out.strip()
    here = digest(env_id, kwargs, seeds, num_turns)
    assert set(digests.values()) == {here}, (
        f"replies differ between processes: here {here}, "
        + ", ".join(f"PYTHONHASHSEED={k} {v}" for k, v in digests.items())
        + "; look for sets, dict order from hashes, id(), time or global random state"
    )


def _run(command: list[str], hash_seed: str, path: str) -> tuple[int, str, str]:
    """Run a process to its end, which is also ours: it is asked to close what it has open."""
    child = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with child:
        try:
            out, err = child.communicate(timeout=_CHILD_TIMEOUT_S)
        except BaseException:
            child.terminate()
            with suppress(subprocess.TimeoutExpired):
                child.wait(_CHILD_CLOSE_S)
            child.kill()
            raise
    return child.returncode, out, err


def print_digest(job: str) -> None:
    """Print the digest of the traces that a job asks for, or end with the reason why there is none."""
    interrupt_when_told_to_end()
    spec = json.loads(job)
    try:
        found = digest(spec["env"], spec["kwargs"], tuple(spec["seeds"]), spec["num_turns"])
    except (AssertionError, TurnwiseError) as error:
        sys.exit(str(error))
    sys.stdout.write(found + "\n")
