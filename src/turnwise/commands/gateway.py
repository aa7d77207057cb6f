"""`turnwise gateway`: let harnesses of others play with a policy, and keep what came of it."""

from __future__ import annotations

import contextlib
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from ..agents.gateway.config import GatewayConfig
from ..agents.policies.by_name import make_policy
from ..agents.sampling import NEUTRAL, Sampling
from ..errors import UsageError
from ..settings import KEY_ENV
from .options import parse_kwargs
from .options_from import with_settings


@with_settings("TURNWISE_GATEWAY_")
def gateway(
    agent: Annotated[
        str, typer.Option("--agent", metavar="AGENT", help="A policy with tokens: ckpt:, hf: or vllm:.")
    ],
    agent_options: Annotated[
        list[str] | None,
        typer.Option("--agent-option", "-a", metavar="NAME=VALUE", help="Option of the agent."),
    ] = None,
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help=f"A server whose sessions episodes may have; its key: {KEY_ENV}."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the trajectories of episodes that end.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of an answer.")] = 512,
    max_prompt_tokens: Annotated[
        int, typer.Option(min=1, help="Most tokens of a prompt and its answer; the policy's context at most.")
    ] = 1 << 20,
    seed: Annotated[int, typer.Option(min=0, help="Of the sampling.")] = 0,
    sampling: Sampling = NEUTRAL,
    config: GatewayConfig = GatewayConfig(),
) -> None:
    """Answer model calls of harnesses until SIGTERM or Ctrl-C, each episode at an address of its own.

    POST /episodes opens one; chat completions, responses and Anthropic's messages are answered
    below its base_url. docs/gateway.md says how it ends and what it is rewarded with.
    """
    from ..agents.gateway.episode import Asking
    from ..agents.gateway.house import Gateway
    from ..agents.gateway.serve import serve
    from ..agents.stored import KeptTrajectories
    from ..servers.client import connect
    from ..servers.run.logs import configure_logs

    configure_logs()
    policy = make_policy(agent, **parse_kwargs(agent_options, "--agent-option"))
    if policy.tokens is None:
        raise UsageError(
            f"--agent {agent}: its prompts are texts, and what is trained on are tokens; expected ckpt:, hf: "
            "or vllm:"
        )
    bound = policy.asked(None, None, None).constraint
    if bound != "none":
        typer.echo(
            f"warning: {agent} was trained with its answers bounded (rollout.constraint = {bound!r}), and a "
            "gateway bounds none: it may say anything. A recipe with [harness] plays it as it was trained",
            err=True,
        )
    if server == "local:":
        raise UsageError(
            "--server local:: whoever opens an episode would name classes of this machine; expected the URL "
            "of a `turnwise serve`, which says what it offers"
        )
    client = connect(server) if server else None
    asking = Asking(
        policy.tokens,
        max_tokens,
        sampling,
        "none",
        max_prompt_tokens,
        config.limits.max_calls,
        seed,
        with_prompts=True,
    )
    with contextlib.ExitStack() as stack:
        kept, first = None, 0
        if out is not None:
            kept = KeptTrajectories(out, float("inf"))
            stack.callback(kept.close)
            first = kept.next_member
        gateway = Gateway(asking, config.limits, client, kept.add if kept else None, count(first))
        serve(gateway, config)
