"""What endpoints do beside the protocol, one fake endpoint a quirk; docs/endpoints.md lists them.

1. Thoughts, parts, filters, calls and messages cut short are told apart.
2. A field that is refused is adapted to once, for all; a setting that cannot be kept stops.
3. What is left to the server is said, what nobody can pay for stops.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from fake_endpoint import ASKED, answer, ask
from hypothesis import example, given
from hypothesis import strategies as st

from turnwise.agents.policies import PolicyStopped, PromptTooLong
from turnwise.agents.policies.answers import Unreadable, read_answer, read_problem, read_usage
from turnwise.agents.policies.dialect import Dialect, SettingRefused
from turnwise.agents.policies.endpoint import EndpointConfig
from turnwise.agents.sampling import Sampling
from turnwise.agents.types import Message
from turnwise.errors import UsageError

NEUTRAL = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": -1,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
}


def message(finish: str | None = "stop", **fields) -> dict:
    return {"choices": [{"message": {"role": "assistant", **fields}, "finish_reason": finish}]}


DETAILS = [
    {"type": "reasoning.text", "text": "h"},
    {"type": "reasoning.summary", "summary": "m"},
    {"type": "reasoning.encrypted", "data": "x"},
]
CALL = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("document", "text", "reasoning", "finish"),
    [
        (message(content=[{"type": "text", "text": "go"}]), "go", "", "stop"),
        (message(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                          {"type": "text", "text": "go"}]), "go", "hm", "stop"),
        (message(content=[{"type": "reasoning", "text": "hm"}, "go", {"text": " on"}]),
         "go on", "hm", "stop"),
        (message(content=[]), "", "", "stop"),
        (message(content="go", reasoning_content="hm"), "go", "hm", "stop"),
        (message(content="go", reasoning="hm"), "go", "hm", "stop"),
        (message("length", content=None, reasoning_content="hm"), "", "hm", "length"),
        (message("max_tokens", content="g"), "g", "", "length"),
        (message("content_filter", content=None), "", "", "filtered"),
        (message("content_filter", content="g"), "g", "", "filtered"),
        (message("SAFETY", content=None), "", "", "filtered"),
        (message("sensitive", content=None), "", "", "filtered"),
        (message("content_filter: PROHIBITED_CONTENT", content=None), "", "", "filtered"),
        (message("model_length", content="g"), "g", "", "length"),
        (message("length", content=None, reasoning_details=DETAILS), "", "hm", "length"),
        (message(content=None, refusal="I cannot"), "I cannot", "", "stop"),
        (message(None, content="go"), "go", "", "stop"),
        (message(content="go", reasoning={"odd": 1}), "go", "", "stop"),
    ],
)  # fmt: skip
def test_messages_of_every_form(document, text, reasoning, finish):
    (said,), policy = ask(lambda request: httpx.Response(200, json=document))
    assert (said.text, said.reasoning, said.finish_reason, said.tool_calls) == (text, reasoning, finish, ())
    assert policy.usage.requests == 1


@pytest.mark.parametrize("fields", [{"tool_calls": [CALL]}, {"function_call": CALL}])
def test_calls_instead_of_a_text_are_kept_and_counted(fields):
    (said,), policy = ask(
        lambda request: httpx.Response(200, json=message("tool_calls", content=None, **fields))
    )
    assert (said.text, said.tool_calls, policy.usage.tool_calls) == ("", (CALL,), 1)


def test_a_prompt_that_is_filtered_is_a_filtered_message():
    refusal = {"error": {"code": "content_filter", "message": "The prompt was filtered", "param": "prompt"}}
    (said,), policy = ask(lambda request: httpx.Response(400, json=refusal))
    assert (said.text, said.finish_reason, policy.usage.requests) == ("", "filtered", 1)


def picky(refuses: Callable[[dict], dict | None], status: int = 400, seen: list | None = None):
    """Return an endpoint that answers a body it refuses with an error."""

    def reply(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if seen is not None:
            seen.append(body)
        error = refuses(body)
        return httpx.Response(200, json=answer()) if error is None else httpx.Response(status, json=error)

    return reply


def without(name: str, error: dict) -> Callable[[dict], dict | None]:
    return lambda body: error if name in body else None


NEW_NAME = {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. "
                      "Use 'max_completion_tokens' instead.", "param": "max_tokens",
                      "code": "unsupported_parameter"}}  # fmt: skip


@pytest.mark.parametrize("error", [NEW_NAME, {"error": {"message": "max_tokens is not supported"}}])
def test_the_length_under_its_new_name(error):
    seen: list[dict] = []
    said, policy = ask(picky(without("max_tokens", error), seen=seen), num=8)
    assert [each.text for each in said] == ["go"] * 8
    assert len(seen) == 9  # one was refused, for all
    assert all(body["max_completion_tokens"] == 64 for body in seen[1:])
    report = asyncio.run(policy.report())
    assert (report["server_default"], report["adapted"]) == ([], ["max_completion_tokens"])


@pytest.mark.parametrize(
    "text",
    [
        "System role not supported",
        "Developer instruction is not enabled for models/g",
        "system messages are unsupported",
    ],
)
def test_the_role_of_the_system_is_done_without(text):
    seen: list[dict] = []

    def refuses(body: dict) -> dict | None:
        return {"error": {"message": text}} if body["messages"][0]["role"] == "system" else None

    said, policy = ask(picky(refuses, seen=seen), num=8)
    assert [each.text for each in said] == ["go"] * 8
    assert len(seen) == 9
    assert all(body["messages"] == [{"role": "user", "content": "S\n\nU"}] for body in seen[1:])
    report = asyncio.run(policy.report())
    assert report["adapted"] == ["system text inside the first user message"]
    assert report["server_default"] == []


def test_the_agents_empty_messages_are_filled():
    seen: list[dict] = []

    def refuses(body: dict) -> dict | None:
        empty = not all(row["content"] for row in body["messages"])
        return {"message": "Assistant message must have either content or tool_calls"} if empty else None

    past = (*ASKED.messages, Message("assistant", ""), Message("user", "Go on."))
    said, policy = ask(picky(refuses, seen=seen), num=4, request=replace(ASKED, messages=past))
    assert [each.text for each in said] == ["go"] * 4
    assert [row["content"] for row in seen[-1]["messages"]] == ["S", "U", "(nothing)", "Go on."]
    assert len(seen) == 5
    assert asyncio.run(policy.report())["adapted"] == ["(nothing) for the agent's empty messages"]


FORBIDDEN = {"type": "extra_forbidden", "msg": "Extra inputs are not permitted", "input": 7}


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("seed", 422, {"detail": [{**FORBIDDEN, "loc": ["body", "seed"]}]}),
        ("seed", 422, {"message": {"detail": [{**FORBIDDEN, "loc": ["body", "seed"]}]}, "object": "error"}),
        ("seed", 400, {"error": {"message": "seed: unknown name", "param": ""}}),
        (
            "temperature",
            400,
            {"error": {"param": "temperature", "message": "Only the default (1) is supported"}},
        ),
        ("top_p", 400, {"error": {"message": "temperature and top_p cannot both be given"}}),
        (
            "top_k",
            400,
            {"error": {"message": "Unrecognized request argument supplied: top_k", "param": None}},
        ),
        (
            "min_p",
            400,
            {"object": "error", "message": "[{'loc': ('body', 'min_p'), 'msg': 'not permitted'}]"},
        ),
        (
            "presence_penalty",
            400,
            {"error": "Argument not supported on this model: presencePenalty"},
        ),
    ],
)
def test_a_field_that_changes_nothing_is_left_out_once_for_all(name, status, error):
    seen: list[dict] = []
    said, policy = ask(picky(without(name, error), status, seen), num=8)
    assert [each.text for each in said] == ["go"] * 8
    assert len(seen) == 9
    assert set(seen[0]) - set(seen[1]) == {name}
    report = asyncio.run(policy.report())
    assert report["server_default"] == [name]
    assert (report["requests"], report["retries"]) == (9, 0)


@pytest.mark.parametrize("least", [0, 1])
def test_all_tokens_in_the_other_way(least):
    def refuses(body: dict) -> dict | None:
        low = body.get("top_k", least) < least
        return {"error": {"message": f"top_k must be at least {least}"}} if low else None

    seen: list[dict] = []
    said, policy = ask(picky(refuses, seen=seen), num=8)
    assert [each.text for each in said] == ["go"] * 8
    assert [body.get("top_k") for body in seen[: 2 + least]] == [-1, 0, None][: 2 + least]
    assert len(seen) == 9 + least
    assert policy._dialect.server_default == ["top_k"] * least


def test_an_endpoint_that_knows_openais_own_fields_only():
    def refuses(body: dict) -> dict | None:
        strange = [name for name in body if name in ("top_k", "min_p", "repetition_penalty")]
        return {"error": {"message": f"Unrecognized request argument: {strange[-1]}"}} if strange else None

    seen: list[dict] = []
    (said,), policy = ask(picky(refuses, seen=seen))
    assert said.text == "go"
    assert len(seen) == 4
    assert sorted(policy._dialect.server_default) == ["min_p", "repetition_penalty", "top_k"]


def test_a_field_too_many_that_is_not_named():
    seen: list[dict] = []
    (said,), policy = ask(picky(without("min_p", {"error": "an unsupported parameter"}), seen=seen))
    assert (said.text, len(seen)) == ("go", 2)
    assert policy._dialect.server_default == ["top_k", "min_p", "repetition_penalty"]


def test_penalties_are_left_out_after_what_fewer_endpoints_know():
    seen: list[dict] = []
    refuses = without("frequency_penalty", {"error": "an unsupported parameter"})
    (said,), policy = ask(picky(refuses, seen=seen))
    assert (said.text, len(seen)) == ("go", 3)
    assert policy._dialect.server_default[3:] == ["presence_penalty", "frequency_penalty"]


@pytest.mark.parametrize(
    ("name", "asked", "config", "shown"),
    [
        ("temperature", {"sampling": Sampling(temperature=0.4)}, {}, "temperature 0.4"),
        ("top_p", {"sampling": Sampling(top_p=0.9)}, {}, "top_p 0.9"),
        ("top_k", {"sampling": Sampling(top_k=5)}, {}, "top_k 5"),
        ("min_p", {"sampling": Sampling(min_p=0.2)}, {}, "min_p 0.2"),
        ("logit_bias", {"sampling": Sampling(logit_bias={"5": -3.0})}, {}, r"logit_bias \{'5': -3.0\}"),
        ("stop_token_ids", {"sampling": Sampling(stop_token_ids=(4,))}, {}, r"stop_token_ids \[4\]"),
        ("stop", {"stop": ("X",)}, {}, r"stop \['X'\]"),
        ("max_tokens", {"max_tokens": 9}, {}, "max_tokens 9"),
        ("guide", {}, {"extra_body": {"guide": 3}}, "extra_body guide 3"),
    ],
)
def test_a_setting_that_cannot_be_kept_stops(name, asked, config, shown):
    error = {"error": {"message": f"'{name}' has a value that is too large"}}
    results, _ = ask(picky(without(name, error)), num=5, request=replace(ASKED, **asked), **config)
    assert all(isinstance(result, PolicyStopped) for result in results)
    with pytest.raises(PolicyStopped, match=f"openai:m refuses {shown}: HTTP 400: .*{name}"):
        raise results[0]


def test_a_setting_is_never_left_out_because_another_request_did_without_it():
    dialect = Dialect("m")
    refused = read_problem(400, b"top_k is unknown", None, None)
    assert dialect.learn(dialect.body(ASKED), refused)
    assert "top_k" not in dialect.body(ASKED)
    set_now = replace(ASKED, sampling=Sampling(top_k=5))
    assert dialect.body(set_now)["top_k"] == 5
    with pytest.raises(SettingRefused, match="top_k 5"):
        dialect.learn(dialect.body(set_now), refused)


def test_words_of_a_prompt_are_no_names_of_fields():
    problem = read_problem(400, b"please stop", None, None)
    assert not problem.names("stop")
    assert not problem.names("top")


def test_words_of_a_message_that_is_cut_off_mean_nothing():
    cut = b'{"choices": [{"message": {"content": "the maximum context length"}, "error": {"code": "insuff'
    replies = [cut, json.dumps(answer()).encode()]
    (said,), _ = ask(lambda request: httpx.Response(200, content=replies.pop(0)))
    assert said.text == "go"


def test_a_context_that_is_too_small_may_be_told_inside_a_200():
    error = {"error": {"code": 400, "message": "This model's maximum context length is 10 tokens"}}
    (said,), _ = ask(lambda request: httpx.Response(200, json=error))
    assert type(said) is PromptTooLong


def test_sampling_that_changes_nothing_is_sent():
    seen: list[dict] = []
    ask(picky(lambda body: None, seen=seen))
    assert seen[0].items() >= NEUTRAL.items()


def test_extra_fields_are_sent_and_recorded():
    seen: list[dict] = []
    extra = {"chat_template_kwargs": {"enable_thinking": False}, "typical_p": 0.1}
    _, policy = ask(picky(lambda body: None, seen=seen), extra_body=extra, seeded=False)
    assert seen[0].items() >= extra.items()
    assert "seed" not in seen[0]
    assert policy.own_settings == {"seeded": False, "extra_body": extra}


@pytest.mark.parametrize("extra", [{"stream": True}, {"temperature": 0.1}, {"messages": []}, {"a": {1}}])
def test_extra_fields_that_are_set_elsewhere_are_refused(extra):
    with pytest.raises(UsageError, match="extra_body"):
        ask(lambda request: httpx.Response(200, json=answer()), extra_body=extra)


@pytest.mark.parametrize(
    ("status", "error", "stops"),
    [
        (429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}, True),
        (429, {"error": {"type": "insufficient_quota", "code": None}}, True),
        (402, {"error": {"message": "Insufficient Balance"}}, True),
        (200, {"error": {"code": "insufficient_quota"}}, True),
        (429, {"error": {"code": 429, "message": "You exceeded your current quota a minute"}}, False),
    ],
)
def test_no_money_left_is_not_asked_again(status, error, stops):
    (said,), policy = ask(lambda request: httpx.Response(status, json=error), retries=1)
    assert isinstance(said, PolicyStopped) is stops
    assert policy.usage.requests == (1 if stops else 2)


def test_a_key_that_is_repeated_is_not_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    (said,), _ = ask(
        lambda request: httpx.Response(401, text=f"no: {request.headers['Authorization']}\x1b[2J")
    )
    assert "very-secret" not in str(said)
    assert "\x1b" not in str(said)
    assert "no: Bearer (the key)" in str(said)


NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["text", "error", "thinking", "go"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "content", "text", "type", "error", "usage", "tool_calls"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def wrapped(document):
    return {"choices": [{"message": {"content": document}}], "usage": {"prompt_tokens": document}}


@given(NESTED | NESTED.map(wrapped) | NESTED.map(lambda inner: {"choices": [{"message": inner}]}))
@example(wrapped(10**400))
@example(wrapped(float("inf")))
def test_any_json_is_a_message_or_unreadable(document):
    usage = read_usage(document)
    assert usage is None or EndpointConfig(input_price=1.0).cost(*usage) >= 0
    read_problem(400, b"x", document, None)
    try:
        said = read_answer(document)
    except Unreadable:
        return
    assert all(isinstance(text, str) for text in (said.text, said.reasoning, said.finish_reason))


def test_content_that_is_nested_without_end_is_unreadable():
    deep: object = "go"
    for _ in range(900):
        deep = [deep]
    with pytest.raises(Unreadable):
        read_answer(wrapped(deep))
    with pytest.raises(Unreadable, match="nested more than 50 deep"):
        read_answer(message(content=None, tool_calls=[{"arguments": deep}]))
