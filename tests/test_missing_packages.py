"""A package that is not installed: what it says, and what is written without it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from turnwise.__main__ import _required
from turnwise.commands import doctor
from turnwise.errors import UsageError
from turnwise.servers.isolation.containers import engine
from turnwise.shown import runnable
from turnwise.trainers.reports import curves

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "command", [["train", "tiny"], ["eval", "--env", "household/demo-v0", "--agent", "ckpt:x"]]
)
def test_without_torch_a_command_says_what_to_install(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "config.json").write_text("{}")
    program = f"""
import sys
sys.modules["torch"] = None
sys.argv = ["turnwise", *{command!r}]
from turnwise.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {runnable('torch is not installed: pip install torch')}\n",
    )


def test_packages_that_are_asked_for_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {"torch", "httpx", "docker", "matplotlib"} <= _required()
    assert set(project["optional-dependencies"]) >= {"plots", "docker"}


def test_curves_without_matplotlib_say_what_is_missing(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match=r"pip install 'turnwise\[plots\]'"):
        curves.pyplot()


def nobody() -> None:
    raise UsageError("container isolation needs a Docker engine, and none answers")


def test_the_doctor_tries_what_it_says(monkeypatch, tmp_path: Path) -> None:
    """A client without an engine, a package that breaks, an empty folder and a file that is no Python."""
    (tmp_path / "broken_package.py").write_text("raise RuntimeError('built for another machine')")
    (tmp_path / "data").mkdir()
    (tmp_path / "python").write_text("#!/bin/sh\necho no module named alfworld >&2\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(engine, "connect", nobody)
    monkeypatch.setenv("TURNWISE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TURNWISE_ORACLE", str(tmp_path / "python"))
    monkeypatch.setattr(doctor, "required", lambda: ["numpy", "broken_package", "no_such_package"])
    found = {finding.what: finding for finding in doctor.examine()}
    works = {what: finding.works for what, finding in found.items()}
    assert works["numpy"] and works["environments"]
    for what, detail in {
        "broken_package": "cannot be imported: RuntimeError: built for another machine",
        "no_such_package": "not installed",
        "Docker engine": "none answers",
        "original ALFWorld engine": "no module named alfworld",
        "benchmark data": str(tmp_path / "data"),
    }.items():
        assert not works[what] and detail in found[what].detail, found[what]


def test_the_doctor_asks_the_engine_and_not_the_client(monkeypatch) -> None:
    client = SimpleNamespace(version=lambda: {"Version": "27.1"}, close=lambda: None)
    monkeypatch.setattr(engine, "connect", lambda: client)
    assert doctor._docker() == (True, "version 27.1 answers", "")
