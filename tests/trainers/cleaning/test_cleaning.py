"""What can go is removed, and nothing else: held, new, strange and linked folders stay, with the reason.

1. Nothing is removed without --yes; with it what is old goes, and bytes are those of the disk.
2. A folder in which a process plays, or began to since it was looked at, stays.
3. What a killed process left unfinished goes; what a living one fills stays; so do images in use.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.control import hold
from turnwise.errors import UsageError
from turnwise.scratch import UNFINISHED
from turnwise.trainers.cleaning import sandboxes
from turnwise.trainers.cleaning.found import measured
from turnwise.trainers.cleaning.runs import old_runs

DAY_S = 86_400.0


def aged(folder: Path, days: float) -> Path:
    """Make all that a folder holds so old."""
    when = time.time() - days * DAY_S
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (when, when), follow_symlinks=False)
    return folder


def run(folder: Path, days: float = 60.0) -> Path:
    """Write the folder of a run."""
    (folder / "checkpoints" / "update-000001").mkdir(parents=True)
    (folder / "recipe.toml").write_text("[train]\n")
    (folder / "log.jsonl").write_text("{}\n")
    (folder / "checkpoints" / "update-000001" / "weights").write_bytes(b"w" * 100_000)
    return aged(folder, days)


def evaluation(folder: Path, days: float = 60.0) -> Path:
    """Write the folder of an evaluation."""
    folder.mkdir(parents=True)
    (folder / "rows.jsonl").write_text("{}\n")
    return aged(folder, days)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep away from what this machine holds."""
    for name in ("cache", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "tmp"))


def clean(*words: object) -> Any:
    told = CliRunner().invoke(app, ["clean", *map(str, words)])
    assert told.exit_code == 0, told.output
    return told


def test_what_is_old_goes_with_yes_alone(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old, new, lost = run(runs / "old"), run(runs / "new", 5.0), evaluation(runs / "deep" / "lost")
    strange, linked = run(runs / "strange"), evaluation(tmp_path / "outside")
    (strange / "thesis.tex").write_text("all of it")
    aged(strange, 60.0)
    (runs / "link").symlink_to(linked)
    outer = evaluation(runs / "outer")
    (old / "checkpoints" / "away").symlink_to(tmp_path / "outside")
    aged(runs, 60.0)
    aged(new, 5.0)
    told = json.loads(clean(runs, "--json").output)
    kept = {Path(one["name"]).name: one["kept"] for one in told["found"]}
    assert kept == {
        "old": None,
        "lost": None,
        "strange": "holds 'thesis.tex', which is not of a run",
        "outer": None,
    }
    assert 100_000 < told["bytes"] < 140_000 and old.exists() and lost.exists()
    assert "can be removed: the same command with --yes" in clean(runs).output
    assert "removed" in clean(runs, "--yes").output
    assert not old.exists() and not lost.exists() and not outer.exists()
    assert all(path.exists() for path in (new, strange / "thesis.tex", linked / "rows.jsonl"))
    assert json.loads(clean("--json").output)["found"] == []  # without a path no run is looked at


def test_what_is_running_stays(tmp_path: Path) -> None:
    held, quick, nested = run(tmp_path / "held"), run(tmp_path / "quick"), run(tmp_path / "nested")
    evaluation(nested / "evaluations" / "one")
    aged(nested, 60.0)
    with hold(held, "training"):
        aged(held, 60.0)
        found = {Path(one.name).name: one for one in old_runs(tmp_path, DAY_S)}
        assert (
            found["held"].kept == "a process plays there" and found["nested"].kept == "holds another, 'one'"
        )
        with pytest.raises(UsageError, match="a process plays there"):
            found["held"].remove()
        with hold(quick, "training"), pytest.raises(UsageError, match="plays there"):
            found["quick"].remove()  # began since it was looked at
    (quick / "log.jsonl").write_text("{}\n{}\n")
    with pytest.raises(UsageError, match="within ten minutes"):
        found["quick"].remove()
    assert {Path(one.name).name: one.kept for one in old_runs(tmp_path, 0.0)}["quick"]
    earlier = time.time() - 60  # it is written in while one looks
    assert {Path(one.name).name: one.kept for one in old_runs(tmp_path, 0.0, earlier)}["quick"]
    assert held.exists() and (quick / "checkpoints").exists()


def test_what_dead_processes_left_goes(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib; from turnwise.scratch import scratch\n"
        "with scratch(pathlib.Path(sys.argv[1])) as folder: print(folder, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "tmp")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = [Path(one.stdout.readline().strip()) for one in started if one.stdout is not None]
    started[0].kill()
    started[0].wait()
    try:
        (found,) = sandboxes.unfinished(time.time())
        assert found.name == str(folders[0]) and folders[0].name.startswith(UNFINISHED)
        assert "unfinished" in clean("--yes").output
        assert [folder.exists() for folder in folders] == [False, True]
    finally:
        started[1].kill()
        for one in started:
            one.communicate()


def test_images_go_when_no_box_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "cache" / "turnwise" / "sandbox"
    image, mine = place / f"rootfs-{'a' * 32}", place / "mine"
    for folder in (image, mine):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "bash").write_bytes(b"x" * 5000)
    aged(place, 60.0)
    monkeypatch.setattr(sandboxes, "living", lambda: True)
    (found,) = sandboxes.images(DAY_S, time.time())
    assert "boxes of namespaces are running" in found.kept
    with pytest.raises(UsageError, match="are running"):
        found.remove()
    monkeypatch.setattr(sandboxes, "living", lambda: False)
    (found,) = sandboxes.images(DAY_S, time.time())
    assert found.kept == "" and found.size >= 5000
    found.remove()
    assert sorted(path.name for path in place.iterdir()) == ["mine"]


def test_bytes_are_those_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1 << 30)
    (tmp_path / "full").write_bytes(b"x" * 8192)
    os.link(tmp_path / "full", tmp_path / "again")
    assert 8192 <= measured(tmp_path)[0] < 100_000
