"""What a client cannot do is said at once and in words; what it can, it does."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import multiprocessing
import pickle
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import turnwise
from turnwise.envs.seeds import SEED_END, checked_seed
from turnwise.errors import ServerError, UnknownName, UsageError
from turnwise.servers.client.address import checked_address, proxy_of
from turnwise.servers.client.client import connect
from turnwise.servers.client.server_process import ServerProcess
from turnwise.servers.http.keys import Caller, Keys
from turnwise.servers.protocol.types import CreateItem, StepItem

COUNTER = f"{(Path(__file__).parents[1] / 'worlds.py')}:Counter"
KEY = "a-secret-of-enough-length"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"ann {KEY}\n")
    with ServerProcess(["--env", COUNTER, "--key-file", str(keys)]) as server:
        yield server


@pytest.fixture(params=["local", "remote"])
def env(request, server):
    url, key = ("local:", None) if request.param == "local" else (server.url, KEY)
    env = turnwise.RemoteEnv(url, COUNTER, key=key)
    yield env
    env.close()


def held(server: ServerProcess) -> int:
    headers = {"authorization": f"Bearer {KEY}"}
    return len(httpx.get(f"{server.url}/v1/sessions", headers=headers).json()["sessions"])


def test_a_misspelt_environment_is_refused_when_it_is_made(server):
    wrong = COUNTER.replace("Counter", "Countre")
    for make in (turnwise.RemoteEnv, lambda *a, **k: turnwise.RemoteVectorEnv(*a, 2, **k)):
        with pytest.raises(UnknownName, match=r"did you mean '.*:Counter'"):
            make(server.url, wrong, key=KEY)
        with pytest.raises(UnknownName, match="did you mean 'household/demo-v0'"):
            make("local:", "household/dem-v0")
        make(server.url, COUNTER, key="another-secret-of-length").close()  # reset is refused, and says why

    async def at_the_start_of_a_block() -> None:
        async with turnwise.AsyncRemoteEnv(server.url, wrong, key=KEY):
            raise AssertionError

    with pytest.raises(UnknownName, match="its operator adds one with --env"):
        asyncio.run(at_the_start_of_a_block())
    assert held(server) == 0


@pytest.mark.parametrize("around", ["\n", " ", "\r\n", "\t"])
def test_a_key_read_from_a_file_works(server, around):
    with turnwise.RemoteEnv(server.url, COUNTER, key=f"{around}{KEY}{around}") as env:
        assert env.reset(seed=1)[1]["task"] == "count-1"


def test_the_key_of_the_environment_is_taken_where_none_is_given(server, monkeypatch):
    monkeypatch.setenv("TURNWISE_KEY", KEY)
    with turnwise.RemoteEnv(server.url, COUNTER) as env:
        env.reset(seed=1)
    with (
        pytest.raises(ServerError, match="401"),
        turnwise.RemoteEnv(server.url, COUNTER, key=KEY[::-1]) as env,
    ):
        env.reset(seed=1)


@pytest.mark.parametrize("key", ["a\nsecret-of-length", "a secret", "a\u00e9b-secret", "a\0b", "", "\n"])
def test_a_key_that_no_header_carries_is_refused_at_once(key):
    with pytest.raises(UsageError, match="the key") as caught:
        connect("http://127.0.0.1:9", key)
    assert "secret" not in str(caught.value)


def test_nor_does_a_server_take_one():
    with pytest.raises(UsageError, match="no header carries") as caught:
        Keys({"a-secret-of-\u00e9nough-length": Caller("ann")})
    assert "nough" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000",
        "http://",
        "http://a:99999",
        "http://a:x",
        "http://a:0",
        "ftp://a",
        "http://[::1",
        "http://a/?q=1",
        "http://a b",
        "http://a\n",
        "http://a/#f",
    ],
)
def test_an_address_that_is_none_is_refused_at_once(url):
    with pytest.raises(UsageError, match="server address"):
        connect(url)
    assert checked_address("https://a.example/base/") == "https://a.example/base"


def test_proxies_of_the_environment(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "near.example")
    with turnwise.RemoteEnv(server.url, COUNTER, key=KEY) as env:
        env.reset(seed=1)
        assert env.step("go")[0].startswith("turn 1")
    with ServerProcess(["--env", COUNTER]) as other:
        assert other.url
    assert proxy_of("http://far.example:8000") == "http://127.0.0.1:9"
    assert proxy_of("http://near.example:8000") is None
    assert [proxy_of(f"http://{host}:1") for host in ("localhost", "127.9.9.9", "[::1]")] == [None] * 3


def child(env, answers) -> None:
    try:
        env.step("go")
    except UsageError as error:
        answers.put(str(error))
    finally:
        answers.close()
        answers.join_thread()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told_so(env):
    env.reset(seed=1)
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    process = fork.Process(target=child, args=(env, answers))
    process.start()
    assert "forked" in answers.get(timeout=20)
    process.join(20)
    assert process.exitcode == 0
    assert env.step("go")[0].startswith("turn 1"), "the parent goes on"


def test_what_is_collected_is_closed(server):
    before, threads = held(server), set(threading.enumerate())
    env = turnwise.RemoteEnv(server.url, COUNTER, key=KEY)
    env.reset(seed=1)
    kept = turnwise.RemoteEnv(server.url, COUNTER, key=KEY)
    kept.reset(seed=2)
    detached = kept.detach()
    envs = turnwise.RemoteVectorEnv(server.url, COUNTER, 3, key=KEY)
    envs.reset(seed=1)
    assert held(server) == before + 5
    del env, kept, envs
    gc.collect()
    assert held(server) == before + 1, "but for what was let go on purpose"
    assert not set(threading.enumerate()) - threads
    turnwise.RemoteEnv.attach(server.url, detached, key=KEY).close()


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_copy_is_refused_in_words(env, how):
    vector = turnwise.RemoteVectorEnv("local:", COUNTER, 2)
    client = connect("http://127.0.0.1:9")
    for one in (env, vector, client, turnwise.AsyncRemoteEnv("http://127.0.0.1:9", COUNTER)):
        with pytest.raises(UsageError, match=f"a {type(one).__name__} holds connections.*attach"):
            how(one)
    vector.close()


def test_numpy_is_taken(env):
    first, info = env.reset(seed=np.int64(7), options={"expert": np.bool_(True), "mask": np.arange(3)})
    assert (info["task"], info["private"]) == ("count-7", {"expert": "stop"})
    assert env.reset(seed=7, options={"expert": True})[0] == first
    assert env.reset(seed=np.uint8(7), options={"mask": np.ones((2, 2))})[0] == first
    with turnwise.RemoteEnv("local:", COUNTER, length=np.int32(1)) as short:
        short.reset(seed=1)
        assert short.step("go")[3], "truncated after one turn"
    vector = turnwise.RemoteVectorEnv("local:", COUNTER, 2)
    _, infos = vector.reset(seed=np.array([5, 9]), options={"expert": np.True_})
    assert list(infos["task"]) == ["count-5", "count-9"]
    assert list(vector.reset(seed=np.int16(3))[1]["task"]) == ["count-3", "count-4"]
    vector.close()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({1, 2}, "JSON"),
        (object(), "JSON"),
        (float("nan"), "['x'] = nan"),
        (np.array([np.inf]), "['x'] = [inf]"),
        ("\ud800", "JSON"),
        ({1: 2}, "JSON"),
        (1 << 70, "JSON"),
    ],
)
def test_what_json_cannot_hold_is_refused_in_words(env, value, told):
    with pytest.raises(UsageError) as caught:
        env.reset(seed=1, options={"x": value})
    assert told in str(caught.value)
    with pytest.raises(UsageError):
        turnwise.RemoteEnv("local:", COUNTER, x=value)

    async def directly() -> None:
        client = connect("local:")
        with pytest.raises(UsageError, match="create"):
            await client.create([CreateItem(COUNTER, {"x": value}, 0)], request_id="one")
        await client.aclose()

    asyncio.run(directly())
    assert env.reset(seed=1)[1]["task"] == "count-1"


GOOD_SEEDS = [0, 5, SEED_END - 1, np.int64(5), np.uint64(SEED_END - 1)]
BAD_SEEDS = [True, False, -1, SEED_END, 1 << 70, 1.0, "1", np.bool_(True), np.float64(1), np.int8(-1), [1]]


def test_one_rule_for_seeds(env):
    made = turnwise.make(COUNTER)
    for seed in GOOD_SEEDS:
        assert checked_seed(seed) == int(seed)
        assert env.reset(seed=seed)[0] == made.reset(seed=seed)[0]
    vector = turnwise.RemoteVectorEnv("local:", COUNTER, 1)
    for seed in BAD_SEEDS:
        for one in (env, made):
            with pytest.raises(UsageError, match=r"whole number from 0 below 2\*\*62"):
                one.reset(seed=seed)
        with pytest.raises(UsageError, match="whole number"):
            vector.reset(seed=[seed])
    vector.close()


ANSWERS = [{}, [], 1, {"sessions": None}, {"sessions": [{}]}, {"sessions": [3]}, {"sessions": [{"turn": 0}]}]
ANSWERS += [{"items": [{}]}, {"items": [None]}, {"alive": 3}, {"alive": [], "ttl_s": "x"}, {"envs": {}}]


@pytest.mark.parametrize("answer", ANSWERS)
def test_strange_answers_are_told_in_words(answer):
    def strange(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps(answer), headers={"turnwise-protocol": "1"})

    async def run() -> None:
        client = connect("http://strange", network=httpx.MockTransport(strange), budget_s=0.1)
        calls = [
            lambda: client.create([CreateItem(COUNTER, {}, 0)], request_id="one"),
            lambda: client.step([StepItem("x", 0, 0, "go")]),
            lambda: client.heartbeat(["x"]),
            client.sessions,
            client.envs,
        ]
        for call in calls:
            try:
                found = await call()
            except ServerError as error:
                assert "http://strange" in str(error)
            else:
                assert found == answer.get("sessions", []), "what that call may be answered with"
        env = turnwise.AsyncRemoteEnv(None, COUNTER, client=client)
        with pytest.raises(ServerError):
            await env.reset(seed=1)
        with pytest.raises(ServerError):
            await turnwise.AsyncRemoteEnv.attach(None, "x", client=client)
        await client.aclose()

    asyncio.run(run())


@pytest.mark.filterwarnings("error")
def test_gymnasiums_own_check_is_content():
    check_env(turnwise.make(COUNTER).unwrapped, skip_render_check=True)
