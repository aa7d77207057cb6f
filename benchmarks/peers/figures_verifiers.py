"""Figures in verifiers: an evaluation of which a part fails, and its resume."""

from __future__ import annotations

import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import endpoint
import verifiers_room as room
from faults import Found, main
from rich.console import Console
from verifiers.v1.cli.dashboard.eval import Progress, TraceStats
from verifiers.v1.cli.eval.runner import run_eval
from verifiers.v1.env import RunSlot

TRAINERS = "it makes rollouts; advantages, updates and weights are the trainer's"


def _headline(episodes: list[Any]) -> str:
    out = io.StringIO()
    slots = [RunSlot.finished(episode) for episode in episodes]
    stats = {trace.id: TraceStats(trace) for episode in episodes for trace in episode.traces}
    Console(file=out, width=160).print(Progress(slots, 0.0, stats))
    (line,) = [line for line in out.getvalue().splitlines() if "reward" in line and "err" in line]
    return line[line.index("reward") :].strip()


def _play(url: str, folder: Path, resume: bool) -> list[Any]:
    import asyncio

    room.STARTED.clear()
    return asyncio.run(run_eval(room.config(url, folder, resume)))


def dying() -> Found:
    found = Found("run_eval and the dashboard's Progress; run_eval with resume")
    folder = Path(tempfile.mkdtemp(prefix="peers-"))
    room.NUM_TASKS[0], room.DEAD = 100, room.DEAD
    room.DEAD.update(range(40, 70))
    with endpoint.served(endpoint.then_good()) as place:
        shown = _headline(_play(place.url, folder, resume=False))
        right = "reward 1.00" in shown and "err 0.30" in shown
        found.add("the rate", right, shown)
        room.DEAD.clear()
        _play(place.url, folder, resume=True)
    found.add("resume", sorted(room.STARTED) == list(range(40, 70)), f"plays {len(room.STARTED)} again")
    shutil.rmtree(folder)
    return found


if __name__ == "__main__":
    main(
        "figures",
        "verifiers",
        {
            "a group with an error": TRAINERS,
            "sizes of micro batches": TRAINERS,
            "new weights between turns": TRAINERS,
            "interrupted generations": TRAINERS,
            "an environment that dies": dying,
        },
    )
