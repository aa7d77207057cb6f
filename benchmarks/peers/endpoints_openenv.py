"""Chat endpoints in OpenEnv: its OpenAIClient, which holds the OpenAI SDK with its two repeats."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import endpoint
from faults import Found, main
from openenv.core.llm_client import LLMResponse, OpenAIClient

SAID = "core.llm_client.OpenAIClient.complete_with_tools"
USER = [{"role": "user", "content": "U"}]


def ask(url: str, num: int = 1) -> list[Any]:
    """Send requests one after the other; return responses or errors."""

    async def inside() -> list[Any]:
        client = OpenAIClient(url, None, model="m")
        said: list[Any] = []
        for _ in range(num):
            try:
                said.append(await client.complete_with_tools(USER, []))
            except Exception as error:  # noqa: BLE001 - what it raises is the finding
                said.append(error)
        return said

    return asyncio.run(inside())


def _one(reply: Callable[..., Any]) -> tuple[Any, list[dict[str, Any]]]:
    with endpoint.served(reply) as place:
        return ask(place.url)[0], place.bodies


def _shown(said: Any) -> str:
    if isinstance(said, Exception):
        return f"raises {type(said).__name__}"
    return f"{said.content!r}, {len(said.tool_calls)} calls"


def broken() -> Found:
    found = Found(SAID)
    for name, document in endpoint.BROKEN.items():
        said, bodies = _one(endpoint.then_good(document))
        right = isinstance(said, LLMResponse) and said.content == "go"
        found.add(name, right, f"{_shown(said)}, asked {len(bodies)} times")
    return found


def refused() -> Found:
    found = Found(SAID)
    for name in ("max_tokens", "temperature"):
        with endpoint.served(endpoint.refusing(name)) as place:
            said = ask(place.url, 4)
        named = all(name in str(error) for error in said)
        found.add(
            name, named, f"each call raises {type(said[0]).__name__}{', which names it' if named else ''}"
        )
    found.note = (
        "a client alone has no run to stop; use_max_completion_tokens=True sends the new name and no "
        "temperature; it sends no seed"
    )
    return found


def parts() -> Found:
    found = Found(SAID)
    said, _ = _one(endpoint.then_good(endpoint.PARTS))
    right = isinstance(said, LLMResponse) and said.content == "go"
    found.add(
        "a thought and a text", right, f"content is {said.content!r}"[:120] if not right else "the text"
    )
    return found


def ends() -> Found:
    found = Found(SAID)
    for name, document in endpoint.ENDS.items():
        said, _ = _one(endpoint.then_good(document))
        right = name == "tool call" and isinstance(said, LLMResponse) and len(said.tool_calls) == 1
        found.add(name, right, _shown(said))
    found.note = "a response holds text and calls; finish_reason, reasoning and usage are not in it"
    return found


def bill() -> str:
    return "its client counts no usage and has no prices"


def defaults() -> Found:
    found = Found(SAID)
    _, bodies = _one(endpoint.then_good())
    missing = [name for name in ("top_k", "min_p", "repetition_penalty") if name not in bodies[0]]
    found.add("sampling", not missing, f"{', '.join(missing)} are not sent, and nothing says so")
    return found


if __name__ == "__main__":
    main(
        "endpoints",
        "openenv",
        {
            "broken answers": broken,
            "refused settings": refused,
            "content as parts": parts,
            "ways to end": ends,
            "the bill": bill(),
            "defaults of the server": defaults,
            "late answers": "no time-out of its own can be set: the SDK's 600 s",
        },
    )
