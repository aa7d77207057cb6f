"""The container files agree with the command and with pyproject.toml; no container is built here."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.errors import UsageError
from turnwise.servers.run import serve as serving

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()


def words(name: str) -> list[str]:
    """Return the words of an instruction of the Dockerfile in its JSON form."""
    (line,) = re.findall(rf"^{name} (\[.*\])$", DOCKERFILE, re.M)
    return list(json.loads(line))


@pytest.fixture
def served(monkeypatch):
    """Return a function that calls the command and gives its settings."""
    seen = []
    monkeypatch.setattr(serving, "serve", lambda config: seen.append(config) or 0)

    def call(command: list[str], **variables: str):
        assert command[:2] == ["turnwise", "serve"]
        done = CliRunner().invoke(command_line, command[1:], env=variables)
        assert done.exit_code == 0, done.output
        return seen[-1]

    return call


def test_the_image_starts_a_server_that_can_be_reached(served):
    config = served([*words("ENTRYPOINT"), *words("CMD")], TURNWISE_SERVE_OPEN_TO_EVERYONE="true")
    assert (config.host, config.port, config.log_json) == ("0.0.0.0", 8000, True)
    assert config.journal == Path("/data/journal.db")
    assert "EXPOSE 8000" in DOCKERFILE
    assert "http://127.0.0.1:8000/health" in DOCKERFILE


def test_the_image_refuses_to_start_without_keys():
    command = [*words("ENTRYPOINT"), *words("CMD")]
    done = CliRunner().invoke(command_line, command[1:])
    assert isinstance(done.exception, UsageError)
    assert "--open-to-everyone" in str(done.exception)
    assert "--key-file" in str(done.exception)


def test_the_composition(served):
    command = ast.literal_eval(re.findall(r"^    command: (\[.*\])$", COMPOSE, re.M)[0])
    variables = dict(re.findall(r'^      (TURNWISE_SERVE_[A-Z_]+): "\$\{\w+:-(\w+)\}"', COMPOSE, re.M))
    assert variables
    config = served([*words("ENTRYPOINT"), *command], **variables)
    assert config.workers == 1
    assert config.key_file == Path("/run/secrets/keys")
    grace_s = int(re.findall(r"stop_grace_period: (\d+)s", COMPOSE)[0])
    assert grace_s > config.drain_s


def test_the_image_installs_what_the_project_asks_for():
    (program,) = re.findall(r'python -c "(import tomllib.*)" >', DOCKERFILE)
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    installed = set(out.stdout.splitlines())
    assert installed > set(project["optional-dependencies"]["telemetry"]), "--telemetry works"
    left_out = set(project["dependencies"]) - installed
    assert {re.split(r"\W", name)[0] for name in left_out} == {
        "torch",
        "transformers",
        "tokenizers",
        "safetensors",
    }


def test_a_server_needs_nothing_that_the_image_leaves_out():
    program = """
import sys
for name in ("torch", "transformers", "tokenizers", "safetensors"):
    sys.modules[name] = None
import turnwise.__main__
from turnwise.servers.isolation.catalogue import Catalogue
from turnwise.servers.http.control_plane import build_app
from turnwise.servers.sessions.service import Service
catalogue = Catalogue()
assert len(catalogue.listing()) > 5
build_app(Service(catalogue))
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
