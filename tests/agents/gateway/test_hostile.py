"""Whatever is sent is answered in the words of its dialect, and nothing of it breaks the gateway."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

PATHS = ("chat/completions", "responses", "messages", "messages/count_tokens")
WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "tool",
        "text",
        "tool_use",
        "tool_result",
        "function_call",
        "function_call_output",
        "message",
        "reasoning",
        "thinking",
        "call_0_0",
        "resp_0",
        "{",
        "<think>",
        "",
    ]
)
NAMES = st.sampled_from(
    [
        "role",
        "content",
        "type",
        "text",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "input",
        "call_id",
        "output",
        "signature",
        "tool_use_id",
        "encrypted_content",
    ]
)
VALUES = st.recursive(
    WORDS | st.integers(-1, 3) | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=3)
MEMBERS = [
    "messages",
    "input",
    "tools",
    "system",
    "instructions",
    "stop",
    "max_tokens",
    "stream",
    "include",
    "previous_response_id",
    "thinking",
    "model",
    "n",
    "stop_sequences",
    "stream_options",
]
BODIES = st.dictionaries(st.sampled_from(MEMBERS), ROWS | VALUES, max_size=6)


@given(bodies=st.lists(st.tuples(st.sampled_from(PATHS), BODIES), min_size=1, max_size=6))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_gets_an_answer(with_gateway: Any, letters: Any, bodies: list[tuple[str, Any]]) -> None:
    async def play(client: Any) -> list[tuple[int, str]]:
        await client.open()
        answers = []
        for path, body in bodies:
            reply = await client.http.post(f"{client.url}/v1/{path}", json=body)
            answers.append((reply.status_code, reply.text))
        await client.end()
        return answers

    for status, text in with_gateway(letters(), play):
        assert status in (200, 400, 404), (status, text)
        if status != 200:
            assert json.loads(text)["error"]["message"]


def test_model_calls_of_no_episode_are_refused_in_the_form_of_their_dialect(
    with_gateway: Any, letters: Any
) -> None:
    async def play(client: Any) -> list[Any]:
        at = (
            "/episodes/nope/v1/chat/completions",
            "/episodes/nope/v1/messages/count_tokens",
            "/v1/responses",
            "/episodes/nope/chat/completions",
            f"{(await client.open())['url']}/chat/completions",
        )
        return [(await client.http.post(path, json={"messages": []})).json() for path in at]

    chat, messages, responses, *without = with_gateway(letters(), play)
    assert "no such episode" in chat["error"]["message"] == without[0]["error"]["message"]
    assert "the base_url ends in /v1" in without[1]["error"]["message"]
    assert messages["type"] == "error" and "no such episode" in messages["error"]["message"]
    assert "an episode comes first: POST /episodes" in responses["error"]["message"]


def test_sizes_types_and_depths_are_bounded(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> list[int]:
        await client.open()
        url, head = f"{client.url}/v1/chat/completions", {"content-type": "application/json"}
        deep = b'{"messages":' + b"[" * 500 + b"]" * 500 + b"}"
        sent = [
            await client.http.post(url, content=b"{" + b" " * (8 << 20), headers=head),
            await client.http.post(url, content=deep, headers=head),
            await client.http.post(url, content=b"{}", headers={"content-type": "text/plain"}),
            await client.http.post(url, content=b"[1]", headers=head),
            await client.http.get(url),
            await client.http.post("/episodes", json={"seed": -1}),
            await client.http.post("/episodes", json={"env_id": "household/demo-v0"}),
            await client.http.post("/nowhere", json={}),
        ]
        return [reply.status_code for reply in sent]

    assert with_gateway(letters(), play) == [413, 413, 415, 422, 404, 422, 422, 404]
