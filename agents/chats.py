"""Trajectories as chats, one JSON document a conversation: what trainers of others learn from (SFT).

    {"messages": [{"role": ..., "content": ..., "tool_calls": [...]}, ...], "tools": [...], "task": ...}

The form is that of chat APIs and of the Hugging Face libraries: calls hold their arguments as an
object, a thought that an endpoint told apart stands in `reasoning_content`, any other where it was said.
What the policy was shown is what stands in the prompts; where they were kept in tokens alone, they are
made again. A prompt that does not continue the one before begins a conversation of its own: with
windows that is every turn.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..envs.tools import Tool, functions, tools_of
from ..errors import UsageError
from .prompts.call_messages import chat_calls, with_ids, without_calls
from .prompts.call_values import ToolCall
from .prompts.config import PromptConfig, View
from .prompts.conversation import Context
from .prompts.tool_calls import calls_of
from .types import Message, Trajectory, Turn

Chat = dict[str, Any]


def chats_of(trajectory: Trajectory, prompt: PromptConfig) -> Iterator[Chat]:
    """Yield the conversations of an episode.

    Args:
        trajectory: the episode.
        prompt: how its prompts were made.

    Raises:
        UsageError: if it has pictures, or neither its prompts nor what they are made of was kept.
    """
    prompts = [turn.prompt for turn in trajectory.turns]
    if not all(prompts):
        prompts = _made_again(trajectory, prompt)
    if any(message.images for shown in prompts for message in shown):
        raise UsageError(f"{trajectory.name}: shows pictures, which chats in JSON lines do not hold")
    tools = _tools_of(trajectory) if prompt.tools == "native" else ()
    begins = [place for place in range(len(prompts)) if not place or not _continues(prompts, place)]
    for start, end in zip(begins, [*begins[1:], len(prompts)], strict=True):
        messages = _conversation(trajectory.turns[start:end], prompts[start:end], prompt, tools)
        yield {
            "messages": messages,
            **({"tools": list(functions(tools))} if tools else {}),
            "env_id": trajectory.env_id,
            "task": trajectory.task,
            "task_seed": trajectory.task_seed,
            "group": trajectory.group,
            "member": trajectory.member,
            "turns": [start, end],
            "rewards": [turn.reward for turn in trajectory.turns[start:end]],
            "valid": [turn.valid for turn in trajectory.turns[start:end]],
            "return": trajectory.episode_return,
            "success": trajectory.success,
            "end": trajectory.end,
            **({"given": trajectory.given} if trajectory.given else {}),
            **({"hint": trajectory.hint} if trajectory.hint else {}),
        }


def write_chats(path: Path, trajectories: Iterable[Trajectory], prompt: PromptConfig) -> int:
    """Write the conversations of episodes as JSON lines, without those that the machine spoiled.

    Returns:
        the number of lines.

    Raises:
        UsageError: as `chats_of`; nothing is written.
        OSError: if the file cannot be written; it appears whole or not at all.
    """
    number = 0
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            for trajectory in trajectories:
                for chat in chats_of(trajectory, prompt) if trajectory.counts else ():
                    file.write(json.dumps(chat, ensure_ascii=False) + "\n")
                    number += 1
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return number


def _continues(prompts: Sequence[tuple[Message, ...]], place: int) -> bool:
    """Tell whether a prompt is the one before, a message of the agent, and more."""
    before, now = prompts[place - 1], prompts[place]
    return now[: len(before)] == before and len(now) > len(before) and now[len(before)].role == "assistant"


def _conversation(
    turns: Sequence[Turn], prompts: Sequence[tuple[Message, ...]], prompt: PromptConfig, tools: Sequence[Tool]
) -> list[dict[str, Any]]:
    messages, made = [_plain(message) for message in prompts[0]], 0
    for place, turn in enumerate(turns):
        new = prompts[place + 1][len(prompts[place]) :] if place + 1 < len(turns) else ()
        native = prompt.tools == "native" or bool(turn.generation.tool_calls)
        calls = calls_of(turn.generation, None, tools) if native else ()
        told = new[0].tool_calls if new else chat_calls(with_ids(calls, made)[0])
        made += len(told)
        messages += [_said(turn, calls if told else (), told), *map(_plain, new[1:])]
    return messages


def _said(turn: Turn, calls: Sequence[ToolCall], told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the agent's message as it was said: its calls apart where they were answered as such."""
    said = turn.generation
    text = without_calls(said.text, calls) if calls else said.text or turn.action
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if said.reasoning:
        message["reasoning_content"] = said.reasoning
    if told:
        message["tool_calls"] = list(told)
    return message


def _plain(message: Message) -> dict[str, Any]:
    document: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        document["tool_calls"] = list(message.tool_calls)
    if message.tool_call_id:
        document["tool_call_id"] = message.tool_call_id
    return document


def _tools_of(trajectory: Trajectory) -> tuple[Tool, ...]:
    for turn in trajectory.turns:
        if tools := tools_of(turn.info.get("tools")):
            return tools
    raise UsageError(
        f"{trajectory.name}: tools were called natively, and no turn holds their descriptions; evaluate "
        "again with --out, which keeps them"
    )


def _made_again(trajectory: Trajectory, prompt: PromptConfig) -> list[tuple[Message, ...]]:
    """Return the prompts as they were made, out of the states that were stored."""
    if prompt.tools == "native":
        raise UsageError(
            f"{trajectory.name}: tools were called natively, and its prompts were not kept in words; "
            "evaluate with --out, which keeps them"
        )
    kept = any(turn.info.keys() & {"admissible", "tools"} for turn in trajectory.turns)
    if not kept and (prompt.show_admissible or prompt.explain != "none"):
        raise UsageError(
            f"{trajectory.name}: neither its prompts nor the admissible actions and tools that they show "
            "were kept; evaluate with --out, which keeps prompts, or train with rollout.drop_info = []"
        )
    context, prompts, view = Context(prompt, None), list[tuple[Message, ...]](), View("")
    for turn in trajectory.turns:
        view = View.of(turn.observation, turn.info, trajectory.instruction, view.tools, trajectory.hint)
        context.observe(view)
        prompts.append(context.shown)
        context.record(turn.observation, turn.action, turn.generation, turn.subgoal)
    return prompts
