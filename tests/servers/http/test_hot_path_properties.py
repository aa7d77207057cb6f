"""Whatever is sent to the hot path: never a 5xx, always a problem document, never a harmed session."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from turnwise.servers.http.control_plane import Application
from turnwise.servers.protocol.limits import Limits

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["go", "stop", "x" * 300, "\x00", "\u202e"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
indices = st.integers(-1, 3) | values
step_bodies = st.fixed_dictionaries(
    {}, optional={"episode": indices, "turn": indices, "action": st.just("go") | values, "more": values}
)
ids = st.sampled_from(["ours", "nobody", "", "x" * 300, "..", "%2e%2e", "ours/step", "ours%00"])


def batch_bodies(id: str) -> st.SearchStrategy[Any]:
    named = st.builds(
        lambda body, name: body if name is None else {**body, "id": name},
        step_bodies,
        st.just(id) | st.none() | values,
    )
    return st.fixed_dictionaries({}, optional={"items": st.lists(named, max_size=5) | values, "more": values})


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def http(make_service, runner):
    transport = httpx.ASGITransport(app=Application(make_service(limits=Limits(max_action_chars=200))))
    headers = {"content-type": "application/json"}
    client = httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)
    yield client
    runner.run(client.aclose())


def judge(answer: httpx.Response) -> None:
    assert answer.status_code in (200, 202, 400, 404, 405, 409, 413, 422), answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["code"]


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def check_unharmed(runner, http, id: str) -> None:
    """Ask where the session stands, and take the step that it then expects."""
    stands = runner.run(http.get(f"/v1/sessions/{id}")).json()
    if stands["end"] is not None:
        body = {"episode": stands["expected"]["reset"]}
        runner.run(http.post(f"/v1/sessions/{id}/reset", json=body))
        stands = runner.run(http.get(f"/v1/sessions/{id}")).json()
    body = {"episode": stands["episode"], "turn": stands["turn"], "action": "go"}
    reply = runner.run(http.post(f"/v1/sessions/{id}/step", json=body)).json()
    assert reply["turn"] == stands["turn"] + 1
    assert reply["observation"].startswith(f"turn {stands['turn'] + 1} go "), "steps and turns are one number"


some = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def ours(runner, http, world) -> str:
    body = {"env_id": world("Counter"), "kwargs": {"length": 100_000}}
    answer = runner.run(http.post("/v1/sessions", json=body))
    return str(answer.json()["sessions"][0]["id"])


@some
@given(body=step_bodies.map(dumps) | values.map(dumps) | st.binary(max_size=200), name=ids)
def test_a_single_step(runner, http, ours, body, name):
    path = f"/v1/sessions/{name.replace('ours', ours)}/step"
    judge(runner.run(http.post(path, content=body)))
    check_unharmed(runner, http, ours)


@some
@given(data=st.data(), stream=st.booleans())
def test_a_batch(runner, http, ours, data, stream):
    body = data.draw(batch_bodies(ours).map(dumps) | values.map(dumps) | st.binary(max_size=200))
    headers = {"accept": "application/x-ndjson"} if stream else {}
    answer = runner.run(http.post("/v1/step", content=body, headers=headers))
    judge(answer)
    rows = []
    if answer.status_code == 200:
        lines = answer.text.splitlines()
        rows = [json.loads(line) for line in lines] if stream else answer.json()["items"]
    for row in rows:
        assert "observation" in row or (400 <= row["status"] < 500 and row["code"]), row
    check_unharmed(runner, http, ours)
