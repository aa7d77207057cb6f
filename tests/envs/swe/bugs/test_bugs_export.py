"""Exported task folders: our own loader runs them, and nothing in them tells the answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from turnwise.envs.sandbox import HOST, Backend
from turnwise.envs.swe.bugs import verifying
from turnwise.envs.swe.bugs.export import export, folder_of
from turnwise.envs.swe.bugs.set import load_bugs
from turnwise.envs.swe.bugs.trusted import write
from turnwise.envs.swe.folders import Choices, load_folders
from turnwise.errors import UsageError

# One that nobody may run, too: the verifier gives the cases to another user where it is root.
PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable


def test_a_folder_holds_no_expected_value() -> None:
    task = load_bugs()[0]
    files = folder_of(task)
    values = [value for value in task.package.expected.values() if len(value) > 200]
    assert values and not [path for path, data in files.items() for value in values if value.encode() in data]
    outside = {path: data for path, data in files.items() if path.startswith("environment/tree/")}
    assert {path.removeprefix("environment/tree/"): data for path, data in outside.items()} == task.tree


@pytest.mark.parametrize(("tree", "reward"), [("wrong", "0\n"), ("right", "1\n")])
def test_the_verifier_alone(tree: str, reward: str, tmp_path: Path) -> None:
    task = load_bugs()[0]
    write(folder_of(task), tmp_path)
    write(task.tree if tree == "wrong" else task.package.tree, tmp_path / "app")
    rewards = tmp_path / "logs"
    verifier = str(tmp_path / "tests" / "verifying.py")
    program = (
        "import importlib.util, sys, pathlib\n"
        f"spec = importlib.util.spec_from_file_location('verifying', {verifier!r})\n"
        "module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)\n"
        f"module.REWARDS = pathlib.Path({str(rewards)!r}); module.main({str(tmp_path / 'app')!r})\n"
    )
    ran = subprocess.run([PYTHON, "-I", "-c", program], capture_output=True, text=True, check=True)
    assert (rewards / "reward.txt").read_text() == reward
    assert not (tmp_path / "tests" / "expected.json").exists()
    assert ("FAILED" in ran.stdout) == (tree == "wrong")


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    task = load_bugs("seen")[0]
    (tmp_path / task.id).mkdir()
    with pytest.raises(UsageError, match="is there already"):
        export(tmp_path, "seen")
    assert list(tmp_path.iterdir()) == [tmp_path / task.id]


def test_our_loader_runs_a_folder(tmp_path: Path, backend: Backend, run: Callable[[Any], Any]) -> None:
    count = export(tmp_path, "seen")
    tasks = load_folders(tmp_path, Choices(image=HOST))
    assert len(tasks) == count

    async def judged() -> list[Any]:
        task = tasks[0]
        async with await backend.start(task.spec) as box:
            await task.prepare(box)
            before = await task.grade(backend, {}, box=box)
            ran = await box.run(str(task.gold()))
            assert ran.exit_code == 0, ran.output
            return [before, await task.grade(backend, {"x": b""}, box=box)]

    before, after = run(judged())
    assert (before.outcome, after.outcome) == ("empty_patch", "resolved"), after


def test_the_verifier_needs_the_standard_library_alone() -> None:
    assert "from ." not in Path(verifying.__file__).read_text()
