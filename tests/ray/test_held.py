"""A run that a cluster of Ray holds, on two nodes, with real processes that are killed for real.

What it says of refusals is said by real clusters too; who is started again when, tests/trainers/launch asks.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kills import outcome, twice, victims
from small_run import SMALL, Turnwise

from turnwise.trainers.launch.keeper import last_update

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]
END_S = 280


def eventually(told: Callable[[], Any]) -> Any:
    until = time.monotonic() + END_S
    while not (found := told()):
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)
    return found


def kill(run: Path, what: str) -> None:
    """Kill what is called so by SIGKILL, once it is there."""
    os.kill(eventually(lambda: victims(run).get(what)), signal.SIGKILL)


def finished(process: Any) -> tuple[int, str]:
    said, _ = process.communicate(timeout=END_S)
    return process.returncode, said


def test_the_plan_lies_on_two_nodes_and_what_is_not_there_is_refused(
    cluster: Any, turnwise: Turnwise, tmp_path: Path
) -> None:
    asked = turnwise("launch", "demo", "--ray", cluster.address, "--json", **{"launch.learners": 3})
    refused = turnwise("launch", "demo", "--ray", cluster.address, **{"launch.per_server.gpus": 1})
    code, said = finished(asked)
    assert code == 0, said
    rows = json.loads(said)
    assert [row["process"] for row in rows] == ["server-0", "learner-0", "learner-1", "learner-2"]
    assert len({row["node"] for row in rows}) == 2
    code, said = finished(refused)
    assert code == 2 and "server-0 asks for 1 CPUs, 1 GPUs and 1.0 GiB, and no node of the cluster" in said
    assert not (tmp_path / "runs").exists()


def test_a_run_whose_server_and_learner_are_killed_is_the_run_left_alone(
    cluster: Any, turnwise: Turnwise, tmp_path: Path
) -> None:
    alone = turnwise("train", "demo", "--out", "alone", **SMALL)
    held = turnwise("train", "demo", "--out", "held", "--ray", cluster.address, **SMALL)
    kill(tmp_path / "held", "process of server-0")  # while the learner starts
    eventually(lambda: last_update(tmp_path / "held") >= 1)
    kill(tmp_path / "held", "actor of learner-0")
    code, said = finished(held)
    assert code == 0, said
    assert "server-0 at 127.0.0.1 was killed by SIGKILL" in said
    assert "learner-0 at 127.0.0.1 has lost its actor" in said
    assert finished(alone)[0] == 0
    assert outcome(tmp_path / "held") == outcome(tmp_path / "alone")
    assert twice(tmp_path / "held") == 0


@pytest.mark.slow
def test_what_is_killed_again_and_again_ends_the_run(
    cluster: Any, turnwise: Turnwise, tmp_path: Path
) -> None:
    held = turnwise(
        "train", "demo", "--out", "held", "--ray", cluster.address, **SMALL, **{"launch.restarts": 1}
    )
    for _ in range(2):
        kill(tmp_path / "held", "process of server-0")
    code, said = finished(held)
    assert code == 1
    assert "server-0 at 127.0.0.1 was killed by SIGKILL" in said
    assert "it was started again 1 times since the last update and is not any more (launch.restarts)" in said
    assert not victims(tmp_path / "held")


@pytest.mark.slow
def test_two_servers_two_learners_and_one_of_each_killed(
    cluster: Any, turnwise: Turnwise, tmp_path: Path
) -> None:
    several = {
        "launch.learners": 2,
        "launch.servers": 2,
        "launch.per_server.cpus": 0.5,
        "launch.per_learner.cpus": 0.5,
    }
    alone = turnwise("train", "demo", "--out", "alone", **SMALL, **{"launch.learners": 2})
    assert finished(alone)[0] == 0
    held = turnwise("train", "demo", "--out", "held", "--ray", cluster.address, **SMALL, **several)
    eventually(lambda: last_update(tmp_path / "held") >= 1)
    kill(tmp_path / "held", "process of server-1")
    kill(tmp_path / "held", "process of learner-1")
    code, said = finished(held)
    assert code == 0, said
    assert outcome(tmp_path / "held") == outcome(tmp_path / "alone")


@pytest.mark.slow
def test_ctrl_c_saves_and_leaves_nothing(cluster: Any, turnwise: Turnwise, tmp_path: Path) -> None:
    held = turnwise(
        "train",
        "demo",
        "--out",
        "held",
        "--ray",
        cluster.address,
        **{**SMALL, "train.num_updates": 50, "train.save_every": 50},
    )
    eventually(lambda: last_update(tmp_path / "held") >= 1)
    held.send_signal(signal.SIGINT)
    code, said = finished(held)
    assert code == 130, said
    assert list((tmp_path / "held" / "checkpoints").glob("update-*")) and "--resume --out held" in said
    assert not victims(tmp_path / "held") and not list(tmp_path.glob("turnwise-launch-*"))
    more = last_update(tmp_path / "held") + 1
    code, said = finished(turnwise("train", "--resume", "--out", "held", **{"train.num_updates": more}))
    assert code == 0 and last_update(tmp_path / "held") == more, said


@pytest.mark.slow
def test_a_lost_node_is_replaced_by_another(cluster: Any, turnwise: Turnwise, tmp_path: Path) -> None:
    node = cluster.add_node(
        node_ip_address="127.0.0.1", num_cpus=4, memory=4 << 30, object_store_memory=100_000_000
    )
    wide = {"launch.per_server.cpus": 1.5, "launch.per_learner.cpus": 1.5}  # both only fit on the new one
    held = turnwise("train", "demo", "--out", "held", "--ray", cluster.address, **SMALL, **wide)
    eventually(lambda: last_update(tmp_path / "held") >= 1)
    cluster.remove_node(node, allow_graceful=False)
    code, said = finished(held)
    assert code == 0, said
    assert "has lost its actor" in said


@pytest.mark.slow
def test_what_answers_and_is_no_ray_is_said(turnwise: Turnwise) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        code, said = finished(turnwise("launch", "demo", "--ray", f"127.0.0.1:{server.getsockname()[1]}"))
    assert code == 1 and "what answers there is no cluster to join" in said
