"""A training as a process of its own: `turnwise train`, ended with all that it has started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ...files import write_whole
from ...shown import visible
from ...watch import watched
from ..recipe import dump
from .plan import Planned

STOP_S = 600.0
"""How long a training may take to save, in seconds, before it is killed."""
_TAIL_BYTES = 4096


class Training:
    """One run of a sweep as a process.

    Args:
        planned: which run.
        out: the folder of the sweep, which keeps the recipe and what the process prints.
    """

    def __init__(self, planned: Planned, out: Path) -> None:
        self.planned = planned
        self.output = out / "output" / f"{planned.name}.txt"
        self._recipe = out / "recipes" / f"{planned.name}.toml"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, from its last checkpoint where it was begun."""
        write_whole(self._recipe, dump(self.planned.recipe).encode())
        self.output.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "turnwise",
            "train",
            str(self._recipe),
            "--out",
            str(self.planned.folder),
        ]
        if self.planned.standing == "begun":
            command.append("--resume")
        with self.output.open("ab") as out:
            self._process = subprocess.Popen(
                watched(command, STOP_S),
                stdin=subprocess.PIPE,  # closes with this process, however it ends
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the sweep, which ends its trainings itself
            )

    def poll(self) -> int | None:
        """Return the exit code; None while it goes on."""
        code = self._running.poll()
        if code is not None:
            self.ask_to_end()
        return code

    def ask_to_end(self) -> None:
        """Have it save and end."""
        if self._running.stdin is not None:
            self._running.stdin.close()

    def wait(self) -> int:
        """Wait for its end."""
        return self._running.wait()

    def kill(self) -> None:
        """Kill it at once: the system ends the training with its watch, and its server with that."""
        self.ask_to_end()
        self._running.kill()
        self._running.wait()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def said(self) -> str:
        """Return the last line that it has printed."""
        with self.output.open("rb") as file:
            file.seek(max(0, self.output.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").split("\n")
        return visible(next((line for line in reversed(lines) if line.strip()), "it has said nothing"))
