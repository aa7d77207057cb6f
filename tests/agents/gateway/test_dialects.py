"""Responses and Anthropic's messages: what is given out comes back as it was, whole or in a stream."""

from __future__ import annotations

import json
from typing import Any

from turnwise.agents.types import Trajectory

CALL = '<think>hm</think>I look.<tool_call>{"name": "look", "arguments": {"at": "door"}}</tool_call>'
CHAT_TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
RESPONSE_TOOL = {"type": "function", "name": "look", "parameters": {"type": "object"}}
MESSAGE_TOOL = {"name": "look", "input_schema": {"type": "object"}}


def grown(found: Trajectory) -> bool:
    """Tell whether each turn's prompt goes on from the tokens of the turn before."""
    pairs = zip(found.turns, found.turns[1:], strict=False)
    known = ((one.generation.prompt_ids + one.generation.token_ids, two) for one, two in pairs)
    return all(two.generation.prompt_ids[: len(ids)] == ids for ids, two in known)


def events_in(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def streamed(client: Any, path: str, body: dict[str, Any]) -> list[Any]:
    reply = await client.http.post(
        f"{client.url}/v1/{path}", json={**body, "stream": True}, headers={"x-stainless-retry-count": "0"}
    )
    assert reply.headers["content-type"] == "text/event-stream", reply.text
    return events_in(reply.text)


def test_messages_with_tools_thoughts_and_results(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> tuple[Any, Trajectory]:
        await client.open()
        body = {
            "model": "m",
            "max_tokens": 99,
            "system": [{"type": "text", "text": "s"}],
            "tools": [MESSAGE_TOOL],
        }
        talk: list[Any] = [{"role": "user", "content": "go"}]
        said = await client.post("v1/messages", {**body, "messages": talk, "thinking": {"type": "enabled"}})
        thinking, text, use = said["content"]
        assert (thinking["thinking"], text["text"], said["stop_reason"]) == ("hm", "I look.", "tool_use")
        assert (use["name"], use["input"]) == ("look", {"at": "door"})
        result = {
            "type": "tool_result",
            "tool_use_id": use["id"],
            "content": [{"type": "text", "text": "a cat"}],
        }
        more = {"role": "user", "content": [result, {"type": "text", "text": "and?"}]}
        talk += [{"role": "assistant", "content": [text, use]}, more]  # the thought was dropped
        await client.post("v1/messages", {**body, "messages": talk})
        await client.post("v1/messages", {**body, "messages": [{"role": "user", "content": 3}]}, 400)
        size = await client.post("v1/messages/count_tokens", {"messages": talk})
        assert size["input_tokens"] > 10
        return said, await client.end()

    said, found = with_gateway(letters(words=(CALL,)), play)
    assert grown(found) and len(found.turns) == 2
    assert found.turns[1].observation == "a cat\n\nand?"
    assert said["usage"]["output_tokens"] == len(found.turns[0].generation.token_ids)


def test_a_streamed_message_is_the_whole_one(with_gateway: Any, letters: Any) -> None:
    body = {
        "model": "m",
        "max_tokens": 99,
        "messages": [{"role": "user", "content": "go"}],
        "tools": [MESSAGE_TOOL],
        "thinking": {"type": "adaptive"},
    }

    async def play(client: Any) -> tuple[Any, list[Any]]:
        await client.open()
        return await client.post("v1/messages", body), await streamed(client, "messages", body)

    whole, events = with_gateway(letters(words=(CALL,)), play)
    blocks: list[Any] = []
    for each in events:
        if each["type"] == "content_block_start":
            blocks.append(dict(each["content_block"]))
        elif each["type"] == "content_block_delta":
            for name, value in each["delta"].items():
                if name == "partial_json":
                    blocks[-1]["input"] = json.loads(value)
                elif name != "type":
                    blocks[-1][name] += value
    assert [block["type"] for block in blocks] == ["thinking", "text", "tool_use"]
    # another sample: the ids of its calls are its own
    assert [block | {"id": ""} for block in blocks] == [block | {"id": ""} for block in whole["content"]]
    assert events[-2]["delta"]["stop_reason"] == whole["stop_reason"] and events[-1]["type"] == "message_stop"


def test_tokens_travel_sealed_to_another_episode(with_gateway: Any, letters: Any) -> None:
    body = {"model": "m", "max_tokens": 99, "thinking": {"type": "enabled"}, "tools": [MESSAGE_TOOL]}

    async def play(client: Any) -> tuple[Any, ...]:
        await client.open()
        talk: list[Any] = [{"role": "user", "content": "go"}]
        said = await client.post("v1/messages", {**body, "messages": talk})
        talk += [{"role": "assistant", "content": said["content"]}, {"role": "user", "content": "on"}]
        first = await client.end()
        await client.open()
        await client.post("v1/messages", {**body, "messages": talk})
        second = await client.end()
        signature = said["content"][0]["signature"]
        said["content"][0]["signature"] = signature[:-8] + "AAAAAAA="
        await client.open()
        await client.post("v1/messages", {**body, "messages": talk})
        return first, second, await client.end()

    policy = letters(words=("<think>a secret thought</think>yes",))
    first, second, forged = with_gateway(policy, play)
    (turn,) = first.turns
    said = turn.generation.prompt_ids + turn.generation.token_ids
    assert second.turns[0].generation.prompt_ids[: len(said)] == said
    told = "".join(map(chr, forged.turns[0].generation.prompt_ids))
    assert "secret" not in told and "[assistant]yes" in told


def test_responses_by_items_and_by_the_id_of_the_last(with_gateway: Any, letters: Any) -> None:
    async def play(client: Any) -> tuple[Any, Trajectory]:
        await client.open()
        body = {
            "model": "m",
            "instructions": "s",
            "tools": [RESPONSE_TOOL],
            "include": ["reasoning.encrypted_content"],
        }
        items: list[Any] = [{"role": "user", "content": [{"type": "input_text", "text": "go"}]}]
        said = await client.post("v1/responses", {**body, "input": items})
        call = next(item for item in said["output"] if item["type"] == "function_call")
        answer = {"type": "function_call_output", "call_id": call["call_id"], "output": "a cat"}
        again = await client.post("v1/responses", {**body, "input": [*items, *said["output"], answer]})
        last = {"previous_response_id": again["id"], "input": [answer | {"output": "a dog"}]}
        await client.post("v1/responses", {**body, **last})
        await client.post("v1/responses", {**body, **last, "previous_response_id": "resp_9"}, 404)
        return said, await client.end()

    said, found = with_gateway(letters(words=(CALL,)), play)
    assert [item["type"] for item in said["output"]] == ["reasoning", "message", "function_call"]
    assert json.loads(said["output"][2]["arguments"]) == {"at": "door"} and said["status"] == "completed"
    assert grown(found) and [turn.observation for turn in found.turns] == ["go", "a cat", "a dog"]


def test_streams_of_chat_and_of_responses_end_in_the_whole_answer(with_gateway: Any, letters: Any) -> None:
    chat = {"model": "m", "messages": [{"role": "user", "content": "go"}], "tools": [CHAT_TOOL],
            "stream_options": {"include_usage": True}}  # fmt: skip
    response = {"model": "m", "input": "go", "tools": [RESPONSE_TOOL]}

    async def play(client: Any) -> tuple[Any, ...]:
        await client.open()
        chunks = await streamed(client, "chat/completions", chat)
        return (
            chunks,
            await streamed(client, "responses", response),
            await client.post("v1/responses", response),
        )

    chunks, events, whole = with_gateway(letters(words=(CALL,)), play)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "I look."
    (made,) = (delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta)
    assert json.loads(made["function"]["arguments"]) == {"at": "door"}
    assert (
        chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
        and chunks[-1]["usage"]["completion_tokens"] > 0
    )
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    kinds = [item["type"] for item in events[-1]["response"]["output"]]
    assert events[-1]["type"] == "response.completed" and kinds == [item["type"] for item in whole["output"]]
    text = "".join(each["delta"] for each in events if each["type"] == "response.output_text.delta")
    assert text == "I look."


def test_an_answer_may_be_begun_by_the_client(with_gateway: Any, letters: Any) -> None:
    class Encoding(letters):
        def encode(self, text: str) -> tuple[int, ...]:
            return tuple(map(ord, text))

    async def play(client: Any) -> Trajectory:
        await client.open()
        talk: list[Any] = [{"role": "user", "content": "go"}]
        begun = [*talk, {"role": "assistant", "content": "{"}]
        said = await client.post("v1/messages", {"max_tokens": 9, "messages": begun})
        talk += [
            {"role": "assistant", "content": "{" + said["content"][0]["text"]},
            {"role": "user", "content": "on"},
        ]
        await client.post("v1/messages", {"max_tokens": 9, "messages": talk})
        return await client.end()

    found = with_gateway(Encoding(words=("}",)), play)
    assert grown(found) and "".join(map(chr, found.turns[0].generation.prompt_ids)) == "[user]go\x01{"
