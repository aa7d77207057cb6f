"""Kill learner, environment server and engine of vLLM at random moments, and see that the run goes on.

    OMP_NUM_THREADS=1 python benchmarks/vllm/kills.py --kills 20 --python .vllm/bin/python --out FILE

A small random model trains over HTTP on a server with a durable journal. At random moments one of the
processes gets SIGKILL: the learner, which is started again with `--resume`; the server, which is started
again on its port; the engine, its server or its core alone, which the run starts again by itself.

With `--url` the engine is a server that runs already, which only the other two are killed beside.

Demanded: each time the run goes on and plays at most the update under way again; no engine outlives its
learner; in the end every update stands in the log once, every episode of every update is there once and
its tokens were counted once, and no session is open. The exit code is 1 if one of them fails.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from turnwise.agents.policies.places import updates
from turnwise.agents.trajectories import read_trajectories, trajectory_path
from turnwise.servers.client import ServerProcess
from turnwise.trainers.runs.log import read_log

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "vllm"))
from vllm_rooms import qwen2

_VICTIMS = ("server", "learner", "server", "engine", "server")  # an engine takes a minute to start
_GROUPS, _SIZE, _TURNS = 4, 4, 3
SETTINGS = {
    "env.id": "vowels.py:Vowels", "prompt.style": "plain", "policy.kind": "vllm",
    "rollout.num_groups": str(_GROUPS), "rollout.group_size": str(_SIZE), "rollout.max_turns": str(_TURNS),
    "rollout.max_tokens": "8", "rollout.max_episode_tokens": "512", "rollout.constraint": "none",
    "rollout.deterministic": "false", "optim.learning_rate": "1e-3", "optim.num_minibatches": "2",
    "train.max_seconds": "0", "train.save_every": "1", "eval.every": "0", "eval.episodes": "0",
    "log.console": "false", "log.trajectories": "all",
}  # fmt: skip
VOWELS = f'''
from turnwise import TextEnv


class Vowels(TextEnv):
    """Say vowels, a few times; the reward is their share."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.turn = 0
        return "Say vowels.", {{}}

    def step(self, action):
        self.turn += 1
        share = sum(letter in "aeiou" for letter in action) / max(1, len(action))
        return "Again.", share, self.turn == {_TURNS}, False, {{"won": share > 0.5}}
'''


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


class Place:
    """The folder of the trial: the run in it, and how its processes are started and found.

    Args:
        folder: empty.
        python: the interpreter that has vLLM.
        url: of a server of vLLM that runs already; "" lets the run start one.
        num_updates: where the run ends.
    """

    def __init__(self, folder: Path, python: Path, url: str, num_updates: int) -> None:
        self.folder, self.num_updates = folder, num_updates
        self.run = folder / "run"
        (folder / "vowels.py").write_text(VOWELS)
        self.settings = SETTINGS | {
            "policy.checkpoint": str(qwen2(folder / "model", tied=True)),
            "policy.engine.python": str(python.absolute()),
            "policy.engine.urls": json.dumps([url] if url else []),
            "train.num_updates": str(num_updates),
        }
        self.victims = tuple(each for each in _VICTIMS if not url or each != "engine")

    def server(self) -> ServerProcess:
        """Return a server with a journal, not yet started."""
        arguments = ["--env", self.settings["env.id"], "--journal", "journal.sqlite", "--ttl", "600"]
        return ServerProcess(arguments, cwd=self.folder)

    def learner(self, url: str) -> subprocess.Popen[bytes]:
        """Start the run, or go on with it."""
        changes = {**self.settings, "server.url": url}
        flags = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
        command = [sys.executable, "-m", "turnwise", "train", "tiny", "--out", "run", "--resume", *flags]
        around = {**os.environ, "OMP_NUM_THREADS": "1"}
        with (self.folder / "said.txt").open("ab") as said:
            return subprocess.Popen(command, cwd=self.folder, env=around, stdout=said, stderr=said)

    def engines(self, learner: int) -> list[psutil.Process]:
        """Return the server of vLLM below a learner, and its core; not the watch over both."""
        found = []
        for each in psutil.Process(learner).children(recursive=True):
            with suppress(psutil.Error):
                words = each.cmdline()
                if "-I" not in words and any(
                    part in str(words) for part in ("vllm.entrypoints", "EngineCore")
                ):
                    found.append(each)
        return found

    def logged(self) -> int:
        """Return how many updates are in the log."""
        file = self.run / "log.jsonl"
        return file.read_text().count('"kind": "update"') if file.exists() else 0

    def kept(self) -> int:
        """Return the update of the newest whole checkpoint; 0 without one."""
        found = updates(self.run / "checkpoints")
        return int(found[-1].name.rpartition("-")[2]) if found else 0

    def said(self) -> str:
        """Return the end of what the run has printed."""
        return (self.folder / "said.txt").read_text(errors="replace")[-4000:]


class Disturbed:
    """The run whose processes are killed.

    Args:
        place: where it runs.
        server: of its environments, started.
        dice: draws moments and victims.
    """

    def __init__(self, place: Place, server: ServerProcess, dice: random.Random) -> None:
        self.place, self.server, self.dice = place, server, dice
        self.learner = place.learner(server.url)

    def kill(self, victim: str, after_s: float) -> Kill:
        """Kill one process at a moment of an update, and wait until the run has saved a further one."""
        time.sleep(self.dice.uniform(0.0, after_s))
        begun, logged = time.perf_counter(), self.place.logged()
        kept = {"learner": self._kill_learner, "server": self._kill_server, "engine": self._kill_engine}
        goes_on_from = kept[victim]()
        self.wait_for(lambda: self.place.kept() > max(logged, goes_on_from))
        return Kill(victim, logged, goes_on_from, round(time.perf_counter() - begun, 1))

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
        kept = self.place.kept()
        self.learner = self.place.learner(self.server.url)
        return kept

    def _kill_server(self) -> int:
        self.server.kill()
        self.server.start()
        return self.place.logged()

    def _kill_engine(self) -> int:
        """Kill the server of vLLM or its core, whichever is drawn."""
        self.wait_for(lambda: len(self.place.engines(self.learner.pid)) > 1)
        logged = self.place.logged()
        self.dice.choice(self.place.engines(self.learner.pid)).kill()
        return logged


def disturb(place: Place, num_kills: int, dice: random.Random) -> tuple[list[Kill], int]:
    """Train to the end while processes are killed; return the kills, and how many sessions stay open."""
    victims = [place.victims[number % len(place.victims)] for number in range(num_kills)]
    dice.shuffle(victims)
    kills: list[Kill] = []
    with place.server() as server:
        run = Disturbed(place, server, dice)
        try:
            run.wait_for(lambda: place.logged() >= 3)
            for victim in victims:
                seconds = [entry["step_time"] for entry in read_log(place.run) if entry["kind"] == "update"]
                kills.append(run.kill(victim, 2 * min(seconds)))
                print(kills[-1], flush=True)
            if run.learner.wait() != 0:
                raise RuntimeError(f"the run ended with {run.learner.returncode}:\n{place.said()}")
        finally:
            run.learner.kill()
        rows = httpx.get(f"{server.url}/v1/sessions", trust_env=False).json()["sessions"]
    return kills, len(rows)


def checked(place: Place, kills: list[Kill], num_open: int) -> dict[str, bool]:
    """Tell what of the demands holds."""
    entries = [entry for entry in read_log(place.run) if entry["kind"] == "update"]
    played = [
        read_trajectories(trajectory_path(place.run, number + 1)) for number in range(place.num_updates)
    ]
    names = [sorted(each.name for each in batch if each.counts) for batch in played]
    tokens = sum(len(turn.generation.token_ids) for batch in played for each in batch for turn in each.turns)
    return {
        "each update once": [entry["update"] for entry in entries] == list(range(1, place.num_updates + 1)),
        "each episode once": all(len(set(each)) == len(each) == _GROUPS * _SIZE for each in names),
        "each token counted once": entries[-1]["total_tokens"] == tokens,
        "at most the update under way lost": max(kill.lost for kill in kills) <= 1,
        "no session open": num_open == 0,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--updates", type=int, default=70)
    parser.add_argument("--python", type=Path, default=Path(".vllm/bin/python"), help="it has vLLM")
    parser.add_argument("--url", default="", help="a server of vLLM that runs already")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file of the result")
    asked = parser.parse_args()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        place = Place(Path(folder), asked.python, asked.url, asked.updates)
        kills, num_open = disturb(place, asked.kills, random.Random(asked.seed))
        holds = checked(place, kills, num_open)
    result: dict[str, Any] = {
        "url": bool(asked.url),
        "updates": asked.updates,
        "seed": asked.seed,
        "holds": holds,
    }
    print(json.dumps(result))
    if asked.out:
        asked.out.write_text(
            json.dumps(result | {"kills": [asdict(kill) for kill in kills]}, indent=1) + "\n"
        )
    return 0 if all(holds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
