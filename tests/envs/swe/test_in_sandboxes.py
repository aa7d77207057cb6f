"""The environment on the sandbox that works here: evaluated by the command, and refused where none works."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

import pytest
from typer.testing import CliRunner

import turnwise
from turnwise.__main__ import app
from turnwise.envs.sandbox import SandboxError, Spec, backend_by_name, backends
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe import families
from turnwise.envs.swe.families import own_tasks
from turnwise.envs.swe.task_sets import TaskSet
from turnwise.errors import UsageError


@pytest.mark.sandbox
def test_the_command_counts_what_was_submitted_changed_and_resolved() -> None:
    try:
        call(backend_by_name("auto"))
    except SandboxError as error:
        pytest.skip(f"no sandbox works here: {error}")
    given = [
        "--env",
        "swe/tasks-v0",
        "-k",
        "family=lru_cache",
        "-k",
        "warm=1",
        "--agent",
        "expert",
        "--episodes",
        "2",
    ]
    done = CliRunner().invoke(app, ["eval", *given, "--json"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["success_rate"] == 1.0
    assert document["metrics"] == {"completion": 1.0, "modification": 1.0, "resolution": 1.0}


def test_where_no_sandbox_works_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise SandboxError("sudo apt-get install bubblewrap")

    monkeypatch.setattr(backends, "_shared", {})
    monkeypatch.setattr(backends, "_namespace", missing)
    monkeypatch.setattr(backends, "_docker", missing)
    with pytest.raises(SandboxError, match=r"never run outside of one.*sudo apt-get install bubblewrap"):
        turnwise.make("swe/tasks-v0")


def test_boxes_wait_for_tasks_that_start_from_one_image_alone() -> None:
    def played(*images: str) -> TaskSet:
        tasks = [SimpleNamespace(spec=Spec(image=image, labels={"of": image})) for image in images]
        return cast(TaskSet, SimpleNamespace(name="mine", tasks=tasks))

    assert families._one_spec(played("host", "host")) == Spec()
    with pytest.raises(UsageError, match="the tasks of mine start from several images"):
        families._one_spec(played("host", "image:a"))
    with pytest.raises(UsageError, match="warm must be 0 to"):
        turnwise.make("swe/tasks-v0", warm=-1)


@pytest.mark.parametrize("difficulty", ["easy", 7, 0])
def test_a_difficulty_that_is_not_one(difficulty: object) -> None:
    with pytest.raises(UsageError, match=r"expected 1, 2 or 3"):
        own_tasks("train", None, difficulty)  # type: ignore[arg-type]
