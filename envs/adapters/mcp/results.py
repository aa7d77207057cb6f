"""What a tool of an MCP server has said, as an observation: bounded, and hostile until it is shown as data.

Only its content counts, so that equal results are equal states: what a protocol says of itself stays out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...images import MAX_IMAGES, images_of

_CLOSES, _ESCAPED = "</tool_response", "<\\/tool_response"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a call.

    Args:
        text: what it says.
        images: PNG files as base64 texts.
        failed: whether the tool says that it failed.
    """

    text: str
    images: tuple[str, ...] = ()
    failed: bool = False


def result_of(answer: Any, max_chars: int) -> Result:
    """Return what a `CallToolResult` says: texts, pictures, and values where there is no text.

    Args:
        answer: what the server has answered.
        max_chars: longer texts are cut.
    """
    parts, images = list[str](), list[str]()
    for block in answer.content:
        said, image = _said(block)
        if image and len(images) == MAX_IMAGES:
            said, image = f"[a picture beyond the first {MAX_IMAGES}]", ""
        parts.append(said)
        images += [image] if image else []
    text = "\n".join(filter(None, parts))
    if not text and not images and answer.structured_content is not None:
        text = json.dumps(answer.structured_content, ensure_ascii=False, sort_keys=True)
    return Result(cut(text, max_chars), tuple(images), bool(answer.is_error))


def observation_of(result: Result) -> str:
    """Return a result between the tags of a tool's answer, out of which it cannot break."""
    said = f"error: {result.text}" if result.failed else result.text
    return f"<tool_response>{said.replace(_CLOSES, _ESCAPED)}</tool_response>"


def cut(text: str, max_chars: int) -> str:
    """Return a text that UTF-8 can encode, with its middle left out where it is too long."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    if len(text) <= max_chars:
        return text
    kept = max_chars // 2
    return f"{text[:kept]}\n[{len(text) - 2 * kept} characters are left out here]\n{text[-kept:]}"


def tools_from(listed: Iterable[Any], max_chars: int, max_tools: int) -> list[dict[str, Any]]:
    """Return what a server offers in the form of `info["tools"]`.

    Args:
        listed: its tools.
        max_chars: longer descriptions are cut; tools whose schema is longer are left out.
        max_tools: those after them are left out.
    """
    tools = [
        {
            "name": tool.name,
            "description": cut(tool.description or "", max_chars),
            "parameters": dict(tool.input_schema),
        }
        for tool in listed
    ]
    return [tool for tool in tools if len(json.dumps(tool["parameters"])) <= max_chars][:max_tools]


def _said(block: Any) -> tuple[str, str]:
    """Return the text and the picture of one block of a result."""
    if block.type == "text":
        return block.text, ""
    if block.type == "image":
        try:
            images_of({"images": [block.data]})
        except ValueError as error:
            return f"[a picture that cannot be shown: {error}]", ""
        return "", block.data
    if block.type == "resource":
        return str(getattr(block.resource, "text", f"[{block.resource.uri}]")), ""
    if block.type == "resource_link":
        return f"[{block.name}: {block.uri}]", ""
    return f"[{block.type}]", ""
