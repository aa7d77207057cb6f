"""Start turnwise: commands that end, and a server for as long as a block lasts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIGHTS = "lights.py:Lights"
_FIXED = {"OMP_NUM_THREADS": "1", "COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}


def place(folder: Path) -> Path:
    """Make a folder one where `lights.py:Lights` is an environment."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "lights.py", folder)
    return folder


def together(commands: Sequence[Sequence[str]], folder: Path) -> tuple[list[str], dict[str, str]]:
    """Run commands in one process; return what each printed, and the machine.

    Raises:
        SystemExit: if a command fails.
    """
    done = subprocess.run(
        [sys.executable, str(HERE / "together.py")],
        input=json.dumps([list(command) for command in commands]),
        cwd=place(folder),
        env={**os.environ, **_FIXED},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"floor: {commands} ended with {done.returncode}:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    for command, each in zip(commands, answer["done"], strict=True):
        if each["code"]:
            raise SystemExit(f"floor: turnwise {' '.join(command)} ended with {each['code']}:\n{done.stderr}")
    return [each["out"] for each in answer["done"]], answer["machine"]


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[str]:
    """Serve the environments of the recordings; yield the address.

    Raises:
        SystemExit: if the server does not start.
    """
    port, log = place(folder) / "port", folder / "server.log"
    command = [sys.executable, "-m", "turnwise", "serve", "--port", "0", "--port-file", str(port)]
    command += ["--env", LIGHTS, "--env", "household/demo-v0", *arguments]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **_FIXED}, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + 60
            while not (port.exists() and port.read_text()):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"floor: the server did not start:\n{log.read_text()}")
                time.sleep(0.02)
            yield f"http://127.0.0.1:{int(port.read_text())}"
        finally:
            process.terminate()
            process.wait(60)
