"""Kill a trainer at random moments of long episodes, let it go on, and compare with one that was left alone.

    python benchmarks/resume/kills.py [--kills 50] [--out FILE]

Every trainer is a process, killed by SIGKILL from outside when it has generated a random number of messages
and a random delay has passed: within messages, between message and step, between step and journal, in the
learner.
Each process notes every message that it has finished in a file, so that what both lives have generated
is counted by neither the journal nor the log. Compared are trajectories, log and weights, to the last bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import tempfile
import time
from dataclasses import replace
from datetime import date
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from turnwise.agents.tiny.checkpoint import load_model
from turnwise.agents.tiny.policy import TinyPolicy
from turnwise.agents.trajectories import read_trajectories
from turnwise.servers.client import ServerProcess
from turnwise.trainers.recipe import from_tables
from turnwise.trainers.runs import checkpoint
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.train import train
from turnwise.trainers.warmstart.warmstart import warm_start

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([Path(__file__).stem])
ROOM = f"{Path(__file__).with_name('room.py')}:Long"
TABLES: dict[str, Any] = {
    "env": {"id": ROOM},
    "policy": {
        "vocab_size": 300, "hidden_size": 16, "num_layers": 1, "num_heads": 2, "num_kv_heads": 1,
        "intermediate_size": 16, "context_tokens": 2048,
    },
    "warmstart": {"teacher": "none"},
    "rollout": {
        "num_groups": 2, "group_size": 2, "max_turns": 60, "max_episode_tokens": 2048,
        "constraint": "admissible", "slots": 4,
    },
    "credit": {"name": "grpo"},
    "train": {"num_updates": 1, "save_every": 1},
    "eval": {"episodes": 0},
    "log": {"console": False, "trajectories": "all"},
}  # fmt: skip


def noted(tables: dict[str, Any], run: Path, notes: Path) -> None:
    """Train, and note each message that is generated."""
    generate = TinyPolicy._generate
    file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def noting(self: TinyPolicy, jobs: Any) -> Any:
        said = generate(self, jobs)
        os.write(file, b"." * len(said))
        return said

    TinyPolicy._generate = noting  # type: ignore[method-assign]
    train(from_tables(tables), run, resume=True)


def num_messages(notes: Path) -> int:
    return notes.stat().st_size if notes.exists() else 0


def killed(tables: dict[str, Any], run: Path, notes: Path, after: int, delay_s: float) -> bool:
    """Train until so many messages are there, and a delay has passed; tell whether it was killed."""
    process = PROCESSES.Process(target=noted, args=(tables, run, notes))
    process.start()
    while process.is_alive() and num_messages(notes) < after:
        time.sleep(0.005)
    time.sleep(delay_s)
    if process.is_alive() and process.pid:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.exitcode == -signal.SIGKILL


def outcome(run: Path) -> tuple[Any, ...]:
    """Return what two runs have to have in common."""
    clocks = ("time/", "resumed/")
    entries = [
        {
            name: value
            for name, value in entry.items()
            if not name.startswith(clocks) and "seconds" not in name and "_per_s" not in name
            and name != "step_time"
        }
        for entry in read_log(run)
    ]  # fmt: skip
    stored = read_trajectories(run / "trajectories" / "update-000001.jsonl.gz")
    weights = load_model(checkpoint.load(checkpoint.latest(run / "checkpoints")).policy).state_dict()
    return entries, [replace(each, seconds=0.0) for each in stored], weights


def equal(one: tuple[Any, ...], two: tuple[Any, ...]) -> bool:
    return one[:2] == two[:2] and all(torch.equal(one[2][name], two[2][name]) for name in two[2])


def finish(tables: dict[str, Any], run: Path, notes: Path) -> None:
    process = PROCESSES.Process(target=noted, args=(tables, run, notes))
    process.start()
    process.join()
    assert process.exitcode == 0, "a resumed run has failed"


def measure(num_kills: int, seed: int, minutes: float) -> dict[str, Any]:
    """Kill so many trainers, or as many as fit into some minutes, and return what came of it."""
    dice, rows, until = random.Random(seed), [], time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as place, ServerProcess(["--env", ROOM]) as server:
        folder = Path(place)
        warm_start(from_tables(TABLES), folder / "first")
        policy = {**TABLES["policy"], "checkpoint": str(folder / "first")}
        tables = {**TABLES, "policy": policy, "server": {"url": server.url}}
        finish(tables, folder / "straight", folder / "straight.notes")
        straight, num = outcome(folder / "straight"), num_messages(folder / "straight.notes")
        for number in count():
            if len(rows) == num_kills or time.monotonic() > until:
                break
            run, notes = folder / f"run-{number}", folder / f"run-{number}.notes"
            after, delay_s = dice.randint(1, num), dice.uniform(0.0, 0.1)
            if not killed(tables, run, notes, after, delay_s):
                continue  # it was done before
            done = num_messages(notes)
            finish(tables, run, notes)
            entry = next((each for each in read_log(run) if each["kind"] == "update"), {})
            rows.append({
                "generated_before": done,
                "generated_twice": num_messages(notes) - num,
                "equal": equal(outcome(run), straight),
                **{name: value for name, value in entry.items() if name.startswith("resumed/")},
            })  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
    before, twice = (sum(row[name] for row in rows) for name in ("generated_before", "generated_twice"))
    return {
        "date": date.today().isoformat(),
        "kills": len(rows),
        "messages_of_a_run": num,
        "equal": sum(row["equal"] for row in rows),
        "messages_before_kills": before,
        "generated_twice": twice,
        "share_not_generated_twice": 1 - twice / before,
        "load_average": os.getloadavg(),
        "rows": rows,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
    found = measure(asked.kills, asked.seed, asked.minutes)
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print({name: value for name, value in found.items() if name != "rows"})


if __name__ == "__main__":
    main()
