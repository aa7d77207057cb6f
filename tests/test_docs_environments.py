"""The programs and commands of docs/environments.md do what the page says.

Blocks of Python that begin with a file's name are written into a folder, all others run in it
in order with the commands; `serve` and what reads a terminal have tests of their own.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.envs import registry
from turnwise.envs.check import contract

PAGE = (Path(__file__).resolve().parents[1] / "docs/environments.md").read_text()
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHORT = {
    "train": "train.num_updates=1 train.threads=1 rollout.num_groups=2 rollout.group_size=2 eval.episodes=2 "
    "warmstart.episodes=4 warmstart.max_steps=1 warmstart.copy_steps=0 policy.hidden_size=16 "
    "policy.num_layers=1 policy.num_heads=2 policy.num_kv_heads=1 policy.intermediate_size=16 "
    "policy.context_tokens=256 log.console=false server.spawn=false",
    # slips as a long warm start has them: with few, six episodes ask the teacher for nothing unusual
    "warmstart": "warmstart.episodes=6 warmstart.slip=0.7 warmstart.max_steps=1 warmstart.copy_steps=0 "
    "policy.num_layers=1",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder with the page's files, from which its modules are imported and then forgotten."""
    for kind, text in BLOCKS:
        name = re.match(r"# (\w+\.py)\n", text)
        if kind == "python" and name:
            (tmp_path / name[1]).write_text(text)
    (tmp_path / "words.txt").write_text("one\ntwo\n")
    monkeypatch.chdir(tmp_path)
    # it has tests of its own, and takes its time
    monkeypatch.setattr(contract, "same_across_processes", lambda *_: None)
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    yield tmp_path
    for module in set(sys.modules) - known:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]
    forget_ids()


def forget_ids() -> None:
    """Take out the ids that the page registers, as the end of a process does."""
    for id in [id for id in gymnasium.registry if id.startswith("mine/")]:
        del gymnasium.registry[id]
        registry._OURS.pop(id, None)


def test_the_page_runs_from_top_to_bottom(folder: Path) -> None:
    num_run = 0
    for kind, text in BLOCKS:
        if kind == "python" and not re.match(r"# \w+\.py\n", text):
            exec(compile(text, "docs/environments.md", "exec"), {})
        for line in text.splitlines() if kind == "sh" else ():
            _, command, *words = shlex.split(line)
            if command == "serve":
                continue
            forget_ids()
            sets = [word for pair in SHORT.get(command, "").split() for word in ("--set", pair)]
            keys = "5\n:undo\n:quit\n" if command == "play" else None
            done = CliRunner().invoke(app, [command, *words, *sets], input=keys)
            assert (done.exit_code, "FAIL" in done.output) == (0, False), (
                f"{line}: {done.output}{done.exception}"
            )
            num_run += 1
    assert num_run >= 10
