"""Two nodes of Ray on this machine for all tests, and runs on them: `make test-ray`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "benchmarks" / "ray"), str(Path(__file__).parent)]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    from two_nodes import two_nodes

    with two_nodes((2, 2)) as cluster:
        yield cluster


@pytest.fixture
def turnwise(tmp_path: Path) -> Iterator[Any]:
    """Return a function that starts a command in the folder of the test, its output one text."""

    started: list[subprocess.Popen[str]] = []

    def start(*words: str, **settings: object) -> subprocess.Popen[str]:
        given = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        process = subprocess.Popen(
            [sys.executable, "-m", "turnwise", *words, *given],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:  # what a test that failed has left, with all that it holds
        process.kill()
        process.communicate()
