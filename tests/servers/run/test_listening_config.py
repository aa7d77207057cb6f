"""What listens is declared once: servers, routers, gateways and MCP take the same settings by the same rules.

1. flags and variables of all four become the same fields, and each keeps its own port;
2. each refuses what would let everybody in, and a name that is none;
3. a router counts requests by its own rate, and a body is bounded by what the service takes.
"""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from turnwise.__main__ import app as command_line
from turnwise.agents.gateway.config import GatewayConfig
from turnwise.errors import UsageError
from turnwise.servers.http.control_plane import Application
from turnwise.servers.http.keys import Caller
from turnwise.servers.protocol.limits import Limits, Rate
from turnwise.servers.protocol.problems import Refused
from turnwise.servers.router.config import DoorConfig, FleetConfig
from turnwise.servers.router.run import build_router
from turnwise.servers.run.config import ServerConfig
from turnwise.servers.run.listening_config import Listening, ListeningProcess
from turnwise.servers.run.process import _Server

ASKED = {"host": "0.0.0.0", "port": "0", "key_file": "keys", "allowed_host": "a.example *.b.example"}
LISTENS = Listening(host="0.0.0.0", port=0, key_file=Path("keys"), allowed_hosts=("a.example", "*.b.example"))
LINES: dict[str, list[str]] = {
    "serve": [],
    "router": ["--server", "http://127.0.0.1:1"],
    "gateway": ["--agent", "ckpt:demo"],
    "mcp": ["household/demo-v0", "--http"],
}
RUNS = {
    "serve": "turnwise.servers.run.serve.serve",
    "router": "turnwise.servers.router.run.route",
    "gateway": "turnwise.agents.gateway.serve.serve",
    "mcp": "turnwise.servers.mcp.running.serve_http",
}
_ASKED_FOR_TOKENS = SimpleNamespace(tokens=object(), asked=lambda *_: SimpleNamespace(constraint="none"))
Started = Callable[..., Any]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Return a function that types a command and gives the settings by which it would listen."""

    def call(name: str, *flags: str, **variables: str) -> Any:
        seen: list[Any] = []
        monkeypatch.setattr("turnwise.commands.gateway.make_policy", lambda *_, **__: _ASKED_FOR_TOKENS)
        monkeypatch.setattr("turnwise.servers.run.logs.configure_logs", lambda: None)  # it lasts
        monkeypatch.setattr(RUNS[name], lambda *given: seen.extend(given) or 0)
        line = [name, *LINES[name], *flags]
        env = {f"TURNWISE_{name.upper()}_{key.upper()}": value for key, value in variables.items()}
        done = CliRunner().invoke(command_line, line, env=env, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        if name == "gateway":
            return seen[1].door
        return seen[0].listening if name == "mcp" else seen[0]

    return call


def listening_of(settings: Listening) -> Listening:
    return Listening(**{field.name: getattr(settings, field.name) for field in dataclasses.fields(Listening)})


@pytest.mark.parametrize("name", LINES)
def test_all_that_listen_take_the_same_settings(started: Started, name: str) -> None:
    flags = [
        word
        for key, value in ASKED.items()
        for each in value.split()
        for word in ("--" + key.replace("_", "-"), each)
    ]
    assert listening_of(started(name, *flags)) == LISTENS
    if name != "mcp":  # which has flags alone
        assert listening_of(started(name, **ASKED)) == LISTENS
    port = {"serve": 8000, "router": 8000, "gateway": 8010, "mcp": 8001}[name]
    assert listening_of(started(name)) == Listening(port=port)


@pytest.mark.parametrize("name", ["serve", "router"])
def test_processes_that_listen_end_and_log_by_the_same_settings(started: Started, name: str) -> None:
    flags = ["--port-file", "port", "--max-connections", "7", "--drain", "2.5", "--log-json", "--until-eof"]
    found = started(name, *flags)
    fields = ("port_file", "max_connections", "drain_s", "log_json", "until_eof")
    assert [getattr(found, field) for field in fields] == [Path("port"), 7, 2.5, True, True]


@pytest.mark.parametrize("kind", [Listening, ListeningProcess, ServerConfig, DoorConfig])
def test_nobody_is_let_in_unasked_wherever_it_listens(kind: type[Listening]) -> None:
    with pytest.raises(UsageError, match="nobody would be asked for a key"):
        kind(host="0.0.0.0")
    with pytest.raises(UsageError, match="contradict each other"):
        kind(key_env="KEY", open_to_everyone=True)
    with pytest.raises(UsageError, match="expected a name without scheme and port"):
        kind(allowed_hosts=("http://a.example",))
    assert kind(host="0.0.0.0", key_env="KEY").is_keyed and not kind().is_keyed
    if issubclass(kind, ListeningProcess):
        with pytest.raises(UsageError, match="max_connections must be at least 0, got -1"):
            kind(max_connections=-1)


def test_no_setting_of_what_listens_is_declared_again() -> None:
    own = {kind: set(kind.__annotations__) for kind in (ServerConfig, DoorConfig, GatewayConfig)}
    once = {field.name for field in dataclasses.fields(Listening)} | set(ListeningProcess.__annotations__)
    assert [names & once for names in own.values()] == [set(), set(), {"port_file"}]
    assert not set(Limits.__annotations__) & set(Rate.__annotations__)
    assert GatewayConfig.__annotations__["port_file"] == ListeningProcess.__annotations__["port_file"]


def test_a_router_counts_by_its_own_rate(started: Started) -> None:
    found = started("router", "--max-rate", "0.5", "--max-burst", "2")
    assert found == DoorConfig(rate=Rate(0.5, 2))
    calls = build_router(found, FleetConfig(servers=("http://127.0.0.1:1",)), None).calls
    caller = Caller("somebody")
    calls.admit(caller)
    calls.admit(caller)
    with pytest.raises(Refused, match=r"may make 0\.5 requests a second"):
        calls.admit(caller)
    with pytest.raises(UsageError, match="max_burst 2 bounds nothing without max_rate"):
        Rate(max_burst=2)


def test_a_message_of_a_websocket_is_bounded_as_a_body_of_the_service(make_service: Any) -> None:
    app = Application(make_service(limits=Limits(max_body_bytes=12_345)))
    server = _Server(app, app, ListeningProcess(drain_s=3.0), lambda: None, None, (signal.SIGTERM,))
    assert server.config.ws_max_size == 12_345
    assert server.config.timeout_graceful_shutdown == 3
