"""How an agent is asked in one episode, and how its messages are read: by its prompts and the tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...envs.tools import Tool, functions
from ...errors import UsageError
from ...servers.protocol.types import Reply
from ..policy import AgentSettings, Policy, PromptTooLong
from ..prompts.config import PromptConfig
from ..prompts.conversation import Context
from ..prompts.explained import read_as
from ..prompts.parse import Reading, parse_action
from ..prompts.tool_calls import read_native
from ..types import Encoder, Generation, GenerationRequest
from .config import RolloutConfig

_MAX_IMAGES = 64
"""In one prompt; a conversation keeps all that it has shown."""


def check_sight(policy: Policy, info: Mapping[str, Any], env_id: str) -> None:
    """Refuse an environment of pictures to a policy that sees none, before it says anything.

    Args:
        policy: answers the requests.
        info: of the first reply, which has pictures, or an empty list, if a later one may.
        env_id: the environment.

    Raises:
        UsageError: if it gives pictures that the policy cannot be shown.
    """
    if "images" in info and not policy.takes_images:
        raise UsageError(
            f"{env_id} shows pictures (info['images']), and the policy {policy.name!r} sees none: choose a "
            "model that does (hf:, openai:), or an environment in words. Training and warm starts take none"
        )


def images_shown(context: Context) -> tuple[str, ...]:
    """Return the pictures of the next prompt.

    Raises:
        PromptTooLong: if there are too many of them.
    """
    images = context.images
    if len(images) > _MAX_IMAGES:
        raise PromptTooLong(
            f"a prompt with {len(images)} pictures; at most {_MAX_IMAGES} are shown: use prompt.mode window, "
            "or prompt.compact_after"
        )
    return images


def callable_tools(prompt: PromptConfig, tools: Sequence[Tool]) -> tuple[dict[str, Any], ...]:
    """Return what may be called in the model's own form; nothing where tools are told in words."""
    return functions(tools) if prompt.tools == "native" else ()


def request_of(
    asked: AgentSettings,
    config: RolloutConfig,
    context: Context,
    reply: Reply,
    tools: Sequence[Tool],
    **turn: Any,
) -> GenerationRequest:
    """Return what a policy is asked for.

    Args:
        asked: how it is asked.
        config: of the rollout.
        context: the prompt.
        reply: what the environment answered last.
        tools: those of the environment.
        turn: the fields that differ from episode to episode and from turn to turn.
    """
    admissible = reply.info.get("admissible")
    return GenerationRequest(
        messages=context.messages,
        prompt_ids=context.prompt_ids,
        images=images_shown(context),
        admissible=None if admissible is None else tuple(admissible),
        suggestions=tuple(reply.info.get("suggestions") or ()),
        constraint=asked.constraint,
        style=read_as(asked.prompt.style, tools),
        max_tokens=asked.max_tokens,
        sampling=config.sampling,
        mask=config.mask,
        stop=config.stop,
        observation=reply.observation,
        tools=callable_tools(asked.prompt, tools),
        max_calls=asked.prompt.max_calls,
        template=asked.prompt.template,
        **turn,
    )


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
) -> Reading:
    """Read the actions of a message; an endpoint's calls are read whatever was asked for.

    Args:
        generation: the message.
        prompt: how the agent was asked.
        tools: those of the environment.
        most: characters of an action.
        opened: whether the message began inside a thought.
    """
    if prompt.tools == "native" or generation.tool_calls:
        return read_native(generation, tools, most, prompt.max_calls, opened)
    return Reading((parse_action(generation.text, read_as(prompt.style, tools), most, opened),))
