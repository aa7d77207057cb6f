"""Texts and templates in verifiers: its renderers (prompts and messages as tokens) and its tools.

Qwen3Renderer is the one written for a family of models, DefaultRenderer the one for every
chat template, with its parsers for thoughts and calls.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import small
import verifiers.v1 as vf
from faults import Found, main
from mcp.server.mcpserver import MCPServer
from renderers import create_renderer
from renderers.base import ToolCallParseStatus
from renderers.configs import DefaultRendererConfig, Qwen3RendererConfig, Qwen35RendererConfig
from verifiers.v1.mcp import ToolsetConfig

OK = ToolCallParseStatus.OK
CONFIGS = {
    "qwen3": Qwen3RendererConfig(),
    "default": DefaultRendererConfig(tool_parser="qwen3", reasoning_parser="think"),
}
LOOK_CALL = {"id": "a", "type": "function", "function": {"name": "act", "arguments": {"action": "look"}}}


def control_tokens() -> Found:
    found = Found("renderers: Qwen3Renderer and DefaultRenderer, render and bridge_to_next_turn")
    made = small.tokenizer()
    said = made(small.call("look") + "<|im_end|>", add_special_tokens=False)["input_ids"]
    for name, config in CONFIGS.items():
        renderer = create_renderer(made, config)
        counts: list[list[Any]] = []
        for text in (small.HARMLESS, small.HOSTILE):
            reply = {"role": "tool", "name": "act", "tool_call_id": "a", "content": text}
            first = renderer.render([{"role": "user", "content": text}], add_generation_prompt=True).token_ids
            answer = {"role": "assistant", "content": "", "tool_calls": [LOOK_CALL]}
            talk = [{"role": "user", "content": "go"}, answer, reply]
            prompt = renderer.render(talk[:1], add_generation_prompt=True).token_ids
            later = renderer.bridge_to_next_turn(prompt, said, [reply])
            later = later or renderer.render(talk, add_generation_prompt=True)
            counts.append([small.controls(first, made), small.controls(later.token_ids, made)])
        for place, where in enumerate(("first prompt", "later prompt")):
            plain, hostile = (pair[place] for pair in counts)
            found.add(f"{name}, {where}", plain == hostile, small.difference(plain, hostile))
    return found


def _calls(config: Any, text: str, opened: str = "") -> list[Any]:
    made = small.tokenizer()
    renderer = create_renderer(made, config)
    prompt = renderer.render([{"role": "user", "content": "go"}], add_generation_prompt=True).token_ids
    prompt += made(opened, add_special_tokens=False)["input_ids"]
    ids = made(text, add_special_tokens=False)["input_ids"]
    parsed = renderer.parse_response(ids, tools=[small.TOOL], prompt_ids=prompt)
    return [call.arguments if call.status == OK else str(call.status) for call in parsed.tool_calls]


def opened_thought() -> Found:
    found = Found("renderers: parse_response of Qwen3Renderer, Qwen35Renderer and DefaultRenderer")
    old = ("<think>\n", small.call("look"), small.call("go"))
    written = "<tool_call>\n<function=act>\n<parameter=action>\n{}\n</parameter>\n</function>\n</tool_call>"
    new = ("", written.format("look"), written.format("go"))  # its prompts open the thought themselves
    for name, config in {**CONFIGS, "qwen3.5": Qwen35RendererConfig()}.items():
        opened, look, go = new if name == "qwen3.5" else old
        came = _calls(config, f"I could {look}, no.\n</think>\n\n{go}<|im_end|>", opened)
        found.add(f"{name}, thought and answer", came == [{"action": "go"}], came)
        came = _calls(config, f"Maybe {look} is best, but", opened)
        found.add(f"{name}, cut off", came == [], f"{came} is taken" if came else "nothing executed")
    found.note = "in the renderers of Qwen a call ends a thought, on purpose"
    return found


def tags_in_a_thought() -> Found:
    found = Found("renderers: parse_response of Qwen3Renderer and DefaultRenderer")
    look, go = small.call("look"), small.call("go")
    for name, config in CONFIGS.items():
        for where, text, right in (
            (
                "call in a thought",
                f"<think>\nmaybe {look}, no\n</think>\n\n{go}<|im_end|>",
                [{"action": "go"}],
            ),
            (
                "tag of a call",
                f"<think>\nI use <tool_call> here\n</think>\n\n{go}<|im_end|>",
                [{"action": "go"}],
            ),
            ("cut off", f"<think>\nmaybe {look}, but", []),
        ):
            came = _calls(config, text)
            found.add(f"{name}, {where}", came == right, f"{came} is taken" if came else "nothing executed")
    found.note = "in the renderers of Qwen a call ends a thought, on purpose"
    return found


def arguments() -> Found:
    found = Found("renderers: parse_response of Qwen3Renderer; json.loads of the harness behind it")
    for name, text in (
        ("as text", small.AS_TEXT),
        ("as text, cut off", small.AS_CUT_TEXT),
        ("one brace too many", small.BRACE),
        ("call cut off", small.CUT),
    ):
        (came,) = _calls(CONFIGS["qwen3"], f"{text}<|im_end|>")
        try:
            taken = json.loads(came) if isinstance(came, str) and came.startswith("{") else came
        except ValueError as error:
            taken = f"handed on as a call, refused by the harness with {type(error).__name__}"
        right = taken == {"action": "go"} if name == "as text" else isinstance(taken, str)
        found.add(name, right, taken)
    return found


class Clock(vf.Toolset[ToolsetConfig, vf.State]):  # type: ignore[misc]
    """Tools in the manner of verifiers."""

    @vf.tool  # type: ignore[untyped-decorator]
    def wait(self, minutes: int) -> str:
        """Wait."""
        return repr(minutes)


def whole_numbers() -> Found:
    found = Found("Toolset with @tool, called through its MCP server")
    server = MCPServer("clock")
    Clock(ToolsetConfig()).register(server)
    for value in (30, 30.0, "30"):
        try:
            came = str(asyncio.run(server.call_tool("wait", {"minutes": value})))
        except Exception as error:  # noqa: BLE001 - what it raises is the finding
            came = f"refused: {error}"[:120]
        found.add(repr(value), value == "30" or "text='30'" in came, "30" if "text='30'" in came else came)
    return found


def kinds() -> Found:
    found = Found("renderers: DefaultRenderer.render against apply_chat_template")
    other = 0
    for template in small.CHATS.TEMPLATES.values():
        for kind in small.CHATS.KINDS:
            made = small.tokenizer(kind, template)
            talk = [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": "look"},
                {"role": "user", "content": "you see a desk"},
            ]
            mine = (
                create_renderer(made, CONFIGS["default"]).render(talk, add_generation_prompt=True).token_ids
            )
            text = made.apply_chat_template(talk, tokenize=False, add_generation_prompt=True)
            other += mine != made(text, add_special_tokens=False)["input_ids"]
    count = len(small.CHATS.TEMPLATES) * len(small.CHATS.KINDS)
    found.add("pairs", not other, f"{other} of {count} differ")
    found.note = "the default one renders anew at each turn; a trace forks where earlier tokens change"
    return found


if __name__ == "__main__":
    main(
        "texts",
        "verifiers",
        {
            "control tokens in an observation": control_tokens,
            "actions in an opened thought": opened_thought,
            "tags in a thought": tags_in_a_thought,
            "arguments of calls": arguments,
            "30.0 for an integer": whole_numbers,
            "kinds of tokenizers and templates": kinds,
            "the dummy text": "none stands in for another: what is new is rendered alone, or all anew",
            "escapes on a terminal": "its dashboard shows figures and names of tasks, no messages (read)",
        },
    )
