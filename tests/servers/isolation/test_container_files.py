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
import yaml
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.errors import UsageError
from turnwise.servers.http.keys import Keys
from turnwise.servers.router.places import Places
from turnwise.servers.run import serve as serving

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEPLOY = ROOT / "deploy"
OWN = "/environments/corridor.py:Corridor"
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


def test_new_keys_open_the_server_and_its_counters_and_are_written_once(tmp_path):
    script = tmp_path / "deploy" / "new_keys.sh"
    script.parent.mkdir()
    script.write_bytes((ROOT / "deploy" / "new_keys.sh").read_bytes())
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    folder = script.parent / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    keys, text = Keys.load(folder / "turnwise"), (folder / "turnwise").read_text()
    assert keys.names == ["trainer"]
    assert keys.reads_metrics(b"Bearer " + (folder / "metrics").read_bytes())
    assert keys.routes(b"Bearer " + (folder / "fleet").read_bytes())
    assert len((folder / "grafana").read_text()) == 48
    again = subprocess.run(["sh", str(script)], capture_output=True, text=True)
    assert again.returncode == 1 and "not written over" in again.stderr
    assert (folder / "turnwise").read_text() == text


@pytest.mark.parametrize("file", ["compose.yaml", "kubernetes/server.yaml"])
def test_what_is_deployed_starts_with_its_words(served, file):
    document = yaml.safe_load((DEPLOY / file).read_text())
    if file == "compose.yaml":
        given, grace = document["services"]["turnwise"], document["services"]["turnwise"]["stop_grace_period"]
        arguments, variables, grace_s = given["command"], {}, int(grace.removesuffix("s"))
    else:
        pod = document["spec"]["template"]["spec"]
        (given,), grace_s = pod["containers"], pod["terminationGracePeriodSeconds"]
        arguments = given["args"]
        variables = {each["name"]: each["value"] for each in given["env"] if "value" in each}
    config = served([*words("ENTRYPOINT"), *arguments], **variables)
    assert grace_s > config.drain_s
    assert config.limits.max_sessions == 10_000
    assert [env_id for env_id in config.envs if env_id.startswith("/environments/")] == [OWN]
    assert (DEPLOY / OWN.removeprefix("/").partition(":")[0]).is_file()


@pytest.mark.parametrize("file", ["compose-many.yaml", "kubernetes/router.yaml"])
def test_routers_that_are_deployed_start_with_their_words(monkeypatch, file):
    document = next(yaml.safe_load_all((DEPLOY / file).read_text()))
    if file == "compose-many.yaml":
        given = document["services"]["router"]
        line, variables = [*given["entrypoint"], *given["command"]], given["environment"]
    else:
        (given,) = document["spec"]["template"]["spec"]["containers"]
        line, variables = [*given["command"], *given["args"]], {}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    started = []
    monkeypatch.setattr("turnwise.servers.router.run.route", lambda *settings: started.append(settings) or 0)
    assert CliRunner().invoke(command_line, line[1:], catch_exceptions=False).exit_code == 0
    ((door, fleet),) = started
    assert door.host == "0.0.0.0" and fleet.trusted_network
    assert fleet.server_key_env == "TURNWISE_FLEET_KEY"
    monkeypatch.setenv("TURNWISE_FLEET_KEY", "a-secret-of-the-fleet")
    assert fleet.secret == "a-secret-of-the-fleet" and Places(fleet)


def test_alerts_name_codes_that_there_are():
    problems = (ROOT / "src" / "turnwise" / "servers" / "protocol" / "problems.py").read_text()
    (codes,) = re.findall(r'code=~"([^"]+)"', (DEPLOY / "alerts.yml").read_text())
    assert all(f'"{code}"' in problems for code in codes.split("|"))
