"""Chat endpoints in verifiers: whole evaluations through its interception server and EvalClient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import endpoint
import verifiers_room as room
from faults import Found, main

RUN = "run_eval with EvalClientConfig, a harness of one chat completion (OpenAI SDK, two repeats)"


def _one(reply: Callable[..., Any], **more: Any) -> tuple[Any, int]:
    with endpoint.served(reply) as place:
        (trace,) = room.evaluated(place.url, **more)
        return trace, len(place.bodies)


def _text(trace: Any) -> str:
    said = [node.message for node in trace.nodes if node.message.role == "assistant"]
    return str(said[-1].content) if said else ""


def _usage(trace: Any) -> int:
    return sum(call.usage.prompt_tokens for call in trace.calls if call.usage)


def broken() -> Found:
    found = Found(RUN)
    for name, document in endpoint.BROKEN.items():
        trace, asked = _one(endpoint.then_good(document))
        came = "asked again" if trace.ok else f"the episode fails with {trace.errors[-1].type}"
        found.add(name, trace.ok and _text(trace) == "go", f"{came}, asked {asked} times")
    return found


def refused() -> Found:
    found = Found(RUN)
    for name, (_, setting, _document) in endpoint.REFUSED.items():
        value = {"max_tokens": 64, "temperature": 1.0, "seed": 3}[setting]
        with endpoint.served(endpoint.refusing(name)) as place:
            traces = room.evaluated(place.url, 4, sampling={setting: value})
            asked = len(place.bodies)
        lost = sum(not trace.ok for trace in traces)
        named = all(setting in trace.errors[-1].message for trace in traces if not trace.ok)
        found.add(
            name,
            lost == 0 or asked < 4,
            f"{lost} of 4 episodes fail one by one{', the errors name it' * named}",
        )
    return found


def parts() -> Found:
    found = Found(RUN)
    trace, asked = _one(endpoint.then_good(*[endpoint.PARTS] * 3))
    came = repr(_text(trace)) if trace.ok else f"the episode fails with {trace.errors[-1].type}"
    found.add("a thought and a text", trace.ok and _text(trace) == "go", f"{came}, asked {asked} times")
    return found


def ends() -> Found:
    found = Found(RUN)
    for name, document in endpoint.ENDS.items():
        trace, asked = _one(endpoint.then_good(*[document] * 3))
        if not trace.ok:
            found.add(
                name,
                name in ("error", "network_error"),
                f"the episode fails with {trace.errors[-1].type}",
            )
            continue
        said = [node.message for node in trace.nodes if node.message.role == "assistant"][-1]
        finish = trace.calls[-1].finish_reason
        right = {
            "only reasoning": said.reasoning_content == "hm" and finish == "length",
            "content_filter": finish not in (None, "stop", "length"),
            "error": asked > 1,
            "tool call": bool(said.tool_calls),
            "sensitive": finish not in (None, "stop", "length"),
            "network_error": asked > 1,
            "model_length": finish == "length",
            "only reasoning_details": said.reasoning_content == "hm",
        }[name]
        came = f"content {said.content!r}, reasoning {said.reasoning_content!r}, finish {finish}"
        found.add(name, right, f"{came}, asked {asked} times")
    return found


def bill() -> Found:
    found = Found(f"{RUN}; ModelCall.usage in the trace")
    trace, _ = _one(endpoint.then_good(endpoint.BROKEN["an error"]))
    found.add("usage of a broken answer", _usage(trace) == 200, f"{_usage(trace)} of 200 tokens counted")
    trace, _ = _one(endpoint.then_good(*[endpoint.PARTS] * 3))
    found.add("usage of content as parts", _usage(trace) == 100, f"{_usage(trace)} of 100 tokens counted")
    found.note = "no prices and no cap on cost; caps are on tokens and turns of a rollout"
    return found


def defaults() -> Found:
    found = Found(RUN)
    with endpoint.served(endpoint.then_good()) as place:
        room.evaluated(place.url)
        missing = [name for name in ("top_k", "min_p", "repetition_penalty") if name not in place.bodies[0]]
    found.add("sampling", not missing, f"{', '.join(missing)} are not sent")
    found.note = "it relays what its program sends, on purpose; the trace records what was sent"
    return found


def late() -> Found:
    found = Found(f"{RUN}; client.timeout.read")
    trace, asked = _one(endpoint.late(1.5), read_s=0.5)
    came = f"{trace.num_turns} turn, {_usage(trace)} of 200 tokens counted, asked {asked} times"
    found.add("turns", trace.ok and trace.num_turns == 1, came)
    found.add("usage of both", _usage(trace) == 200, came)
    return found


if __name__ == "__main__":
    main(
        "endpoints",
        "verifiers",
        {
            "broken answers": broken,
            "refused settings": refused,
            "content as parts": parts,
            "ways to end": ends,
            "the bill": bill,
            "defaults of the server": defaults,
            "late answers": late,
        },
    )
