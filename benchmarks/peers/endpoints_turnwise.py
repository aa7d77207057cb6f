"""Chat endpoints in turnwise: OpenAIPolicy over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import endpoint
from faults import Found, main

from turnwise.agents.policies import PolicyStopped
from turnwise.agents.policies.endpoint import EndpointConfig
from turnwise.agents.policies.openai import OpenAIPolicy
from turnwise.agents.types import Generation, GenerationRequest, Message

SAID = "agents.policies.openai.OpenAIPolicy.generate, report"
ASKED = GenerationRequest(messages=(Message("user", "U"),), key=(1, 2))
PRICES: dict[str, Any] = {"input_price": 10.0, "output_price": 100.0}  # 0.002 dollars an answer


def ask(
    reply: Callable[..., Any], num: int = 1, **config: Any
) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Send requests at once; return messages or errors, the bodies, and the report."""

    async def inside(url: str) -> tuple[list[Any], dict[str, Any]]:
        policy = OpenAIPolicy(url, "m", EndpointConfig(max_pause_s=0.1, **config))
        try:
            asked = (policy.generate(replace(ASKED, max_tokens=64)) for _ in range(num))
            said = await asyncio.gather(*asked, return_exceptions=True)
            return said, await policy.report()
        finally:
            await policy.aclose()

    with endpoint.served(reply) as place:
        said, report = asyncio.run(inside(place.url))
        return said, place.bodies, report


def broken() -> Found:
    found = Found(SAID)
    for name, document in endpoint.BROKEN.items():
        (said,), bodies, _ = ask(endpoint.then_good(document))
        right = isinstance(said, Generation) and said.text == "go"
        found.add(name, right, f"asked {len(bodies)} times" if right else _shown(said))
    return found


def _shown(said: Any) -> str:
    if isinstance(said, Exception):
        return f"{type(said).__name__}: {said}"
    return f"taken as the message {said.text!r}, {said.finish_reason}"


def refused() -> Found:
    found = Found(SAID)
    for name in endpoint.REFUSED:
        said, bodies, _ = ask(endpoint.refusing(name), 4)
        right = all(isinstance(each, Generation) for each in said) and len(bodies) == 5
        found.add(name, right, f"4 of 4 answered, asked {len(bodies)} times" if right else said[0])
    return found


def parts() -> Found:
    found = Found(SAID)
    (said,), _, _ = ask(endpoint.then_good(endpoint.PARTS))
    right = (said.text, said.reasoning) == ("go", "hm")
    found.add("a thought and a text", right, f"text {said.text!r}, reasoning {said.reasoning!r}")
    return found


def ends() -> Found:
    found = Found(SAID)
    for name, document in endpoint.ENDS.items():
        (said,), bodies, _ = ask(endpoint.then_good(document))
        right = {
            "only reasoning": (said.text, said.reasoning, said.finish_reason) == ("", "hm", "length"),
            "content_filter": said.finish_reason == "filtered",
            "error": len(bodies) == 2 and said.text == "go",
            "tool call": said.tool_calls == (endpoint.CALL,),
            "sensitive": said.finish_reason == "filtered",
            "network_error": len(bodies) == 2 and said.text == "go",
            "model_length": said.finish_reason == "length",
            "only reasoning_details": said.reasoning == "hm",
        }[name]
        came = f"text {said.text!r}, reasoning {said.reasoning!r}, {said.finish_reason}, asked {len(bodies)}"
        found.add(name, right, came)
    return found


def bill() -> Found:
    found = Found(SAID)
    for name, first, cost in (
        ("an error", endpoint.BROKEN["an error"], 0.004),
        ("parts", endpoint.PARTS, 0.002),
    ):
        _, _, report = ask(endpoint.then_good(first), **PRICES)
        found.add(
            f"usage of {name}", abs(report["cost"] - cost) < 1e-9, f"{report['cost']:.4f} dollars of {cost}"
        )
    broken_answers = [endpoint.BROKEN["an error"]] * 3
    (said,), bodies, _ = ask(endpoint.then_good(*broken_answers), **PRICES, cost_cap=0.003)
    found.add(
        "cap", isinstance(said, PolicyStopped) and len(bodies) == 2, f"stopped after {len(bodies)} answers"
    )
    return found


def defaults() -> Found:
    found = Found(SAID)
    _, bodies, _ = ask(endpoint.then_good())
    missing = [name for name in ("top_k", "min_p", "repetition_penalty") if name not in bodies[0]]
    found.add("sampling", not missing, "sent" if not missing else f"not sent: {missing}")

    def picky(body: dict[str, Any], number: int) -> endpoint.Reply:
        return (
            (400, {"error": {"message": "unknown field min_p"}}) if "min_p" in body else (200, endpoint.GOOD)
        )

    _, _, report = ask(picky)
    found.add("refused", report["server_default"] == ["min_p"], f"report: {report['server_default']}")
    return found


def late() -> Found:
    found = Found(SAID)
    (said,), bodies, report = ask(endpoint.late(0.8), timeout_s=0.5)
    tokens = report["prompt_tokens"]
    right = isinstance(said, Generation)
    found.add("turns", right and said.text == "go", "1 turn" if right else said)
    found.add("usage of both", tokens == 200, f"{tokens} of 200 tokens counted, asked {len(bodies)} times")
    return found


if __name__ == "__main__":
    main(
        "endpoints",
        "turnwise",
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
