"""Settings of `turnwise serve`: flags before variables before the file before defaults.

1. Each source gives what the ones before it do not; lists and paths included.
2. An unknown name, in the file or among the variables, is answered with the closest right one.
3. A file that is missing, broken or holds a value of the wrong type is refused with its name.
4. --help names the variable of every flag.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.errors import UnknownName, UsageError
from turnwise.servers.run import serve as serving
from turnwise.servers.run.serve import ServerConfig


@pytest.fixture
def settings(monkeypatch):
    """Return a function that calls the command and gives what it would serve."""
    seen: list[ServerConfig] = []

    def record(config: ServerConfig) -> int:
        seen.append(config)
        return 0

    monkeypatch.setattr(serving, "serve", record)

    def call(*arguments: str, **variables: str) -> ServerConfig:
        env = {f"TURNWISE_SERVE_{name}": value for name, value in variables.items()}
        done = CliRunner().invoke(command_line, ["serve", *arguments], env=env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return seen[-1]

    return call


FILE = """
port = 1
max_sessions = 10
ttl = 60
max_rate = 2.5
env = ["a/b-v0", "c/d-v0"]
data_root = ["data"]
journal = "sessions.db"
log_json = true
"""


def test_precedence(settings, tmp_path):
    file = tmp_path / "server.toml"
    file.write_text(FILE)
    config = settings("--config", str(file), "--port", "3", PORT="2", MAX_SESSIONS="20", ENV="e/f-v0 g/h-v0")
    assert config.port == 3, "a flag counts before a variable"
    assert config.limits.max_sessions == 20, "a variable counts before the file"
    assert config.envs == ("e/f-v0", "g/h-v0")
    assert config.limits.ttl_s == 60.0, "the file counts before the default"
    assert config.limits.rate.max_rate == 2.5
    assert config.data_roots == (Path("data"),)
    assert config.journal == Path("sessions.db")
    assert config.log_json is True
    assert config.host == "127.0.0.1"
    assert settings("--config", str(file)).envs == ("a/b-v0", "c/d-v0")
    assert settings(CONFIG=str(file)).port == 1, "the file itself can be named by a variable"
    assert settings() == ServerConfig()


def test_unknown_names(settings, tmp_path):
    file = tmp_path / "server.toml"
    file.write_text("max-sessions = 3\n")
    with pytest.raises(UnknownName, match="'max-sessions': did you mean 'max_sessions'"):
        settings("--config", str(file))
    with pytest.raises(UnknownName, match="'TURNWISE_SERVE_PROT': did you mean 'TURNWISE_SERVE_PORT'"):
        settings(PROT="80")
    file.write_text('config = "other.toml"\n')
    with pytest.raises(UnknownName, match="'config'"):
        settings("--config", str(file))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('port = "80"', r"port = '80'; expected a whole number"),
        ("port = true", "expected a whole number"),
        ("max_sessions = 1.5", "expected a whole number"),
        ('ttl = "long"', "expected a number"),
        ("log_json = 1", "expected true or false"),
        ("journal = 1", "expected a path"),
        ('env = "a/b-v0"', "expected a list of texts"),
        ("env = [1]", "expected a list of texts"),
        ("port = ", "Invalid value"),
        ("[port]", "expected a whole number"),
        ("max_burst = 5", "bounds nothing without max_rate"),
        ("max_rate = -1", "max_rate must be at least 0"),
    ],
)
def test_wrong_values(settings, tmp_path, text, told):
    file = tmp_path / "server.toml"
    file.write_text(text + "\n")
    with pytest.raises(UsageError, match=told):
        settings("--config", str(file))


def test_a_missing_file(settings, tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        settings("--config", str(tmp_path / "none.toml"))


def test_help_names_the_variables():
    shown = CliRunner().invoke(command_line, ["serve", "--help"], env={"COLUMNS": "200"}).output
    flags = [word for word in shown.split() if word.startswith("--") and word != "--help"]
    for flag in {flag.rstrip(",.") for flag in flags}:
        assert "TURNWISE_SERVE_" + flag[2:].upper().replace("-", "_") in shown, flag
    assert "the flag counts before" in " ".join(shown.split())


def test_a_port_has_its_range():
    done = CliRunner().invoke(command_line, ["serve", "--port", "99999"])
    assert done.exit_code == 2 and "65535" in done.output


def test_the_end_of_a_device_tells_nothing(monkeypatch):
    with Path("/dev/null").open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with pytest.raises(UsageError, match="--until-eof: standard input is a file or a device"):
            serving.serve(ServerConfig(until_eof=True))
