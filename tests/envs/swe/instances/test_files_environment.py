"""`swe/files-v0`: a user's file of records, played by the expert in the box of the host's /usr."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import turnwise
from turnwise.envs.sandbox import Backend
from turnwise.errors import UsageError


def test_the_expert_resolves_a_record_of_a_file(
    calc: SimpleNamespace, backend: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(calc.raw) + "\n")
    given = {"path": str(file), "image": "host", "clones": str(calc.folder.parent), "backend": backend.name}
    with turnwise.make("swe/files-v0", **given) as env:
        observation, info = env.reset(seed=0, options={"expert": True})
        assert "The discount is taken as an amount" in observation and "calc/money.py" in observation
        assert info["task"] == "own__calc-1"
        while "outcome" not in info:
            observation, reward, *_, info = env.step(info["private"]["expert"])
        assert (reward, info["outcome"]) == (1.0, "resolved"), observation
        assert info["patch"] == {"calc/money.py": calc.texts.right}


def test_images_that_take_docker_are_refused_where_there_is_none(
    calc: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(calc.raw) + "\n")
    clones = str(calc.folder.parent)
    for backend, more in (("auto", "; .*docker"), ("namespace", "$")):
        said = f"image='ubuntu' needs the docker backend: boxes of namespaces are made of .*PATH'{more}"
        with pytest.raises(UsageError, match=said):
            turnwise.make("swe/files-v0", path=str(file), image="ubuntu", clones=clones, backend=backend)


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("{}\n")
    with pytest.raises(UsageError, match=r"records.jsonl: line 1"):
        turnwise.make("swe/files-v0", path=str(file))
    with pytest.raises(
        UsageError, match=r"gone: no such file or folder; expected records .*, a task folder,"
    ):
        turnwise.make("swe/files-v0", path=str(tmp_path / "gone"))
