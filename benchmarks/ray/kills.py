"""Kill what a cluster of Ray holds of a run, at random moments, and compare with a run that was left alone.

    python benchmarks/ray/kills.py [--kills 20] [--case sync|async|router|ranks|engines]

Two nodes of Ray on this machine. Each run is `turnwise train --ray`, a process; SIGKILL goes to the actor
that holds a server or a learner, or to that process itself, drawn at random, at a moment drawn over the
length of the run left alone, its start included; two kills a run. Compared are what every update and
evaluation came to, all trajectories and the weights, to the last bit; counted are groups that stand twice,
and sessions that are left on the servers as the run is over. Engines are a stand-in for vLLM (standin/),
whose draws nobody expects to be equal; with `--python .vllm/bin/python` they are vLLM's own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psutil
from two_nodes import two_nodes

from turnwise.agents.trajectories import read_trajectories
from turnwise.trainers.launch.keeper import Keeper, last_update
from turnwise.trainers.runs.log import read_log

TESTS = Path(__file__).resolve().parents[2] / "tests"
UPDATES = 3
SMALL = {
    "train.num_updates": UPDATES, "train.save_every": 1, "train.max_seconds": 0, "rollout.num_groups": 3,
    "rollout.group_size": 4, "eval.episodes": 4, "eval.every": 0, "log.trajectories": "all",
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "sync": {},
    "async": {
        "train.mode": "async", "optim.old_logprobs": "recompute", "loss.off_policy": "truncate",
    },
    "router": {"launch.servers": 2},
    "ranks": {"launch.learners": 2},
    "engines": {"launch.engines": 2},
}  # fmt: skip
CPUS = {"sync": (1, 1), "async": (1, 1), "router": (2, 2), "ranks": (2, 1), "engines": (2, 2)}
CLOCKS = ("time/", "resumed/", "rollout/attached", "stream/replayed")


def recipe_with_engines(folder: Path, python: str) -> Path:
    """Write a recipe whose policy is sampled by engines, and what it needs."""
    sys.path.insert(0, str(TESTS / "vllm"))
    from vllm_rooms import qwen2

    from turnwise.trainers.recipe import dump, from_tables

    stand_in = folder / "python"
    around = f"PYTHONPATH={Path(__file__).with_name('standin')}:$PYTHONPATH"
    stand_in.write_text(f'#!/bin/sh\n{around} exec {sys.executable} "$@"\n')
    stand_in.chmod(0o755)
    model = str(qwen2(folder / "model", tied=True))
    tables = {
        "env": {"id": f"{TESTS}/vllm/vowels.py:Vowels"},
        "policy": {"kind": "vllm", "checkpoint": model, "engine": {"python": python or str(stand_in)}},
        "prompt": {"style": "plain"},
        "rollout": {
            "max_turns": 1, "max_tokens": 12, "max_episode_tokens": 256, "deterministic": False, "slots": 16,
            "constraint": "none",
        },
        "credit": {"name": "grpo"},
    }  # fmt: skip
    file = folder / "engines.toml"
    file.write_text(dump(from_tables(tables)))
    return file


def start(address: str, case: str, run: Path, recipe: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, str(Path(__file__).with_name("held.py")), f"{run}.left", "train", recipe]
    words += ["--ray", address, "--out", str(run)]
    words += [word for key, value in {**SMALL, **CASES[case]}.items() for word in ("--set", f"{key}={value}")]
    with Path(f"{run}.said").open("wb") as out:
        return subprocess.Popen(words, stdout=out, stderr=out, env={**os.environ, "OMP_NUM_THREADS": "1"})


def victims(run: Path) -> dict[str, int]:
    """Return the process ids of what a cluster holds of a run, by what they are."""
    word, found = Keeper.word(str(run.resolve())), {}
    for process in psutil.process_iter(["ppid"]):
        try:
            said = Path(f"/proc/{process.pid}/fd/2").readlink()
            watch = process.parent()
            if (
                said.parent.parent.name == word
                and watch
                and any("watch.py" in each for each in watch.cmdline())
            ):
                found[f"process of {said.parent.name}"] = process.pid
                found[f"actor of {said.parent.name}"] = watch.ppid()
        except (OSError, psutil.Error):  # it has ended meanwhile, or is another user's
            continue
    return found


def kill_one(run: Path, dice: random.Random) -> str:
    """Kill something, if there is anything; return what."""
    found = victims(run)
    if not found:
        return ""
    what = dice.choice(sorted(found))
    with suppress(ProcessLookupError):
        os.kill(found[what], signal.SIGKILL)
    return what


def outcome(run: Path) -> tuple[Any, ...]:
    """Return what two runs have to have in common."""
    entries = [
        {
            name: value
            for name, value in entry.items()
            if not name.startswith(CLOCKS)
            and "seconds" not in name
            and "_per_s" not in name
            and name != "step_time"
        }
        for entry in read_log(run)
    ]
    played = [[replace(each, seconds=0.0) for each in stored] for stored in trajectories(run)]
    last = max((run / "checkpoints").glob("update-*"))
    return entries, played, (last / "policy" / "model.safetensors").read_bytes()


def trajectories(run: Path) -> list[list[Any]]:
    return [list(read_trajectories(path)) for path in sorted((run / "trajectories").glob("update-*.gz"))]


def twice(run: Path) -> int:
    """Count updates that stand twice in the log, and groups that have more episodes than members."""
    numbers = Counter(entry["update"] for entry in read_log(run) if entry["kind"] == "update")
    groups = Counter(each.group for stored in trajectories(run) for each in stored)
    return sum(num > 1 for num in numbers.values()) + sum(
        num > SMALL["rollout.group_size"] for num in groups.values()
    )


def killed(
    address: str, case: str, run: Path, dice: random.Random, most_s: float, num: int, recipe: str
) -> dict[str, Any]:
    """Run, with so many kills on the way; return what came of it."""
    process, begun = start(address, case, run, recipe), time.monotonic()
    moments = sorted(dice.uniform(2.0, most_s) for _ in range(num))
    hit: list[str] = []
    for moment in moments:
        while process.poll() is None and time.monotonic() - begun < moment:
            time.sleep(0.02)
        while process.poll() is None and not (what := kill_one(run, dice)):
            time.sleep(0.05)
        if process.poll() is None:
            hit.append(what)
    code = process.wait(900)
    left = Path(f"{run}.left")
    return {
        "killed": hit,
        "exit_code": code,
        "seconds": round(time.monotonic() - begun, 1),
        "updates": last_update(run),
        "twice": twice(run) if code == 0 else None,
        "sessions_left": sum(json.loads(left.read_text()).values()) if left.exists() else None,
    }


def measure(
    num_kills: int, each: int, case: str, seed: int, keep: Path | None, python: str
) -> dict[str, Any]:
    dice, rows = random.Random(seed), []
    with tempfile.TemporaryDirectory() as place, two_nodes(CPUS[case]) as cluster:
        address = cluster.address
        folder = keep or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        recipe = str(recipe_with_engines(folder, python)) if case == "engines" else "demo"
        begun = time.monotonic()
        assert start(address, case, folder / "straight", recipe).wait(900) == 0, (
            folder / "straight.said"
        ).read_text()[-3000:]
        most_s, straight = time.monotonic() - begun, outcome(folder / "straight")
        print(f"left alone: {most_s:.1f} s", flush=True)
        while sum(len(row["killed"]) for row in rows) < num_kills:
            run = folder / f"run-{len(rows)}"
            row = killed(address, case, run, dice, most_s, each, recipe)
            row["equal"] = row["exit_code"] == 0 and outcome(run) == straight
            rows.append(row)
            print(json.dumps(row), flush=True)
    return {
        "date": date.today().isoformat(),
        "case": case,
        "seed": seed,
        "left_alone_s": round(most_s, 1),
        "runs": len(rows),
        "kills": dict(Counter(what for row in rows for what in row["killed"])),
        "ended_well": sum(row["exit_code"] == 0 and row["updates"] == UPDATES for row in rows),
        "equal": sum(row["equal"] for row in rows),
        "twice": sum(row["twice"] or 0 for row in rows),
        "sessions_left": sum(row["sessions_left"] or 0 for row in rows),
        "load_average": os.getloadavg(),
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--each", type=int, default=2, help="kills a run")
    parser.add_argument("--case", choices=CASES, default="sync")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder of the runs; by default one that is removed")
    parser.add_argument("--python", default="", help="that has vLLM, for --case engines")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    found = measure(asked.kills, asked.each, asked.case, asked.seed, asked.keep, asked.python)
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print({name: value for name, value in found.items() if name != "rows"})


if __name__ == "__main__":
    main()
