"""One method's lap: train for so many seconds of processor time, then solve held-out tasks.

    OMP_NUM_THREADS=1 python benchmarks/race/lap.py RECIPE FOLDER SECONDS EPISODES

It is a process of its own. Recipes that play nothing learn from episodes of the warm start, which are
played once, before the clock begins, and kept beside the laps. Seconds count from the end of the first
update on, since that one also pays for what is done once; all threads, environments included.
FOLDER/lap.json says what it came to; a lap that fails says why there.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from entrants import STORED, WARM, entrant

import turnwise
from turnwise.errors import TurnwiseError
from turnwise.files import write_whole
from turnwise.trainers.recipe import Recipe
from turnwise.trainers.runs.log import read_log
from turnwise.trainers.runs.state import RunState
from turnwise.trainers.train import train

TICK_S = 0.2


@dataclass
class Watch:
    """A clock beside a run: notes when each update was done, and ends the run when time is up."""

    run: Path
    seconds: float
    points: list[tuple[float, int]] = field(default_factory=list)  # seconds of processor time, update
    begun: float = 0.0

    def __call__(self, training: Coroutine[Any, Any, RunState]) -> RunState:
        """Run a training until it ends, or its time does."""
        return asyncio.run(self._watched(training))

    async def _watched(self, training: Coroutine[Any, Any, RunState]) -> RunState:
        task = asyncio.ensure_future(training)
        while not task.done() and not (self.points and self.used >= self.seconds):
            await asyncio.wait([task], timeout=TICK_S)
            self._note()
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return RunState(update=len(self.points))

    @property
    def used(self) -> float:
        """Return the seconds of processor time so far."""
        return time.process_time() - self.begun

    def _note(self) -> None:
        for entry in read_log(self.run)[len(self.points) :] if (self.run / "log.jsonl").is_file() else ():
            self.begun = self.begun or time.process_time()
            self.points.append((self.used, entry["update"]))


def fed(recipe: Recipe, stored: Path) -> Recipe:
    """Return a recipe with episodes of the warm start to learn from, if it plays none itself."""
    if not recipe.offline.required:
        return recipe
    turnwise.evaluate(
        recipe.env.id, f"ckpt:{WARM}", episodes=STORED, split="train", recipe="demo", out=stored
    )
    return replace(recipe, offline=replace(recipe.offline, trajectories=(str(stored),)))


def lap(name: str, folder: Path, seconds: float, episodes: int) -> dict[str, Any]:
    """Train and evaluate once; return what goes into lap.json."""
    run = folder / "run"
    watch = Watch(run, seconds)
    found: dict[str, Any] = {"recipe": name, "seconds": seconds, "error": ""}
    try:
        state = train(fed(entrant(name), folder.parent / "stored"), run, run=watch)
        found |= {"updates": state.update, "used_s": round(watch.used, 1)}
        result = turnwise.evaluate(
            "household/demo-v0", f"ckpt:{run}", episodes=episodes, split="unseen", seed=0
        )
        held_out = {"success": result.success_rate, "low": result.ci_low, "high": result.ci_high}
        found |= {"held_out": held_out}
    except TurnwiseError as error:
        found["error"] = str(error).splitlines()[0][:200]
    log = read_log(run) if (run / "log.jsonl").is_file() else []
    success = [entry["success_rate"] for entry in log]
    found["curve"] = [[round(used, 2), rate] for (used, _), rate in zip(watch.points, success, strict=False)]
    return found


def main() -> None:
    """Run the lap that the command line names."""
    name, folder, seconds, episodes = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = lap(name, folder, seconds, episodes)
    shutil.rmtree(folder / "run", ignore_errors=True)
    write_whole(folder / "lap.json", json.dumps(found).encode())


if __name__ == "__main__":
    main()
