"""Step 256 environments over HTTP from one client process, and see what both take of memory.

    python benchmarks/serving/fleet.py --out benchmarks/results

The client is the vector environment that rollouts use, in a process of its own
that does nothing else; neither side imports torch. Environments are the
project's own, played at random. Reported is the largest
resident size that each process ever had. The exit code is 1 if both together
take a gigabyte or more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from turnwise.servers.client import RemoteVectorEnv, ServerProcess

LIMIT_BYTES = 1 << 30
ENVS = ("household/mix-v0", "shopping/generated-v0", "search/generated-v1")


def peak_bytes(pid: int) -> int:
    """Return the largest resident size that a process has had, as Linux counts it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} has no VmHWM")


def play(url: str, env_id: str, num_envs: int, num_turns: int) -> dict[str, Any]:
    """Step a vector environment; what ends is reset."""
    import numpy as np

    draw = random.Random(0)
    env = RemoteVectorEnv(url, env_id, num_envs)
    env.reset(seed=0)
    num_steps, num_ended, started = 0, 0, time.monotonic()
    for _ in range(num_turns):
        choices = [reply.info.get("admissible") for reply in env.replies]
        actions = tuple(str(draw.choice(row)) if row else "search[history]" for row in choices)
        _, _, terminated, truncated, _ = env.step(actions)
        num_steps += num_envs
        done = np.logical_or(terminated, truncated)
        if done.any():
            num_ended += int(done.sum())
            env.reset(options={"reset_mask": done})
    seconds = time.monotonic() - started
    env.close()
    return {
        "env": env_id,
        "envs": num_envs,
        "steps": num_steps,
        "episodes_ended": num_ended,
        "seconds": round(seconds, 2),
        "client_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "client_has_torch": "torch" in sys.modules,
    }


def run(num_envs: int, num_turns: int) -> dict[str, Any]:
    rows, over = [], []
    for env_id in ENVS:
        with ServerProcess(["--env", env_id]) as server:
            command = [sys.executable, __file__, "--client", server.url, env_id]
            command += ["--envs", str(num_envs), "--turns", str(num_turns)]
            row = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            row["server_peak_mb"] = round(peak_bytes(server.pid) / 2**20, 1)
            row["server_maps_torch"] = "torch" in Path(f"/proc/{server.pid}/maps").read_text()
        row["both_peak_mb"] = round(row["client_peak_mb"] + row["server_peak_mb"], 1)
        rows.append(row)
        if row["both_peak_mb"] * 2**20 >= LIMIT_BYTES or row["client_has_torch"] or row["server_maps_torch"]:
            over.append(env_id)
    return {"rows": rows, "over": over, "load": [round(load, 1) for load in os.getloadavg()]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--envs", type=int, default=256)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--client", nargs=2, metavar=("URL", "ENV"), help="be the client")
    parser.add_argument("--out", type=Path, help="folder for the dated result")
    options = parser.parse_args()
    if options.client:
        print(json.dumps(play(*options.client, options.envs, options.turns)))
        return 0
    result = run(options.envs, options.turns)
    text = json.dumps(result, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / f"{time.strftime('%Y-%m-%d')}-serving-fleet.json").write_text(text + "\n")
    return 1 if result["over"] else 0


if __name__ == "__main__":
    sys.exit(main())
