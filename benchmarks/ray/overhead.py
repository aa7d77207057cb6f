"""Measure what Ray adds to an update: the same recipe by `turnwise train`, and held by a cluster of Ray.

    python benchmarks/ray/overhead.py [--rounds 9] [--out FILE]

In each round both are run, in an order that changes; a server is a process of its own both times, under Ray
with a journal of its sessions, as ever. From the end of the first update to that of the last one counts the
processor time of the learner and the server, that of what else the run has under Ray (the command, keepers,
watches), that of the cluster itself (its head and two nodes, which stand there with or without a run), and
the seconds of the clock. Results are medians of the rounds' ratios, with the least and most.
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
from pathlib import Path
from typing import Any

import psutil
from two_nodes import two_nodes

from turnwise.trainers.launch.keeper import last_update

UPDATES = 3
SETTINGS = {
    "train.num_updates": UPDATES, "train.max_seconds": 0, "train.save_every": 100, "eval.episodes": 0,
    "rollout.num_groups": 6, "rollout.group_size": 4,
}  # fmt: skip
NEVER_S = 900


def used(run: psutil.Process) -> dict[str, float]:
    """Return the processor time so far of a run and of the cluster, by what it was for."""
    found = {"own": 0.0, "around": 0.0, "cluster": 0.0}
    tree = {process.pid for process in [run, *run.children(recursive=True)]}
    for process in psutil.Process().children(recursive=True):
        try:
            words, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        is_ours = "-m turnwise" in words and "watch.py" not in words and " --ray " not in words
        around = process.pid in tree or "watch.py" in words or words.startswith("ray::Keeper")
        found["own" if is_ours else "around" if around else "cluster"] += times.user + times.system
    return found


def measured(run: Path, address: str) -> dict[str, float]:
    """Run once; return seconds from the first update to the last."""
    words = [sys.executable, "-m", "turnwise", "train", "demo", "--out", str(run)]
    words += ["--ray", address] if address else []
    words += [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
    with Path(f"{run}.said").open("wb") as out:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = psutil.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=environment)
    marks = []
    for update in (1, UPDATES):
        until = time.monotonic() + NEVER_S
        while last_update(run) < update:
            ended = process.poll() is not None and last_update(run) < update
            assert not ended, Path(f"{run}.said").read_text()[-2000:]
            assert time.monotonic() < until, "it takes too long"
            time.sleep(0.02)
        marks.append({**used(process), "clock": time.monotonic()})
    assert process.wait(NEVER_S) == 0
    return {name: marks[1][name] - marks[0][name] for name in marks[0]}


def measure(rounds: int) -> dict[str, Any]:
    rows = []
    with tempfile.TemporaryDirectory() as place, two_nodes((1, 1)) as cluster:
        for number in range(rounds):
            pair = {}
            for held in (False, True) if number % 2 else (True, False):
                run = Path(place) / f"{number}-{held}"
                pair["held" if held else "plain"] = measured(run, cluster.address if held else "")
            plain, held = pair["plain"], pair["held"]
            pair["ratios"] = {
                "learner and server": held["own"] / plain["own"],
                "all of the run": (held["own"] + held["around"]) / plain["own"],
                "and the cluster": (held["own"] + held["around"] + held["cluster"]) / plain["own"],
                "clock": held["clock"] / plain["clock"],
            }
            pair["load"] = os.getloadavg()[0]
            rows.append(pair)
            print(json.dumps(pair), flush=True)
    ratios = {name: sorted(row["ratios"][name] for row in rows) for name in rows[0]["ratios"]}
    return {
        "date": date.today().isoformat(),
        "updates": UPDATES - 1,
        "ratios": {
            name: {"median": statistics.median(found), "least": found[0], "most": found[-1]}
            for name, found in ratios.items()
        },
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = measure(asked.rounds)
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["ratios"], indent=1))


if __name__ == "__main__":
    main()
