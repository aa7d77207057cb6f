"""The examples of the documentation run and do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "docs/examples"


def test_the_loop_learns() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "loop.py")], capture_output=True, text=True, check=True
    )
    (figures,) = re.findall(r"held-out tasks: ([\d.]+) before, ([\d.]+) after", done.stdout)
    before, after = map(float, figures)
    assert before < 0.3  # one in eight, by chance
    assert after > 0.8


def test_the_loop_is_short_enough_to_read() -> None:
    assert len((EXAMPLES / "loop.py").read_text().splitlines()) <= 150


def test_functions_are_called_two_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "native_calls.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "message 0 \n  open left \n  open right\n" in done.stdout
    assert done.stdout.endswith("10 of 10 tasks are solved\n")
