"""mini-swe-agent drives our sandboxes and our tasks end to end, with its own scripted model.

The package lives in an environment of its own (make mini-swe-agent), and speaks HTTP with a server.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from harness_runs import POLICIES, train_twice

from turnwise.envs.sandbox import SandboxError, backend_by_name
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe.families import own_tasks
from turnwise.envs.swe.task import Task
from turnwise.servers.client import ServerProcess

ROOT = Path(__file__).resolve().parents[3]
NUM_TASKS = 20


def commands_of(task: Task) -> list[str]:
    """Return the right patch as lines of bash."""
    gold = task.gold()
    assert not isinstance(gold, str)
    lines = []
    for path, content in gold.items():
        coded = base64.b64encode(content or b"").decode()
        lines.append(f"base64 -d > {shlex.quote(path)} <<'END'\n{coded}\nEND")
    return lines


def python_of_mini_swe_agent() -> Path:
    """Return a Python that has mini-swe-agent; skip with the reason where it or a sandbox is missing."""
    python = Path(os.environ.get("TURNWISE_MINI_SWE_AGENT", ROOT / ".mini-swe-agent/bin/python"))
    if not python.exists():
        pytest.skip("mini-swe-agent is not installed: make mini-swe-agent")
    try:
        call(backend_by_name("auto"))
    except SandboxError as error:
        pytest.skip(f"no sandbox works here: {error}")
    return python


@pytest.mark.miniswe
def test_a_scripted_model_resolves_what_it_repairs_and_nothing_else() -> None:
    python = python_of_mini_swe_agent()
    tasks = own_tasks("all", None, None).tasks[:NUM_TASKS]
    # Every fifth only looks round: its patch is empty.
    scripts = [["ls"] if at % 5 == 4 else ["ls", *commands_of(task)] for at, task in enumerate(tasks)]
    with ServerProcess(["--env", "swe/tasks-v0"]) as server:
        done = subprocess.run(
            [
                str(python),
                str(Path(__file__).with_name("mini_probe.py")),
                str(ROOT / "docs/examples"),
                server.url,
            ],
            input=json.dumps(scripts),
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    results = json.loads(done.stdout.splitlines()[-1])
    assert [result["task"] for result in results] == [task.id for task in tasks]
    assert {result["exit_status"] for result in results} == {"Submitted"}
    expected = ["empty_patch" if at % 5 == 4 else "resolved" for at in range(len(tasks))]
    assert [result["outcome"] for result in results] == expected


@pytest.mark.miniswe
@pytest.mark.parametrize("kind", POLICIES)
def test_a_policy_of_ours_trains_behind_it(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """State keys are trees of files in the sandbox, and the reward is what the grader says."""
    python = python_of_mini_swe_agent()
    harness, env = Path(__file__).with_name("mini_harness.py"), Path(__file__).with_name("mini_commands.py")
    more = {"warmstart.episodes": 4, "rollout.max_tokens": 200}
    command = f"{python} {harness} {ROOT / 'docs/examples'}"
    train_twice(kind, tmp_path, f"{env}:Commands", command, monkeypatch, **more)
