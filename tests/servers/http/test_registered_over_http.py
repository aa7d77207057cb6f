"""Every registered environment behind a real server: Gymnasium's check, and the same episode as here.

The async environment plays the same episode too, and so do several side by side."""

from __future__ import annotations

import asyncio
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import turnwise
from turnwise.servers.client.server_process import ServerProcess

DATA = Path(os.environ.get("TURNWISE_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
FILES = {
    "search/qa-v1": {"questions": "qa/hotpot_distractor_100.json"},
    "household/alfworld-v0": {"game_file": "alfworld/example_game_heat/game.tw-pddl"},
    "shopping/webshop-v0": {
        "items": "webshop/items_shuffle_1000.json",
        "instructions": "webshop/items_ins_v2_1000.json",
        "goals": "webshop/goals.json",
        "prices": "webshop/prices.json",
    },
}
TABLE = "rows/table-v0"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a table of questions, which only the operator of a server may name."""
    file = tmp_path_factory.mktemp("table") / "sums.jsonl"
    rows = [{"question": f"{number} + 1?", "answer": str(number + 1)} for number in range(9)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


@pytest.fixture(scope="module")
def server(table: str) -> Iterator[str]:
    """Serve every registered environment, and files of the benchmark data where it exists."""
    roots = ["--data-root", str(DATA)] if DATA.is_dir() else []
    with ServerProcess([*roots, "--argument", f"{TABLE}:data={table}"]) as process:
        yield process.url


ENVIRONMENTS = [
    pytest.param(env_id, marks=[pytest.mark.sandbox] if env_id.startswith("swe/") else [])
    for env_id in sorted(turnwise.registered())
    if env_id != "swe/files-v0"  # needs a repository: tests/envs/swe/instances plays it
]


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_remote_environment_is_the_local_one(env_id: str, server: str, table: str) -> None:
    if env_id in FILES and not DATA.is_dir():
        pytest.skip(f"benchmark data not found at {DATA}; point TURNWISE_DATA to it")
    kwargs = {name: str(DATA / file) for name, file in FILES.get(env_id, {}).items()}
    remote = turnwise.RemoteEnv(server, env_id, **kwargs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(remote, skip_render_check=True)
        here = _episode(turnwise.make(env_id, **kwargs, **({"data": table} if env_id == TABLE else {})))
        assert _episode(remote) == here
    finally:
        remote.close()
    assert asyncio.run(_async_episode(server, env_id, kwargs)) == here


def test_async_environments_of_all_kinds_side_by_side(server: str) -> None:
    ids = [env_id for env_id in sorted(turnwise.registered()) if env_id not in {*FILES, TABLE}]
    ids = [env_id for env_id in ids if not env_id.startswith("swe/")]  # those need sandboxes

    async def together() -> list[list[Any]]:
        return await asyncio.gather(*(_async_episode(server, env_id, {}) for env_id in ids))

    assert len(ids) >= 8
    assert asyncio.run(together()) == [_episode(turnwise.make(env_id)) for env_id in ids]


def test_vector_environment_passes_gymnasiums_check(server: str) -> None:
    envs = turnwise.RemoteVectorEnv(server, "household/demo-v0", 4, split="unseen")
    try:
        observations, infos = envs.reset(seed=[3, 4, 5, 6])
        assert envs.observation_space.contains(observations)
        assert infos["_state_key"].tolist() == [True] * 4
        alone = turnwise.make("household/demo-v0", split="unseen")
        assert [alone.reset(seed=seed)[0] for seed in (3, 4, 5, 6)] == list(observations)
        observations, rewards, terminated, truncated, infos = envs.step(["look"] * 4)
        assert rewards.tolist() == [0.0] * 4
        assert not (terminated.any() or truncated.any())
        envs.reset(seed=[None, 9, None, None], options={"reset_mask": np.array([False, True, False, False])})
        assert [reply.turn for reply in envs.replies] == [1, 0, 1, 1]
    finally:
        envs.close()


def _episode(env: Any) -> list[Any]:
    observation, info = env.reset(seed=5)
    replies: list[Any] = [(observation, info["state_key"])]
    for turn in range(8):
        observation, reward, terminated, truncated, info = env.step(_action(info, turn))
        replies.append((observation, reward, terminated, truncated, info["state_key"]))
        if terminated or truncated:
            break
    return replies


async def _async_episode(server: str, env_id: str, kwargs: dict[str, Any]) -> list[Any]:
    async with turnwise.AsyncRemoteEnv(server, env_id, **kwargs) as env:
        observation, info = await env.reset(seed=5)
        replies: list[Any] = [(observation, info["state_key"])]
        for turn in range(8):
            observation, reward, terminated, truncated, info = await env.step(_action(info, turn))
            replies.append((observation, reward, terminated, truncated, info["state_key"]))
            if terminated or truncated:
                break
        return replies


def _action(info: dict[str, Any], turn: int) -> str:
    admissible = info.get("admissible")
    return str(admissible[7 * turn % len(admissible)]) if admissible else f"try {turn}"
