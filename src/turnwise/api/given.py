"""Agents, environments and servers as a program may give them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import gymnasium

from ..agents.gateway.config import HarnessConfig
from ..agents.policies import ActionPolicy, Policy, make_policy
from ..agents.prompts.config import PromptConfig
from ..agents.rollout import Rollout, rollout
from ..agents.rollout.config import RolloutConfig
from ..agents.types import GenerationRequest
from ..errors import UsageError
from ..servers.client import SessionClient, connect

EnvGiven = str | type[gymnasium.Env[Any, Any]]
AgentGiven = str | Policy | Callable[[GenerationRequest], str]
SERVER_BUDGET_S = 30.0
"""How long a server may be gone before an evaluation gives up, in seconds."""


class FunctionPolicy(ActionPolicy):
    """A function that takes a request and returns an action, as a policy."""

    def __init__(self, function: Callable[[GenerationRequest], str]) -> None:
        self.name = getattr(function, "__name__", type(function).__name__)
        self._function = function

    def act(self, request: GenerationRequest) -> str:
        """Return what the function returns."""
        return self._function(request)


def policy_of(agent: AgentGiven, options: Mapping[str, Any] | None = None) -> Policy:
    """Return the policy that is given: by name, as it is, or as a function.

    Raises:
        UsageError: if it is something else, or has options although it is not a name.
    """
    if isinstance(agent, str):
        return make_policy(agent, **(options or {}))
    if options:
        raise UsageError(f"agent_options {dict(options)}: go with the name of an agent; here is {agent!r}")
    if isinstance(agent, Policy):
        return agent
    if isinstance(agent, type) or not callable(agent):
        raise UsageError(
            f"agent {agent!r}: expected the name of one, a Policy (an object, not its class), or a function "
            "that takes a request and returns an action"
        )
    return FunctionPolicy(agent)


def env_of(env: EnvGiven, server: str | None = None) -> str:
    """Return the name by which an environment is made, in this process too where it is a class.

    Raises:
        UsageError: if a class cannot be found by its name, since it stands inside a function, or is to be
            made by a server.
    """
    if isinstance(env, str):
        return env
    if not (isinstance(env, type) and issubclass(env, gymnasium.Env)):
        raise UsageError(f"env {env!r}: expected the name of an environment, or a class of one")
    if server is not None:
        raise UsageError(f"env {env.__qualname__}: a class lives in this process; a server knows names alone")
    if "." in env.__qualname__:
        raise UsageError(
            f"env {env.__qualname__}: stands inside a function or a class; give one at the top level of a "
            "module, or turnwise.register it under an id"
        )
    return f"{env.__module__}:{env.__qualname__}"


def asked_by(
    recipe: str, config: RolloutConfig, prompt: PromptConfig | None
) -> tuple[RolloutConfig, PromptConfig]:
    """Complete how an agent is asked by what a recipe says: its prompts, constraint and length."""
    from ..trainers.policies import agent_settings
    from ..trainers.recipe import load

    loaded = load(recipe)
    asked = agent_settings(loaded.prompt, loaded.rollout)
    constraint, length = config.constraint or asked.constraint, config.max_tokens or asked.max_tokens
    return replace(config, constraint=constraint, max_tokens=length), prompt or asked.prompt


def harness_of(recipe: str | None) -> HarnessConfig:
    """Return the program that plays the episodes of a recipe, for an evaluation as that recipe plays.

    Raises:
        UsageError: if its rewards are posted: an evaluation counts what an environment says.
    """
    from ..trainers.recipe import load

    harness = load(recipe).harness if recipe else HarnessConfig()
    if harness.posted:
        raise UsageError(
            f"recipe {recipe!r}: harness.posted, and an evaluation counts what an environment says; let the "
            "program step a session (docs/gateway.md)"
        )
    return harness


def player_of(harness: HarnessConfig) -> Rollout:
    """Return what plays episodes: the program of a harness, if it names one, or turnwise itself."""
    if not harness.command:
        return rollout
    from ..agents.gateway.harness import HarnessRollout

    return HarnessRollout(harness)


def check_local(env_id: str, kwargs: Mapping[str, Any], split: str | None) -> None:
    """Refuse a wrong environment or argument before anything is played or written."""
    from ..envs.registry import make

    make(env_id, **{**kwargs, **({} if split is None else {"split": split})}).close()


@asynccontextmanager
async def opened(
    policy: Policy, *, close: bool, server: str | None, key: str | None
) -> AsyncIterator[SessionClient]:
    """Open the way to the environments, and close it and the policy at the end.

    Args:
        policy: who plays.
        close: whether it is closed too.
        server: an address; None is this process.
        key: the server's.
    """
    local = server in (None, "local:")
    client = connect(server) if local else connect(server, key, budget_s=SERVER_BUDGET_S, renew=True)
    try:
        yield client
    finally:
        if close:
            await policy.aclose()
        await client.aclose()
