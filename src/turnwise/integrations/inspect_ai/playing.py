"""The solver: inspect's model plays an environment, by calls of tools or in words.

The environment's steps run in threads, so that samples are played side by side. Each message of the model is
answered: its calls one after the other, and one without a call as an action in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio.to_thread
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolInfo, ToolParams

from ...agents.prompts.config import PromptConfig
from ...envs.images import images_of
from ..called import SHOWN, Called

EPISODE = "turnwise"
"""The key of a sample's store that holds what came of its episode."""
_UNREADABLE = "The call could not be read ({}); nothing was done."


@solver
def play(
    env: str,
    kwargs: Mapping[str, Any] | None = None,
    max_messages: int = 50,
    prompt: PromptConfig = SHOWN,
) -> Solver:
    """Return a solver that lets the model play the seed of each sample.

    Args:
        env: the name of the environment.
        kwargs: its arguments.
        max_messages: an episode ends after so many messages of the model.
        prompt: how its states are shown.

    Raises:
        EnvironmentFault: by the solver, if the environment breaks: the sample is an error, and not scored.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        played = await anyio.to_thread.run_sync(Called, env, kwargs, prompt)
        try:
            opening = await anyio.to_thread.run_sync(played.reset, int(state.metadata["seed"]))
            state.messages = [ChatMessageUser(content=_content(opening, played))]
            tools = tools_of(played)
            for _ in range(max_messages):
                state.output = await get_model().generate(state.messages, tools=tools)
                state.messages.append(state.output.message)
                state.messages += await _answers(played, state.output.message)
                if played.end is not None:
                    break
        finally:
            state.store.set(EPISODE, told(played))
            played.close()
        return state

    return solve


def tools_of(played: Called) -> list[ToolInfo]:
    """Return the tools of an environment as inspect describes them to models."""
    return [
        ToolInfo(
            name=str(tool["name"]),
            description=str(tool.get("description") or ""),
            parameters=ToolParams.model_validate({"type": "object", **(tool.get("parameters") or {})}),
        )
        for tool in played.tools
    ]


def told(played: Called) -> dict[str, Any]:
    """Return what came of an episode, as plain values for scorers and logs."""
    trajectory = played.trajectory()
    turns = [
        {"action": turn.action, "reward": turn.reward, "state_key": turn.state_key} for turn in played.turns
    ]
    return {
        "task": trajectory.task,
        "end": trajectory.end,
        "won": trajectory.success,
        "score": trajectory.score,
        "return": played.total,
        "turns": turns,
    }


async def _answers(played: Called, message: ChatMessageAssistant) -> list[ChatMessage]:
    """Take the turns of one message, and return what the environment answers."""
    if not message.tool_calls:
        said = await anyio.to_thread.run_sync(played.say, message.text)
        return [ChatMessageUser(content=_content(said, played))]
    answers: list[ChatMessage] = []
    for call in message.tool_calls:
        if call.parse_error:
            said = _UNREADABLE.format(call.parse_error)
        else:
            said = await anyio.to_thread.run_sync(played.call, call.function, call.arguments)
        content = _content(said, played)
        answers.append(ChatMessageTool(content=content, tool_call_id=call.id, function=call.function))
    return answers


def _content(text: str, played: Called) -> str | list[Content]:
    """Return a text with the pictures of the state."""
    images = images_of(played.info)
    if not images:
        return text
    shown = [ContentImage(image=f"data:image/png;base64,{image}") for image in images]
    return [ContentText(text=text), *shown]
