"""Measure what Ray adds to an update: the same recipe by `turnwise train`, and held by a cluster of Ray.

    python benchmarks/ray/overhead.py [--updates 10] [--out FILE]

Both run at the same time, so that the load of the machine is one for both, and their updates do the same
work; a server is a process of its own both times, under Ray with a journal of its sessions, as ever. From
the end of each update to that of the next one counts the processor time of the learner and the server, that
of what else the run has under Ray (the command, keepers, watches), that of the cluster itself (its head and
two nodes, which stand there with or without a run), and the seconds of the clock. Results are medians of the
ratios of all updates but the first, with the least and most.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from two_nodes import two_nodes

from turnwise.trainers.launch.keeper import last_update

SETTINGS = {
    "train.max_seconds": 0, "train.save_every": 100, "eval.episodes": 0, "rollout.num_groups": 4,
    "rollout.group_size": 4,
}  # fmt: skip
NEVER_S = 1800


def used(plain: psutil.Process) -> dict[str, float]:
    """Return the processor time so far, of the run without Ray and of what the other one has."""
    found = {"plain": 0.0, "own": 0.0, "around": 0.0, "cluster": 0.0}
    without = {process.pid for process in [plain, *plain.children(recursive=True)]}
    for process in psutil.Process().children(recursive=True):
        try:
            words, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        is_own = "-m turnwise" in words and "watch.py" not in words and " --ray " not in words
        around = " --ray " in words or "watch.py" in words or words.startswith("ray::Keeper")
        kind = "own" if is_own else "around" if around else "cluster"
        found["plain" if process.pid in without else kind] += times.user + times.system
    return found


def start(run: Path, updates: int, *more: str) -> psutil.Popen:
    words = [sys.executable, "-m", "turnwise", "train", "demo", "--out", str(run), *more]
    settings = {**SETTINGS, "train.num_updates": updates}
    words += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    with Path(f"{run}.said").open("wb") as out:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return psutil.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=environment)


def measure(updates: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place, two_nodes((1, 1)) as cluster:
        runs = {"plain": Path(place) / "plain", "held": Path(place) / "held"}
        processes = {"plain": start(runs["plain"], updates)}
        processes["held"] = start(runs["held"], updates, "--ray", cluster.address)
        marks: dict[str, list[dict[str, float]]] = {"plain": [], "held": []}
        until = time.monotonic() + NEVER_S
        while any(len(found) < updates for found in marks.values()):
            assert time.monotonic() < until, "it takes too long"
            for name, run in runs.items():
                if last_update(run) > len(marks[name]):
                    marks[name].append({**used(processes["plain"]), "clock": time.monotonic()})
            time.sleep(0.02)
        for process in processes.values():
            process.wait(NEVER_S)
    plain, held = (
        [{name: two[name] - one[name] for name in one} for one, two in pairwise(marks[which])]
        for which in ("plain", "held")
    )
    rows = [
        {
            "plain_s": one["plain"],
            "learner and server": two["own"] / one["plain"],
            "all of the run": (two["own"] + two["around"]) / one["plain"],
            "and the cluster": (two["own"] + two["around"] + two["cluster"]) / one["plain"],
            "clock": two["clock"] / one["clock"],
        }
        for one, two in zip(plain, held, strict=True)
    ]
    return {
        "date": date.today().isoformat(),
        "load_average": os.getloadavg(),
        "ratios": {
            name: {
                "median": statistics.median(row[name] for row in rows),
                "least": min(row[name] for row in rows),
                "most": max(row[name] for row in rows),
            }
            for name in rows[0]
        },
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = measure(asked.updates)
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["ratios"], indent=1))


if __name__ == "__main__":
    main()
