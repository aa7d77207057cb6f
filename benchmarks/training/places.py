"""Where the runs of kills.py lie, what they train, and how their processes are started and found."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from turnwise.servers.client import ServerProcess
from turnwise.trainers.runs.checkpoint import updates

TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(TESTS / "small"), str(TESTS / "vllm")]

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
TINY = {
    "policy.vocab_size": "300", "policy.hidden_size": "32", "policy.num_layers": "2", "policy.num_heads": "2",
    "policy.num_kv_heads": "2", "policy.intermediate_size": "64", "policy.context_tokens": "512",
    "warmstart.teacher": "none", "warmstart.episodes": "20", "warmstart.max_steps": "10",
}  # fmt: skip
SIZES = {
    "env.id": "lights.py:Lights", "prompt.style": "plain", "rollout.num_groups": "4",
    "rollout.group_size": "4", "rollout.max_turns": "3", "rollout.max_episode_tokens": "512",
    "rollout.constraint": "admissible", "optim.learning_rate": "1e-3", "optim.num_minibatches": "2",
    "train.max_seconds": "0", "train.save_every": "1", "eval.every": "5", "eval.episodes": "16",
    "log.console": "false",
}  # fmt: skip
ENGINE = {
    "env.id": "vowels.py:Vowels", "rollout.max_turns": "1", "rollout.max_tokens": "12",
    "rollout.constraint": "none", "rollout.deterministic": "false", "policy.kind": "vllm",
}  # fmt: skip
LIGHTS = '''
from turnwise import TextEnv

COLOURS = ["blue", "green", "red"]


class Lights(TextEnv):
    """Push the button of the light's colour, three times."""

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.turn, self.right = 0, 0
        return self._show()

    def step(self, action):
        reward = float(action == f"push {self.light}") / 3
        self.turn, self.right = self.turn + 1, self.right + (reward > 0)
        text, info = self._show()
        return text, reward, self.turn == 3, False, {**info, "won": self.right == 3}

    def _show(self):
        self.light = COLOURS[int(self.np_random.integers(3))]
        return f"The light is {self.light}.", {"admissible": [f"push {c}" for c in COLOURS]}
'''


@dataclass
class Place:
    """The folder of the trial, and how its runs are started."""

    folder: Path
    settings: dict[str, str]

    @classmethod
    def of(cls, policy: str, folder: Path, python: str) -> Self:
        """Return a place for runs with a tiny policy, a model of an architecture, or an engine of vLLM."""
        (folder / "lights.py").write_text(LIGHTS)
        if policy == "tiny":
            return cls(folder, {**SIZES, **TINY})
        if policy == "vllm":
            from vllm_rooms import qwen2

            (folder / "vowels.py").write_text((TESTS / "vllm" / "vowels.py").read_text())
            engine = {**ENGINE, "policy.engine.python": str(Path(python).absolute())}
            return cls(
                folder, {**SIZES, **engine, "policy.checkpoint": str(qwen2(folder / "model", tied=True))}
            )
        from architectures import write_model

        model = {
            "policy.kind": "transformers",
            "policy.checkpoint": str(write_model(policy, folder / "model")),
        }
        return cls(folder, {**SIZES, **model})

    @property
    def has_engine(self) -> bool:
        """Tell whether an engine of vLLM samples."""
        return self.settings.get("policy.kind") == "vllm"

    def learner(self, run: str, url: str, num_updates: int) -> subprocess.Popen[bytes]:
        """Start a run, or go on with it."""
        changes = {**self.settings, "server.url": url, "train.num_updates": str(num_updates)}
        flags = [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]
        command = [sys.executable, "-m", "turnwise", "train", "tiny", "--out", run, "--resume", *flags]
        with (self.folder / f"{run}.txt").open("ab") as said:
            return subprocess.Popen(command, cwd=self.folder, env=ENVIRONMENT, stdout=said, stderr=said)

    def server(self, name: str) -> ServerProcess:
        """Return a server with a journal, not yet started."""
        arguments = ["--env", self.settings["env.id"], "--journal", f"{name}.sqlite", "--ttl", "600"]
        return ServerProcess(arguments, cwd=self.folder)

    def engines(self, learner: int) -> list[psutil.Process]:
        """Return the server of vLLM below a learner, and its core; not the watch over both."""
        found = []
        for each in psutil.Process(learner).children(recursive=True):
            with suppress(psutil.Error):
                words = each.cmdline()
                if "-I" not in words and ("vllm.entrypoints" in str(words) or "EngineCore" in str(words)):
                    found.append(each)
        return found

    def logged(self, run: str) -> int:
        """Return how many updates are in the log."""
        file = self.folder / run / "log.jsonl"
        return file.read_text().count('"kind": "update"') if file.exists() else 0

    def kept(self, run: str) -> int:
        """Return the update of the newest whole checkpoint; 0 without one."""
        found = updates(self.folder / run / "checkpoints")
        return int(found[-1].name.rpartition("-")[2]) if found else 0

    def said(self, run: str = "killed") -> str:
        """Return the end of what the run has printed."""
        return (self.folder / f"{run}.txt").read_text(errors="replace")[-4000:]
