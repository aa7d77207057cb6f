"""How an agent is asked in one episode, and how its messages are read: by its prompts and the tools."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...envs.tools import Tool, functions
from ...errors import UsageError
from ..policy import Policy
from ..prompts.config import PromptConfig
from ..prompts.explained import read_as
from ..prompts.parse import Parsed, parse_action
from ..prompts.tool_calls import read_native
from ..types import Encoder, Generation


def callable_tools(prompt: PromptConfig, tools: Sequence[Tool]) -> tuple[dict[str, Any], ...]:
    """Return what may be called in the model's own form; nothing where tools are told in words."""
    return functions(tools) if prompt.tools == "native" else ()


def encoder_of(policy: Policy, prompt: PromptConfig, tools: Sequence[Tool], env_id: str) -> Encoder | None:
    """Return what makes tokens of an episode's prompts; None for a policy that takes messages.

    Raises:
        UsageError: if there is nothing to call, or the policy takes no functions.
        PolicyError: if its chat template does not take them.
    """
    if prompt.tools == "native" and not tools:
        raise UsageError(f"prompt.tools is native, and {env_id} gives no info['tools']; use tools text")
    return policy.tokens.encoder(callable_tools(prompt, tools), prompt.template) if policy.tokens else None


def read_message(
    generation: Generation, prompt: PromptConfig, tools: Sequence[Tool], most: int, opened: bool | None
) -> Parsed:
    """Read the action of a message; an endpoint's calls are read whatever was asked for.

    Args:
        generation: the message.
        prompt: how the agent was asked.
        tools: those of the environment.
        most: characters of an action.
        opened: whether the message began inside a thought.
    """
    if prompt.tools == "native" or generation.tool_calls:
        return read_native(generation, tools, most, opened)
    return parse_action(generation.text, read_as(prompt.style, tools), most, opened)
