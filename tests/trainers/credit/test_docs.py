"""The code in docs/credit.md runs and says what the page says; the example handles both shapes."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import turnwise.credit as credit

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/credit.md").read_text(), re.S)
EXAMPLE = ROOT / "docs/examples/foreign_trajectories.py"


def run(block: str) -> list[str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(block, "docs/credit.md", "exec"), {"__name__": "__main__"})
    return said.getvalue().splitlines()


def test_the_first_example() -> None:
    # returns to go of the hall: 0.95^2 and 0; A_episode over turns: 1 - 3/5 and 0 - 3/5
    said = run(BLOCKS[0])
    assert said == ["[0.85, 0.4, 0.4, -1.05, -0.6]", "[0, 1, 2, 0, 3]"]


def test_the_chain_of_transforms() -> None:
    (said,) = run(BLOCKS[1])
    assert "credit/penalty_only" in said


def test_a_new_method_takes_one_small_file() -> None:
    block = BLOCKS[2]
    assert len(block.splitlines()) <= 20
    assert run(block) == ["[0.5, 0.5, -0.5, -0.5]"]
    assert "progress" in credit.names()


def test_every_method_stands_in_the_page() -> None:
    text = (ROOT / "docs/credit.md").read_text()
    literature = [
        name for name in credit.names() if str(credit.get(name).function.__module__).startswith("turnwise.")
    ]
    assert [name for name in literature if f"`{name}`" not in text] == []


def test_every_decorator_that_the_page_names_is_there() -> None:
    (said,) = re.findall(r"each by its own decorator: (.*)", (ROOT / "docs/credit.md").read_text())
    modules = re.findall(r"`(turnwise\.[a-z_.]+)`", said)
    assert len(set(modules)) == 7
    assert all(callable(importlib.import_module(module).register) for module in modules)
    assert callable(importlib.import_module("turnwise.trainers.losses").register_term)


def example() -> Any:
    spec = importlib.util.spec_from_file_location("foreign_trajectories", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lines_of_turns_are_credited_in_place(tmp_path: Path) -> None:
    lines = [
        {
            "uid": "g",
            "traj_uid": "a",
            "anchor_obs": "s",
            "rewards": 1.0,
            "is_action_valid": True,
            "mine": [1, 2],
        },
        {"uid": "g", "traj_uid": "b", "anchor_obs": "s", "rewards": 0.0},
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = [str(EXAMPLE), "verl", str(source), str(target), "--method", "gigpo", "--set", "mode=mean"]
    subprocess.run([sys.executable, *command], check=True)
    written = [json.loads(line) for line in target.read_text().splitlines()]
    # A_episode 0.5 and -0.5, A_step the same
    assert written == [{**lines[0], "advantage": 1.0}, {**lines[1], "advantage": -1.0}]


def test_lines_of_completions_are_credited_by_message() -> None:
    def talk(*texts: str) -> list[dict[str, str]]:
        return [{"role": "user" if i % 2 else "assistant", "content": text} for i, text in enumerate(texts)]

    lines = [
        {
            "prompt": [{"role": "user", "content": "q"}],
            "completion": talk("look", "dark", "light"),
            "reward": 1.0,
        },
        {"prompt": [{"role": "user", "content": "q"}], "completion": talk("leave"), "reward": 0.0},
    ]
    written = example().assign("trl", lines, "dr_grpo", {})
    assert [line["advantages"] for line in written] == [[0.5, 0.5], [-0.5]]
    table = example().table_of_trl(lines)
    assert table.column("state_key").tolist() == ["", "dark", ""]
    with pytest.raises(KeyError):
        example().assign("verl", lines, "grpo", {})


def test_what_cannot_be_read_is_one_line_and_the_sample_is_credited(tmp_path: Path) -> None:
    def give(source: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLE), "verl", str(source), str(tmp_path / "out.jsonl")]
        return subprocess.run(command, capture_output=True, text=True)

    (tmp_path / "half.jsonl").write_text('{"uid": "g"}\n')
    for name, hint in (("none.jsonl", "cannot be read"), ("half.jsonl", "a line has no 'traj_uid'")):
        done = give(tmp_path / name)
        assert (done.returncode, hint in done.stderr, "Traceback" in done.stderr) == (2, True, False)
    assert give(EXAMPLE.with_name("rollouts.jsonl")).returncode == 0
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    # grpo over the returns 1 and 0: one standard deviation of the two samples, 0.707, divides
    assert [round(line["advantage"], 3) for line in written] == [0.707, 0.707, -0.707, -0.707]
