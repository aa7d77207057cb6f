"""Measure what Ray adds to an update: the same recipe by `turnwise train`, and held by a cluster of Ray.

    python benchmarks/ray/overhead.py [--updates 10] [--out FILE]

A third one plays on a server that keeps a journal of its sessions and asks for a key, as those under Ray do,
so that it is seen what of the difference is that. All run at the same time, so that the load of the machine
is one for all, and their updates do the same work. From the end of each update to that of the next one
counts the processor time of the learner and the server, that of what else the run has under Ray (the
command, keepers, watches), that of the cluster itself (its head and two nodes, which stand there with or
without a run), and the seconds of the clock. Results are medians of the ratios to the run without either, of
all updates but the first, with the least and most.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from two_nodes import two_nodes

from turnwise.servers.client import ServerProcess
from turnwise.trainers.launch.keeper import last_update

SETTINGS = {
    "train.max_seconds": 0, "train.save_every": 100, "eval.episodes": 0, "rollout.num_groups": 4,
    "rollout.group_size": 4,
}  # fmt: skip
NEVER_S = 1800


def used(roots: dict[str, list[psutil.Process]]) -> dict[str, float]:
    """Return the processor time so far: of the runs without Ray, and of what the other one has."""
    found = dict.fromkeys((*roots, "own", "around", "cluster"), 0.0)
    owner = {
        process.pid: name
        for name, tops in roots.items()
        for top in tops
        for process in [top, *top.children(recursive=True)]
    }
    for process in psutil.Process().children(recursive=True):
        try:
            words, times = " ".join(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        is_own = "-m turnwise" in words and "watch.py" not in words and " --ray " not in words
        around = " --ray " in words or "watch.py" in words or words.startswith("ray::Keeper")
        kind = "own" if is_own else "around" if around else "cluster"
        found[owner.get(process.pid, kind)] += times.user + times.system
    return found


def start(run: Path, updates: int, *more: str) -> psutil.Popen:
    words = [sys.executable, "-m", "turnwise", "train", "demo", "--out", str(run), *more]
    settings = {**SETTINGS, "train.num_updates": updates}
    words += [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    with Path(f"{run}.said").open("wb") as out:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return psutil.Popen(words, stdout=out, stderr=subprocess.STDOUT, env=environment)


def measure(updates: int) -> dict[str, Any]:
    os.environ["TURNWISE_KEY"] = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as place, two_nodes((1, 1)) as cluster, ExitStack() as stack:
        arguments = ["--key-env", "TURNWISE_KEY", "--journal", f"{place}/sessions.db"]
        server = stack.enter_context(ServerProcess(arguments))
        more = {"plain": (), "journaled": ("--server", server.url), "held": ("--ray", cluster.address)}
        processes = {name: start(Path(place) / name, updates, *words) for name, words in more.items()}
        roots = {"plain": [processes["plain"]]}
        roots["journaled"] = [processes["journaled"], psutil.Process(server.pid)]
        marks: dict[str, list[dict[str, float]]] = {name: [] for name in more}
        until = time.monotonic() + NEVER_S
        while any(len(found) < updates for found in marks.values()):
            assert time.monotonic() < until, "it takes too long"
            for name, found in marks.items():
                if last_update(Path(place) / name) > len(found):
                    found.append({**used(roots), "clock": time.monotonic()})
            time.sleep(0.02)
        for process in processes.values():
            process.wait(NEVER_S)
    plain, journaled, held = (
        [{name: two[name] - one[name] for name in one} for one, two in pairwise(marks[which])]
        for which in more
    )
    rows = [
        {
            "plain_s": one["plain"],
            "a server with journal and key": two["journaled"] / one["plain"],
            "learner and server": three["own"] / one["plain"],
            "the same to journal and key": three["own"] / two["journaled"],
            "all of the run": (three["own"] + three["around"]) / one["plain"],
            "and the cluster": (three["own"] + three["around"] + three["cluster"]) / one["plain"],
            "clock": three["clock"] / one["clock"],
        }
        for one, two, three in zip(plain, journaled, held, strict=True)
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
