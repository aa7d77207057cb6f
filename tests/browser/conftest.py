"""Chromium before the pages of a folder of runs and of a live server, each in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from turnwise.agents.stored import store_update
from turnwise.agents.types import Generation, Trajectory, Turn

ROOT = Path(__file__).resolve().parents[2]
EVIL = (
    "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>\u202e\x1b[31m'\"&"
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make test-browser")
    if program is None:
        pytest.skip("there is no chromium on PATH: make test-browser")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, timeout=240_000, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Return a page that records what goes wrong in it, and what it asks of whom."""
    context = browser.new_context(viewport={"width": 1100, "height": 800})
    page = context.new_page()
    page.set_default_timeout(240_000)  # a busy machine is no finding
    page.problems, page.asked = [], []
    page.on("console", lambda said: page.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    context.close()


class Pages:
    """A process that serves pages, and its address."""

    def __init__(self, *words: str, **environment: str) -> None:
        command = [sys.executable, "-u", "-m", "turnwise", *words]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdout is not None
        line = next(line for line in self.process.stdout if "http://" in line)
        self.address = "http://" + line.partition("http://")[2].split()[0].rstrip()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the three bad runs, one whose every text is hostile, and a group of forks."""
    folder = Path(os.environ.get("TURNWISE_PLANTED", tmp_path_factory.mktemp("runs")))
    script = ROOT / "benchmarks" / "view" / "planted.py"
    subprocess.run([sys.executable, str(script), "--out", str(folder)], check=True, timeout=600)
    if not (folder / "hostile").exists():
        write_hostile(folder / "hostile")
        write_evaluation(folder / "evaluated")
    return folder


@pytest.fixture(scope="session")
def runs(planted: Path) -> Iterator[str]:
    """Return the address of their pages."""
    pages = Pages("view", str(planted))
    yield pages.address
    pages.end()


@pytest.fixture
def climbing(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Return the folder of a run that learns, and the address of its page."""
    run = tmp_path / "climbing"
    run.mkdir()
    (run / "recipe.toml").write_text('[train]\nnum_updates = 30\n[env]\nid = "household/demo-v0"\n')
    figures = {"reward_std": 0.4, "entropy": 0.8, "rollout/malformed": 0.0, "credit/dead_groups": 0.1}
    log = [
        {"kind": "update", "update": number, "reward": number / 15, "success_rate": number / 15, **figures}
        for number in range(1, 13)
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))
    pages = Pages("view", str(run))
    yield run, pages.address + "run?at=."
    pages.end()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a live server with a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text("me " + "k" * 24 + "\n")
    port_file = keys.with_name("port")
    served = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "turnwise",
            "serve",
            "--port",
            "0",
            "--port-file",
            str(port_file),
            "--key-file",
            str(keys),
        ],
        stderr=subprocess.DEVNULL,
    )
    while not port_file.exists():
        assert served.poll() is None
    yield f"http://127.0.0.1:{port_file.read_text().strip()}"
    served.terminate()
    served.wait(30)


@pytest.fixture(scope="session")
def server(served: str) -> Iterator[str]:
    """Return the address of the pages of this server."""
    pages = Pages("view", served, TURNWISE_KEY="k" * 24)
    yield pages.address
    pages.end()


def write_hostile(folder: Path) -> None:
    """Write a run in which every text is markup, with a group of forks."""
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(
        f'[credit]\nname = "gigpo"\n[env]\nid = {json.dumps(EVIL)}\n[train]\nnum_updates = 2\n'
    )
    (folder / "run.json").write_text(json.dumps({"environment": EVIL, "platform": EVIL}))
    figures = {
        "reward": 0.3,
        "reward_std": 0.3,
        "entropy": 0.5,
        "rollout/malformed": 0.2,
        "rollout/causes": {EVIL: 1},
    }
    log = [{"kind": "update", "update": place, "success_rate": 0.3, **figures} for place in (1, 2)]
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log) + EVIL + "\n")
    said = Generation(
        EVIL, token_ids=(1, 2), logprobs=(-0.1, -2.0), char_ends=(10, len(EVIL)), reasoning=EVIL
    )
    turns = tuple(
        Turn(place, EVIL, EVIL + str(place), EVIL, 0.0, EVIL, said, subgoal=EVIL) for place in range(3)
    )
    won = (*turns[:2], replace(turns[2], reward=1.0))
    first = Trajectory(
        EVIL, EVIL, 1, "g", won, "terminated", EVIL, instruction=EVIL, success=True, sampled_by=(0, 0, 0)
    )
    forks = [
        replace(first, turns=turns, success=False, member=member, parent="g#0", branch_turn=at,
                sampled_by=(0,) * at + (member,) * (3 - at))
        for member, at in ((1, 1), (2, 2), (3, 1))
    ]  # fmt: skip
    store_update(folder / "trajectories" / "update-000002.jsonl.gz", [first, *forks])


def write_evaluation(folder: Path) -> None:
    """Write an evaluation in which every text is markup."""
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"agent": EVIL, "environment": EVIL}))
    row = {"task": EVIL, "success": False, "end": "terminated", "error": EVIL, "return": 0.0, "turns": 3}
    (folder / "rows.jsonl").write_text("".join(json.dumps({**row, "seed": seed}) + "\n" for seed in range(5)))
