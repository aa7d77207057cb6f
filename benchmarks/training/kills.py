"""Kill learner, environment server and engine of a run at random moments, and see that it goes on.

    python benchmarks/training/kills.py --kills 20 --out benchmarks/results
    python benchmarks/training/kills.py --kills 6 --policy vllm --python .vllm/bin/python --updates 20

A run trains over HTTP on a server with a durable journal. At random moments one of its processes gets
SIGKILL; the server is started again on its port, the learner with `--resume`, and an engine of vLLM by
the run itself. Demanded: each time the run goes on, at most the update under way is played again, no
session is left open and no engine without a learner. Of a policy in the learner's process, weights and
evaluations must be those of a run that nobody disturbed, bit for bit. The exit code is 1 if one of them
fails.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
from places import Place

from turnwise.servers.client import ServerProcess
from turnwise.trainers.runs.checkpoint import latest
from turnwise.trainers.runs.log import read_log


@dataclass(frozen=True)
class Kill:
    """One kill, and what was lost by it."""

    victim: str
    logged: int  # updates in the log when it struck
    kept: int  # updates that the run went on from
    seconds: float  # until the next update was saved

    @property
    def lost(self) -> int:
        """Return how many finished updates were played again."""
        return max(0, self.logged - self.kept)


class Disturbed:
    """A run whose processes are killed.

    Args:
        place: where it runs.
        server: of its environments.
        num_updates: its end.
    """

    def __init__(self, place: Place, server: ServerProcess, num_updates: int) -> None:
        self.place, self.server, self.num_updates = place, server, num_updates
        self.learner = place.learner("killed", server.url, num_updates)

    def kill(self, victim: str) -> Kill:
        """Kill one process and wait until the run has saved a further update."""
        logged, begun = self.place.logged("killed"), time.perf_counter()
        kept = {"learner": self._kill_learner, "server": self._kill_server}.get(victim, self._kill_engine)()
        self.wait_for(lambda: self.place.kept("killed") > kept)
        return Kill(victim, logged, kept, round(time.perf_counter() - begun, 1))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait for the run.

        Raises:
            RuntimeError: if it ends before.
        """
        while not condition():
            if self.learner.poll() is not None:
                raise RuntimeError(f"the run ended with {self.learner.returncode}:\n{self.place.said()}")
            time.sleep(0.02)

    def _kill_learner(self) -> int:
        below = psutil.Process(self.learner.pid).children(recursive=True)
        self.learner.kill()
        self.learner.wait()
        _, alive = psutil.wait_procs(below, timeout=120)
        if alive:
            raise RuntimeError(f"the learner was killed, and {alive} live")
        self.learner = self.place.learner("killed", self.server.url, self.num_updates)
        return self.place.kept("killed")

    def _kill_server(self) -> int:
        self.server.kill()
        logged = self.place.logged("killed")
        self.server.start()
        return logged

    def _kill_engine(self) -> int:
        """Kill the server of vLLM or its core, whichever is drawn; the run brings it back."""
        self.wait_for(lambda: len(self.place.engines(self.learner.pid)) > 1)
        random.choice(self.place.engines(self.learner.pid)).kill()
        return self.place.logged("killed")


def disturb(place: Place, num_kills: int, num_updates: int, update_s: float) -> list[Kill]:
    """Train a run to its end while its processes are killed at random moments."""
    kills: list[Kill] = []
    victims = ["learner", "server", "engine"][: 3 if place.has_engine else 2]
    drawn = [victims[number % len(victims)] for number in range(num_kills)]
    random.shuffle(drawn)
    with place.server("killed") as server:
        run = Disturbed(place, server, num_updates)
        for number, victim in enumerate(drawn):
            first = max(1, (num_updates - 4) * number // num_kills)
            run.wait_for(lambda first=first: place.logged("killed") >= first)  # type: ignore[misc]
            time.sleep(random.uniform(0.0, update_s))
            kills.append(run.kill(victim))
            print(kills[-1], flush=True)
        if run.learner.wait() != 0:
            raise RuntimeError(f"the run ended with {run.learner.returncode}:\n{place.said()}")
        rows = httpx.get(f"{server.url}/v1/sessions", trust_env=False).json()["sessions"]
        if rows:
            raise RuntimeError(f"{len(rows)} sessions were left open")
    return kills


def undisturbed(place: Place, num_updates: int) -> float:
    """Train the same run without a disturbance; return the seconds of an update."""
    with place.server("calm") as server:
        if place.learner("calm", server.url, num_updates).wait() != 0:
            raise RuntimeError(f"the undisturbed run failed:\n{place.said('calm')}")
    seconds = [entry["step_time"] for entry in read_log(place.folder / "calm") if entry["kind"] == "update"]
    return sorted(seconds)[len(seconds) // 2]


def compared(place: Place, num_updates: int) -> dict[str, bool]:
    """Tell in what the two runs are equal."""
    runs = [place.folder / name for name in ("calm", "killed")]
    logs = [[entry for entry in read_log(run) if entry["kind"] == "eval"] for run in runs]
    rates = [[(entry["update"], entry["eval/success_rate"]) for entry in log] for log in logs]
    updates = [[e["update"] for e in read_log(run) if e["kind"] == "update"] for run in runs]
    equal = {"each update once": updates[0] == updates[1] == list(range(1, num_updates + 1))}
    if place.has_engine:  # an engine does not repeat itself bit for bit
        return equal | {"each evaluation once": [r[0] for r in rates[0]] == [r[0] for r in rates[1]]}
    files = [latest(run / "checkpoints") / "policy" / "model.safetensors" for run in runs]
    return {
        **equal,
        "weights": files[0].read_bytes() == files[1].read_bytes(),
        "evaluations": rates[0] == rates[1] and len(rates[0]) > 1,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--updates", type=int, default=60)
    parser.add_argument("--policy", default="tiny", help="tiny, vllm, or an architecture: Qwen2, Llama, ...")
    parser.add_argument("--python", default="", help="the interpreter that has vLLM")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder of the result")
    asked = parser.parse_args()
    random.seed(asked.seed)
    with TemporaryDirectory() as folder:
        place = Place.of(asked.policy, Path(folder), asked.python)
        update_s = undisturbed(place, asked.updates)
        kills = disturb(place, asked.kills, asked.updates, update_s)
        equal = compared(place, asked.updates)
    most = max((kill.lost for kill in kills), default=0)
    print(json.dumps({"policy": asked.policy, "equal": equal, "most lost": most, "update_s": update_s}))
    if asked.out:
        result = {**vars(asked), "out": "", "equal": equal, "update_s": update_s, "most lost": most}
        result["kills"] = [asdict(kill) for kill in kills]
        file = asked.out / f"{date.today()}-kills-{asked.policy.lower()}.json"
        file.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if all(equal.values()) and most <= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
