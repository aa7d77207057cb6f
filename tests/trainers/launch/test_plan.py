"""Which processes a recipe asks for, what each is told, and what is refused before any is started."""

from __future__ import annotations

import ast
import json
import socket
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turnwise.errors import UsageError
from turnwise.trainers.launch import commands
from turnwise.trainers.launch.addresses import reached_engines, reached_server
from turnwise.trainers.launch.commands import At, Job, command_of, key_of
from turnwise.trainers.launch.keeper import Spot
from turnwise.trainers.launch.plan import lines
from turnwise.trainers.launch.ray import joined
from turnwise.trainers.launch.roles import Role, roles_of
from turnwise.trainers.recipe import from_tables, load
from turnwise.trainers.runs.alike import may_change

ROOT = Path(__file__).resolve().parents[3]
VLLM: dict[str, Any] = {"kind": "vllm", "checkpoint": "somewhere"}


@pytest.mark.parametrize(
    ("tables", "held", "names"),
    [
        ({}, True, "server-0 learner-0"),
        ({}, False, "learner-0"),
        ({"server": {"spawn": True}}, False, "server-0 learner-0"),
        ({"server": {"url": "http://127.0.0.1:8000", "spawn": True}}, True, "learner-0"),
        ({"launch": {"servers": 2, "learners": 2}}, True, "server-0 server-1 router learner-0 learner-1"),
        ({"launch": {"servers": 2}, "server": {"spawn": True}}, False, "server-0 learner-0"),
        ({"policy": VLLM, "launch": {"engines": 2}}, True, "server-0 engine-0 engine-1 learner-0"),
        ({"policy": {**VLLM, "engine": {"urls": ["http://127.0.0.1:1"]}}}, True, "server-0 learner-0"),
        ({"offline": {"trajectories": ["x"]}, "eval": {"episodes": 0}}, True, "learner-0"),
        ({"offline": {"trajectories": ["x"]}, "eval": {"episodes": 1}}, True, "server-0 learner-0"),
        ({"harness": {"command": "play", "posted": True}}, True, "learner-0"),
    ],
)
def test_the_processes_of_a_recipe(tables: dict[str, Any], held: bool, names: str) -> None:
    assert [role.name for role in roles_of(from_tables(tables), held=held)] == names.split()


def test_the_plan_is_a_table_with_its_sum() -> None:
    launch = {"learners": 2, "per_learner": {"gpus": 0.5, "gib": 12}, "per_server": {"cpus": 2}}
    roles = roles_of(from_tables({"launch": launch}), held=True)
    assert lines(roles, {"server-0": "10.0.0.1 (abc)", "learner-1": "10.0.0.2 (def)"}) == [
        "process    does                       node             CPUs  GPUs    GiB",
        "server-0   serves environments        10.0.0.1 (abc)      2     0      1",
        "learner-0  plays episodes and learns  this machine        1   0.5     12",
        "learner-1  has a part of the weights  10.0.0.2 (def)      1   0.5     12",
        "together                                                  4     1     25",
    ]


def test_where_it_is_computed_may_change_when_a_run_goes_on() -> None:
    assert may_change("launch.servers") and may_change("server.url") and not may_change("policy.dtype")
    assert may_change("policy.engine.urls") and not may_change("policy.engine.arguments")


def at(*names: str) -> dict[str, At]:
    return {name: At("127.0.0.1", Spot(f"/f/{name}", "py", 7000 + n)) for n, name in enumerate(names)}


def job(**tables: Any) -> Job:
    return Job(from_tables(tables), Path("/runs/a"), "key", "inner")


def test_a_learner_is_told_where_environments_and_engines_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, role = job(policy=VLLM), Role("learner", 0, load("demo").launch.per_learner)
    command = command_of(asked, role, at("server-0", "engine-0", "engine-1", "learner-0"), ("--resume",))
    assert command.words == (
        "py", "-m", "turnwise", "train", "/f/learner-0/recipe.toml", "--out", "/runs/a", "--resume"
    )  # fmt: skip
    assert from_tables(tomllib.loads(command.files["recipe.toml"])) == asked.recipe, "which keeps no address"
    for name, value in command.env.items():
        monkeypatch.setenv(name, value)
    assert reached_server(asked.recipe.server).url == "http://127.0.0.1:7000"
    engines = reached_engines(asked.recipe.policy).engine
    assert engines.urls == ("http://127.0.0.1:7001", "http://127.0.0.1:7002")
    assert command.env["TURNWISE_KEY"] == "key"


def test_a_learner_is_told_of_no_server_where_the_recipe_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = job(server={"url": "http://10.0.0.9:8000"})
    command = command_of(asked, Role("learner", 0, asked.recipe.launch.per_learner), at("learner-0"))
    for name, value in command.env.items():
        monkeypatch.setenv(name, value)
    assert reached_server(asked.recipe.server) is asked.recipe.server
    assert reached_engines(asked.recipe.policy) is asked.recipe.policy


def test_a_server_behind_a_router_lets_nobody_else_in_from_the_first_start_on() -> None:
    share = load("demo").launch.per_server
    words = command_of(job(launch={"servers": 2}), Role("server", 0, share), at("server-0"))
    assert words.files == {"keys": "router inner router\n"} and "TURNWISE_KEY" not in words.env
    assert {"--name", "--key-file"} <= set(words.words) and "--key-env" not in words.words
    alone = command_of(job(), Role("server", 0, share), at("server-0"))
    assert alone.env["TURNWISE_KEY"] == "key" and "--key-env" in alone.words and not alone.files


def test_an_engine_listens_where_it_is_held_and_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    from turnwise.trainers.fit import shapes

    config = SimpleNamespace(get_text_config=lambda: SimpleNamespace(max_position_embeddings=512))
    monkeypatch.setattr(shapes, "config_of", lambda *_: config)
    monkeypatch.setattr(commands, "named_policy", lambda *_: "/models/small")
    policy = {**VLLM, "engine": {"python": sys.executable}}
    asked = job(policy=policy, rollout={"max_episode_tokens": 2048})
    command = command_of(asked, Role("engine", 0, asked.recipe.launch.per_engine), at("engine-0"))
    words = " ".join(command.words)
    assert words.startswith(f"{sys.executable} -m vllm.entrypoints.openai.api_server --model /models/small ")
    assert "--host 127.0.0.1 --port 7000" in words and "--max-model-len 512" in words
    assert "--enforce-eager" in words and "--uds" not in words
    assert command.answers == ("127.0.0.1", 7000) and "TURNWISE_KEY" not in command.env
    assert command.env["VLLM_NO_USAGE_STATS"] == "1" and "PATH" not in command.env


def test_the_key_is_made_for_servers_of_the_run_and_that_of_the_user_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TURNWISE_KEY", "the user's")
    foreign = from_tables({"server": {"url": "http://127.0.0.1:8000"}})
    assert key_of(foreign, "made") == "the user's" and key_of(from_tables({}), "made") == "made"


@pytest.mark.parametrize("address", ["here", "127.0.0.1", "ray://127.0.0.1:10001", ":6379", "127.0.0.1:x"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(UsageError, match=r"expected HOST:PORT of a cluster's head"), joined(address, "run"):
        pass


def test_nobody_answers(here: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = here("launch", "tiny", "--ray", f"127.0.0.1:{port}")
    assert done.returncode == 1 and f"--ray 127.0.0.1:{port}: nobody answers there" in done.stderr


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "")
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UsageError, match=r"pip install 'turnwise\[ray\]'"), joined(address, "run"):
            pass


def test_launch_shows_the_plan_and_what_starts_it(here: Any, tmp_path: Path) -> None:
    done = here("launch", "tiny", "--set", "launch.learners=2", "--json")
    assert [(row["process"], row["node"]) for row in json.loads(done.stdout)] == [
        ("server-0", "this machine"), ("learner-0", "this machine"), ("learner-1", "this machine"),
    ]  # fmt: skip
    done = here("launch", "tiny", "--set", "launch.learners=2")
    assert done.stdout.endswith("turnwise train tiny --set launch.learners=2\n")
    assert not any(tmp_path.iterdir())


def test_one_file_imports_ray() -> None:
    found = set()
    rooms = [ROOT / name for name in ("envs", "servers", "agents", "trainers", "src/turnwise")]
    for file in (file for room in rooms for file in room.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.split(".")[0] == "ray" for name in names):
                found.add(file.name)
    assert found == {"ray.py"}


def test_a_plan_that_does_not_fit_says_what_was_asked_and_what_is_there() -> None:
    from turnwise.trainers.launch.ray import RayCluster

    node = {"Alive": True, "Resources": {"CPU": 2.0, "memory": 4.0 * (1 << 30)}}
    ray = SimpleNamespace(nodes=lambda: [node, node, {**node, "Alive": False}])
    roles = roles_of(from_tables({"launch": {"learners": 4}}), held=True)
    cluster = RayCluster(ray, "run")
    with pytest.raises(
        UsageError, match=r"^5 processes ask for 5 CPUs, 0 GPUs and 5.0 GiB, .* 4 CPUs, .* 8.0 GiB"
    ):
        cluster._check(roles)
    big = roles_of(from_tables({"launch": {"per_server": {"gpus": 1}}}), held=True)
    with pytest.raises(UsageError, match=r"server-0 asks for 1 CPUs, 1 GPUs .* 2 nodes .* launch.per_server"):
        cluster._check(big)
