"""Clients of hosted runs: `turnwise eval`, the same file played here, and one without our package."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from turnwise.__main__ import app
from turnwise.agents.evaluation.config import EVALUATION
from turnwise.agents.evaluation.hosted import declaration, evaluate_hosted
from turnwise.agents.policies.by_name import make_policy
from turnwise.agents.prompts.config import PromptConfig
from turnwise.agents.stored import StoredTrajectories
from turnwise.errors import RequestRefused, ServerError, UsageError
from turnwise.servers.benchmarks.file import load
from turnwise.servers.benchmarks.signing import Operator, keys_in
from turnwise.servers.benchmarks.verify import check
from turnwise.servers.client.hosted import HostedClient, hosted_here, hosted_there
from turnwise.servers.http.key_file import KeyFile
from turnwise.servers.http.keys import Caller
from turnwise.servers.pages.guard import Guard
from turnwise.servers.run.build import load_keys, load_offer
from turnwise.servers.run.config import ServerConfig
from turnwise.servers.run.serve import serve
from turnwise.trainers.pages.site import site

from .conftest import FILE, SECRETS, VAULT, Hosted, deal, start

ROOT = Path(__file__).resolve().parents[3]
CONFIG = replace(EVALUATION, deterministic=False)


def client_of(hosted: Hosted, key: str = "red") -> HostedClient:
    network = httpx.ASGITransport(app=hosted.app)
    return hosted_there("http://test", SECRETS[key], network=network, budget_s=0.5)


async def evaluated(client: HostedClient, agent: str = "random", **more: Any) -> dict[str, Any]:
    policy = make_policy(agent)
    try:
        return await evaluate_hosted(client, policy, "vaults", agent=agent, config=CONFIG, **more)
    finally:
        await client.aclose()
        await policy.aclose()


def test_an_agent_plays_a_hosted_run_to_its_record(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)

    async def play() -> None:
        seen = []
        envelope = await evaluated(client_of(hosted), out=tmp_path / "out", on_task=seen.append)
        assert len(seen) == 3 and all(one.episode_return == 0.0 for one in seen)
        measured = envelope["record"]["measured"]
        assert measured["closed"] == "done" and measured["finished"] == 3
        assert envelope["record"]["declared"]["agent"] == "random"
        assert check(envelope, {key.id: key for key in hosted.operator.keys}).problems == ()
        assert json.loads((tmp_path / "out" / "record.json").read_text()) == envelope
        with StoredTrajectories(tmp_path / "out") as stored:
            kept = stored.rows().rows
            assert [row.seed for row in kept] == [0, 1, 2] and all(row.session for row in kept)
            assert all(turn.prompt for turn in stored.read(kept[0]).turns)
            told = [(task["success"], task["score"]) for task in measured["tasks"]]
            assert [(row.success, row.score) for row in kept] == told and {True, False} >= {
                one for one, _ in told
            }
            assert [stored.read(row).success for row in kept] == [success for success, _ in told]
        assert [each.name for each in (tmp_path / "out" / "trajectories").glob("*.new")] == []
        await evaluated(client_of(hosted), out=tmp_path / "out")  # the same run: nothing is played again
        assert len(hosted.hosting.book.runs) == 1
        with pytest.raises(UsageError, match=r"of a run of another config .*choose another folder"):
            other = PromptConfig(mode="window")
            await evaluated(client_of(hosted), out=tmp_path / "out", prompt=other)
        with pytest.raises(UsageError, match=r"of a run of another key \(key red\); choose another folder"):
            await evaluated(client_of(hosted, "blue"), out=tmp_path / "out")
        assert len(hosted.hosting.book.runs) == 1
        assert json.loads((tmp_path / "out" / "record.json").read_text())["record"] == envelope["record"]
        await evaluated(client_of(hosted))
        with pytest.raises(RequestRefused, match="attempts_used"):
            await evaluated(client_of(hosted), out=tmp_path / "refused")
        assert not (tmp_path / "refused").exists()
        await hosted.service.aclose(1.0)

    asyncio.run(play())


def test_a_client_that_was_killed_goes_on_with_its_run(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)

    async def play() -> None:
        out = tmp_path / "out"
        first = client_of(hosted)
        said = declaration(make_policy("random"), CONFIG, None)
        out.mkdir()
        kept = {"benchmark": "vaults", "server": first.transport.address, "agent": "random", "config": said}
        kept["key"] = "red"
        kept["request_id"] = "once"
        (out / "run.json").write_text(json.dumps(kept))
        async with hosted.client() as http:
            run = await start(http, agent="random", config=said, request_id="once")
            reply = (await deal(http, run, 0))["session"]
        envelope = await evaluated(first, out=out)
        assert envelope["record"]["run"] == run
        assert envelope["record"]["measured"]["finished"] == 3
        assert hosted.hosting.book.runs[run].dealt[0].session == reply["id"]
        await hosted.service.aclose(1.0)

    asyncio.run(play())


def test_an_agent_that_needs_more_than_is_shown_is_refused(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)

    async def play() -> None:
        with pytest.raises(UsageError, match="more than a hosted run shows"):
            await evaluated(client_of(hosted), "expert")
        assert hosted.hosting.book.runs == {}
        await hosted.service.aclose(1.0)

    asyncio.run(play())


def test_the_same_file_is_played_here_in_its_public_split(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)
    hosted.kill()
    name, client = hosted_here(hosted.file)
    envelope = asyncio.run(evaluated(client))
    assert name == "vaults" and set(envelope) == {"record"}
    assert envelope["record"]["benchmark"]["split"] == "public"
    assert envelope["record"]["measured"]["finished"] == 3


def test_a_run_is_withdrawn_by_its_record(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)
    asyncio.run(_recorded(hosted, tmp_path / "out"))
    record, operator, runner = tmp_path / "out" / "record.json", str(tmp_path / "operator"), CliRunner()
    run = json.loads(record.read_text())["record"]["run"]
    request = tmp_path / "operator" / "private" / "withdraw" / f"{run}.json"
    asked = runner.invoke(app, ["operator", "withdraw", operator, str(record), "--reason", "a person"])
    assert asked.exit_code == 0 and f"run {run} will be withdrawn" in asked.stdout
    assert json.loads(request.read_text()) == {"run": run, "reason": "a person"}
    for words in ('{"record": {}}', '{"record": 1}', "{}"):
        record.write_text(words)
        refused = runner.invoke(app, ["operator", "withdraw", operator, str(record), "--reason", "a person"])
        assert isinstance(refused.exception, UsageError) and "names no run" in str(refused.exception)
    endless = runner.invoke(app, ["operator", "withdraw", operator, "r" * 5000, "--reason", "a person"])
    assert isinstance(endless.exception, UsageError) and "is no id of a run" in str(endless.exception)


def test_whoever_has_the_keys_sees_the_boards_of_hosted_runs(tmp_path: Path) -> None:
    hosted, root = Hosted(tmp_path), tmp_path / "runs"
    asyncio.run(_recorded(hosted, root / "out"))
    for keys, shown in ((None, "no keys were given"), (tmp_path / "operator" / "keys.json", "board?of=")):
        app_of_pages = site(root, None if keys is None else keys_in(keys))
        listed = TestClient(Guard(app_of_pages, "word"), base_url="http://127.0.0.1/word/").get("boards").text
        assert shown in listed and ("no keys were given" in listed) is (keys is None)
    for words, wrong in ((["http://127.0.0.1:1"], "shows its own boards"), ([str(root)], "expected a file")):
        refused = CliRunner().invoke(app, ["view", *words, "--keys", str(tmp_path / "none.json")])
        assert isinstance(refused.exception, UsageError) and wrong in str(refused.exception)


@pytest.mark.parametrize("part", ["declared", "measured", "benchmark"])
@pytest.mark.parametrize("wrong", [None, 1, "x", []], ids=repr)
def test_a_record_that_is_not_in_form_is_said_to_be(
    part: str, wrong: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = Hosted(tmp_path)
    hosted.kill()
    finish = HostedClient.finish

    async def bent(client: HostedClient) -> dict[str, Any]:
        envelope = await finish(client)
        envelope["record"][part] = wrong
        return envelope

    monkeypatch.setattr(HostedClient, "finish", bent)
    found = CliRunner().invoke(app, ["eval", "--benchmark", str(hosted.file), "--agent", "random"])
    assert isinstance(found.exception, ServerError) and "not in the form of one" in str(found.exception)


def test_the_commands_of_operator_and_verifier(tmp_path: Path) -> None:
    hosted = Hosted(tmp_path)
    operator, runner = str(tmp_path / "operator"), CliRunner()
    asyncio.run(_recorded(hosted, tmp_path / "out"))
    record, keys = tmp_path / "out" / "record.json", tmp_path / "keys.json"
    keys.write_text(runner.invoke(app, ["operator", "public", operator]).stdout)
    sound = runner.invoke(app, ["verify", str(record), "--keys", str(keys)])
    assert sound.exit_code == 0 and "sound" in sound.stdout
    twice = runner.invoke(app, ["verify", str(record), str(record), "--keys", str(keys), "--json"])
    assert twice.exit_code == 1 and "same run" in twice.stdout
    other = runner.invoke(app, ["verify", str(record), "--keys", str(keys), "--benchmark", "0" * 64])
    assert other.exit_code == 1
    grown = ["verify", str(record), "--keys", str(keys), "--witnessed", str(keys), "--growth", str(keys)]
    no_head = runner.invoke(app, grown)
    assert isinstance(no_head.exception, UsageError) and "as GET /v1/log gives" in str(no_head.exception)
    record.write_text(record.read_text().replace('"agent": "random"', '"agent": "better"'))
    forged = runner.invoke(app, ["verify", str(record), "--keys", str(keys)])
    assert forged.exit_code == 1 and "WRONG" in forged.stdout
    for words in (["rotate", operator], ["revoke", operator, "--reason", "lost"]):
        assert runner.invoke(app, ["operator", *words]).exit_code == 0
    kept = json.loads(runner.invoke(app, ["operator", "public", operator]).stdout)["keys"]
    assert [bool(key["revoked"]) for key in kept] == [False, True, False]
    late = runner.invoke(
        app, ["operator", "revoke", operator, "--key", kept[0]["id"]]
    )  # rotated, then revoked
    assert f"key {kept[0]['id']} is revoked; key {kept[2]['id']} signs now" in late.stdout
    again = runner.invoke(app, ["operator", "revoke", operator, "--key", kept[0]["id"]])
    assert isinstance(again.exception, UsageError) and f"expected one of {kept[2]['id']}" in str(
        again.exception
    )
    kept = json.loads(runner.invoke(app, ["operator", "public", operator]).stdout)["keys"]
    assert [bool(key["revoked"]) for key in kept] == [True, True, False]
    never = runner.invoke(app, ["operator", "reveal", operator, "vault", "1"])
    assert isinstance(never.exception, UsageError) and "vaults 1" in str(never.exception)
    hosted.start()  # a version that was hosted may be hosted again, until it is revealed
    told = json.loads(runner.invoke(app, ["operator", "reveal", operator, "vaults", "1"]).stdout)
    assert told["secret_sha256"] == hosted.hosting.benchmarks["vaults"].told["secret_sha256"]
    hosted.kill()
    with pytest.raises(UsageError, match=r"revealed.*version = 2"):
        hosted.start()


def test_a_refusal_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, pytest.raises(ModuleNotFoundError):
        patched.setitem(sys.modules, "cryptography.hazmat.primitives", None)
        Operator.new(tmp_path / "operator")
    (tmp_path / "keys").write_text(f"red {SECRETS['red']} benchmark=vaults\n")
    (tmp_path / "vaults.toml").write_text(FILE.format(top="", budget="", env=VAULT))
    config = ServerConfig(
        benchmarks=[tmp_path / "vaults.toml"],
        operator=tmp_path / "operator",
        journal=tmp_path / "runs.db",
        key_file=tmp_path / "keys",
    )
    with pytest.raises(UsageError, match="holds no secret"):
        serve(config)
    assert {file.name for file in tmp_path.iterdir()} == {"keys", "vaults.toml"}


def test_a_port_that_is_taken_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"red {SECRETS['red']} benchmark=vaults\n")
    (tmp_path / "vaults.toml").write_text(FILE.format(top="", budget="", env=VAULT))
    Operator.new(tmp_path / "operator")
    before = sorted(tmp_path.rglob("*"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = ServerConfig(
            port=taken.getsockname()[1],
            benchmarks=[tmp_path / "vaults.toml"],
            operator=tmp_path / "operator",
            journal=tmp_path / "runs.db",
            key_file=tmp_path / "keys",
        )
        with pytest.raises(UsageError, match="cannot listen"):
            serve(config)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_key_of_a_benchmark_that_is_not_hosted_is_named_with_those_that_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", logger="turnwise.servers")
    (tmp_path / "keys").write_text(f"red {SECRETS['red']} benchmark=vaults,coins\n")
    (tmp_path / "vaults.toml").write_text(FILE.format(top="", budget="", env=VAULT))
    Operator.new(tmp_path / "operator")
    config = ServerConfig(
        port=0,
        benchmarks=[tmp_path / "vaults.toml"],
        operator=tmp_path / "operator",
        journal=tmp_path / "runs.db",
        key_file=tmp_path / "keys",
    )
    with pytest.raises(UsageError, match="'red' in the key file plays 'coins', and this server hosts vaults"):
        serve(config)
    assert not (tmp_path / "runs.db").exists()
    red = f"red {SECRETS['red']} benchmark=vaults\n"
    (tmp_path / "keys").write_text(red)
    keys = load_keys(config)
    assert isinstance(keys, KeyFile)
    load_offer(config, keys)
    for line, wrong in ((f"blue {SECRETS['blue']} benchmark=coins\n", True), ("# blue\n", False)):
        (tmp_path / "keys").write_text(red + line)  # and no better while the server runs
        caplog.clear()
        monkeypatch.setattr(keys, "_look_at", 0.0)
        assert keys.identify(f"Bearer {SECRETS['red']}".encode()) == Caller("red", True, ("vaults",))
        assert keys.identify(f"Bearer {SECRETS['blue']}".encode()) is None
        assert ("this server hosts vaults" in caplog.text) is wrong
        assert caplog.text.endswith("keys: red (vaults)\n") is not wrong


def test_an_agent_that_can_say_nothing_is_told_in_which_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TURNWISE_KEY", raising=False)
    words = ["--benchmark", "office", "--agent", "random"]
    keyless = CliRunner().invoke(app, ["eval", "--hosted", "http://127.0.0.1:1", *words])
    assert isinstance(keyless.exception, UsageError) and "set TURNWISE_KEY" in str(keyless.exception)
    budget = "[budget]\nturns = 9\nseconds = 99.0\nattempts_per_week = 1\n"
    office = '[[environments]]\nid = "calling/office-v1"\ntasks = 4\n'
    (tmp_path / "office.toml").write_text(f'name = "office"\nversion = 1\n{budget}{office}')
    words[1] = str(tmp_path / "office.toml")
    stopped = CliRunner().invoke(app, ["eval", *words])
    assert str(stopped.exception).startswith("calling/office-v1: the random policy")


async def _recorded(hosted: Hosted, out: Path) -> None:
    await evaluated(client_of(hosted), out=out)
    await hosted.service.aclose(1.0)


def test_the_benchmark_that_ships_is_sound() -> None:
    benchmark = load(ROOT / "benchmarks" / "hosted" / "four_worlds.toml")
    assert benchmark.num_tasks == 80 and benchmark.split == "public"


def test_the_example_without_our_package_is_short() -> None:
    lines = (ROOT / "docs" / "examples" / "play_hosted.py").read_text().splitlines()
    assert len(lines) <= 50 and not any("turnwise." in line or "import turnwise" in line for line in lines)
