"""What an engine forgot is found by its container's id, and nothing else is touched; real processes."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from turnwise.envs.sandbox.docker import orphans

MINE, OTHER = secrets.token_hex(32), secrets.token_hex(32)  # nobody else's: all processes are searched
_FIRST = "sleep 1000 & echo $!; read -r nothing"


@pytest.fixture
def shims() -> Iterator[dict[str, tuple[subprocess.Popen[str], int]]]:
    """Start two processes that look like shims, each with one below; yield id -> (shim, number below)."""
    with ExitStack() as stack:
        found = {}
        for container in (MINE, OTHER):
            words = ["/usr/bin/containerd-shim-runc-v2", "-c", _FIRST, "-namespace", "moby", "-id", container]
            shim = stack.enter_context(
                subprocess.Popen(
                    words, executable="/bin/sh", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            assert shim.stdout is not None
            found[container] = (shim, int(shim.stdout.readline()))
        yield found
        for shim, below in found.values():
            for pid in (below, shim.pid):
                if shim.poll() is None:
                    os.kill(pid, signal.SIGKILL)


def test_the_shim_of_a_container_ends_with_what_runs_below_and_others_stay(
    shims: dict[str, tuple[subprocess.Popen[str], int]], tmp_path: Path
) -> None:
    mine, below = shims[MINE]
    for folder in (f"memory/docker/{MINE}", f"system.slice/docker-{MINE}.scope", f"memory/docker/{OTHER}"):
        (tmp_path / folder).mkdir(parents=True)
    assert orphans.end(MINE, 0.0, tmp_path) == 2
    assert mine.wait(30) == -signal.SIGKILL
    assert orphans._parent(below) in (0, 1) or Path(f"/proc/{below}/stat").read_text().split()[2] == "Z"
    other, still = shims[OTHER]
    assert other.poll() is None and orphans._parent(still) == other.pid
    assert sorted(path.name for path in tmp_path.rglob("*") if not any(path.iterdir())) == [
        OTHER,
        "system.slice",
    ]


def test_a_group_that_is_in_use_stays_and_nothing_is_found_twice(
    shims: dict[str, tuple[subprocess.Popen[str], int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_GONE_S", 0.1)
    used = tmp_path / "pids" / MINE
    used.mkdir(parents=True)
    (used / "cgroup.procs").write_text("1")  # a folder that is not empty is refused, as a group in use is
    assert orphans.end(MINE, 0.2, tmp_path) == 2
    assert used.exists()
    shims[MINE][0].wait(30)
    assert orphans.end(MINE, 0.0, tmp_path) == 0


def test_a_number_that_is_anothers_by_now_is_not_killed(
    shims: dict[str, tuple[subprocess.Popen[str], int]],
) -> None:
    mine, below = shims[MINE]
    other, still = shims[OTHER]
    assert not orphans._kill(other.pid, other.pid, MINE)
    assert not orphans._kill(still, mine.pid, MINE)
    assert other.poll() is None and mine.poll() is None and below != still


def test_a_container_that_ends_by_itself_is_given_the_time(
    shims: dict[str, tuple[subprocess.Popen[str], int]], tmp_path: Path
) -> None:
    mine, below = shims[MINE]
    assert mine.stdin is not None
    ending = threading.Timer(0.2, mine.stdin.close)  # and it ends with its input
    ending.start()
    assert orphans.end(MINE, 30.0, tmp_path) == 0
    ending.join()
    assert mine.wait(30) != -signal.SIGKILL
    os.kill(below, signal.SIGKILL)
