"""A chat endpoint plays a hosted run: its settings and what it cost are declared in the record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_endpoint import answer, served
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.servers.benchmarks.signing import Operator, read_keys
from turnwise.servers.benchmarks.verify import check
from turnwise.servers.client.server_process import ServerProcess

VAULT = f"{Path(__file__).parents[2] / 'servers' / 'benchmarks' / 'vaults.py'}:Vault"
SECRET = "endpoint-secret-0123456789"
BENCHMARK = f"""
name = "vaults"
version = 1
budget = {{turns = 3, seconds = 600.0, attempts_per_week = 1, parallel = 2}}
environments = [{{id = "{VAULT}", tasks = 3, secret = ["world_seed"]}}]
"""
PRICES = ["-a", "input_price=10.0", "-a", "output_price=100.0", "-a", "seeded=false"]


def test_its_settings_and_its_bill_stand_in_the_record(tmp_path: Path) -> None:
    Operator.new(tmp_path / "operator")
    (tmp_path / "vaults.toml").write_text(BENCHMARK)
    (tmp_path / "keys").write_text(f"ann {SECRET} benchmark=vaults\n")
    (tmp_path / "keys").chmod(0o600)
    asked = []

    def document(body: dict) -> tuple[int, object]:
        asked.append(body)
        return 200, answer("<action>open 0</action>")

    names = {"benchmark": "vaults.toml", "operator": "operator", "journal": "runs.db", "key-file": "keys"}
    flags = [word for name, file in names.items() for word in (f"--{name}", str(tmp_path / file))]
    with served(document) as agent, ServerProcess(["--env", VAULT, *flags]) as server:
        words = ["--hosted", server.url, "--benchmark", "vaults", "--agent", agent, "--temperature", "0.5"]
        command = ["eval", *words, *PRICES, "--out", str(tmp_path / "out")]
        env = {"TURNWISE_KEY": SECRET}
        done = CliRunner().invoke(app, command, env=env)
        again = CliRunner().invoke(app, [*command, "--json"], env=env)  # over: nothing is asked again
    assert done.exit_code == 0, done.output
    envelope = json.loads((tmp_path / "out" / "record.json").read_text())
    declared, measured = envelope["record"]["declared"], envelope["record"]["measured"]
    assert declared["agent"] == "openai:m" and declared["config"]["sampling"]["temperature"] == 0.5
    assert declared["config"]["policy"] == {"seeded": False}
    assert declared["config"]["prompt"]["mode"] == "conversation"
    num = len(asked)
    assert num == measured["turns"] > 3
    assert declared["spent"] == {
        "cost": pytest.approx(0.002 * num),
        "prompt_tokens": 100 * num,
        "completion_tokens": 10 * num,
    }
    tokens = f"{100 * num} prompt tokens, {10 * num} completion tokens"
    assert f"spent  {tokens}, {0.002 * num:.4f} US dollars, as declared" in done.stdout
    keys = read_keys((tmp_path / "operator" / "keys.json").read_bytes(), "keys")
    assert check(envelope, keys).problems == ()
    assert json.loads(again.stdout)["record"] == envelope["record"]
