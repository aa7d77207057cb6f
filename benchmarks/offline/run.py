"""Hold training from stored episodes against the online run that they came from: the demo, one thread.

    python benchmarks/offline/run.py --out FOLDER [--updates 4] [--offline 8] [--episodes 200]

The recipe `demo` is trained for some updates and keeps all of its episodes; `filtered_cloning`, `alol` and
`oreo` then begin where it began and learn from these alone. Each is evaluated on the same unseen tasks.
Seconds are of the processor, evaluations among them. Runs that are done are not done again; the table goes to
standard output.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import process_time
from typing import Any

import turnwise

SMALL: dict[str, Any] = {
    "policy.kind": "tiny",
    "policy.checkpoint": "demo",
    "policy.dtype": "float32",
    "prompt.style": "plain",
    "prompt.explain": "none",
    "rollout.constraint": "admissible",
    "rollout.max_tokens": 24,
    "rollout.max_turns": 20,
    "rollout.max_episode_tokens": 2048,
    "env.id": "household/demo-v0",
    "optim.learning_rate": 3e-4,
    "optim.micro_tokens": 4096,
    "optim.checkpointing": False,
    "offline.batch_size": 64,
    "eval.temperature": 1.0,
}
COMMON: dict[str, Any] = {
    "eval.every": 0,
    "eval.seed": 1,
    "train.threads": 1,
    "train.save_every": 100,
    "server.spawn": False,
    "log.console": False,
}


def trained(folder: Path, name: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the figures of a run, which is made if it is not there."""
    told = folder / f"{name}.json"
    if not told.is_file():
        began = process_time()
        begun = (folder / name / "checkpoints").is_dir()
        run = turnwise.train(name, folder / name, {**COMMON, **values}, resume=begun, **more)
        spent = process_time() - began
        rows, evaluated = run.rows(), run.rows("eval")
        last = {key: rows[-1][key] for key in rows[-1] if key.startswith(("credit/", "offline/"))}
        told.write_text(json.dumps({"seconds": spent, "updates": len(rows), "eval": evaluated, "last": last}))
    found: dict[str, Any] = json.loads(told.read_text())
    return found


def line(name: str, learned: str, found: dict[str, Any], which: int) -> str:
    """Return a row of the table."""
    one = found["eval"][which]
    low, high = 100 * one["eval/ci_low"], 100 * one["eval/ci_high"]
    rate = f"{100 * one['eval/success_rate']:.1f} ({low:.0f} to {high:.0f})"
    spent = f"{found['seconds']:.0f}" if which else ""
    return f"| {name} | {learned} | {rate} | {one['eval/turns']:.1f} | {spent} |"


def main() -> None:
    """Train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--updates", type=int, default=4)
    parser.add_argument("--offline", type=int, default=8)
    parser.add_argument("--episodes", type=int, default=200)
    given = parser.parse_args()
    ends = {"train.max_seconds": 0.0, "eval.episodes": given.episodes}
    online = trained(
        given.out, "demo", {**ends, "train.num_updates": given.updates, "log.trajectories": "all"}
    )
    print("| run | learned from | unseen tasks won, % (95 %) | turns | CPU s |\n|---|---|---|---|---|")
    print(line("where all begin", "", online, 0))
    print(line("`demo`, online", f"{128 * given.updates} episodes of its own", online, -1))
    for name in ("filtered_cloning", "alol", "oreo"):
        values = {**SMALL, **ends, "train.num_updates": given.offline}
        values |= {"critic.first_updates": 2} if name == "alol" else {}
        found = trained(given.out, name, values, trajectories=given.out / "demo")
        print(line(f"`{name}`", f"these, {found['last']['offline/epoch'] + 1:.0f} passes begun", found, -1))


if __name__ == "__main__":
    main()
