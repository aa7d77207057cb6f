"""What a policy may offer beyond `generate`, read in one place.

A policy is any object with the methods of `types.Policy`. It may also have:
    version          int: rises with every change of its weights
    encode_prompt,   the methods of `types.TokenPolicy`: prompts are tokens that
    encode_reply,    grow from turn to turn
    forget
    prompt           PromptConfig: the prompts it was trained with
    constraint       the decoding constraint it was trained with
    max_tokens       the length of messages it was trained with
    context_tokens   the longest prompt and message together
    names_actions    True: its text is the action itself, never tags around it
    reset_options    options of every reset, e.g. {"expert": True}
    sees_private     True: requests carry `info["private"]`
    score, encode    the logprobs of given tokens after a prompt; the tokens of a text
    vocab_size       the number of its tokens
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from ...errors import PolicyError
from ..prompts.config import EXPLAINED, PromptConfig
from ..types import Constraint, Policy, TokenPolicy

__all__ = [
    "PolicyStopped",
    "PromptTooLong",
    "constraint_of",
    "max_tokens_of",
    "names_actions",
    "prompt_of",
    "reset_options_of",
    "sees_private",
    "token_policy",
    "version_of",
]


class PolicyStopped(PolicyError):
    """Say that a policy will answer no further request, so that a rollout must stop.

    Any other PolicyError costs one episode; this one ends the whole rollout: a
    cost cap that is reached, a key that is refused.
    """


class PromptTooLong(PolicyError):
    """Say that a prompt does not fit the policy's context; the episode ends for lack of tokens."""


def token_policy(policy: Policy) -> TokenPolicy | None:
    """Return the policy as a TokenPolicy if its prompts are tokens."""
    return cast(TokenPolicy, policy) if callable(getattr(policy, "encode_prompt", None)) else None


def names_actions(policy: Policy) -> bool:
    """Tell whether the policy's text is the action itself."""
    return bool(getattr(policy, "names_actions", False))


def sees_private(policy: Policy) -> bool:
    """Tell whether requests to the policy carry `info["private"]`."""
    return bool(getattr(policy, "sees_private", False))


def reset_options_of(policy: Policy) -> dict[str, Any]:
    """Return the options that the policy needs in every reset."""
    return dict(getattr(policy, "reset_options", {}))


def version_of(policy: Policy) -> int:
    """Return the version of the policy's weights; 0 if it has none."""
    return int(getattr(policy, "version", 0))


def prompt_of(policy: Policy, wanted: PromptConfig | None) -> PromptConfig:
    """Choose the prompts: those wanted, else the policy's own, else explained ones."""
    own: PromptConfig | None = getattr(policy, "prompt", None)
    return wanted or own or (replace(EXPLAINED, style="plain") if names_actions(policy) else EXPLAINED)


def max_tokens_of(policy: Policy) -> int:
    """Return the policy's own length of messages, else a sixteenth of its context, at most 512."""
    context: int = getattr(policy, "context_tokens", 1 << 20)
    own: int | None = getattr(policy, "max_tokens", None)
    return own or min(512, max(16, context // 16))


def constraint_of(policy: Policy, wanted: Constraint | None) -> Constraint:
    """Choose the decoding constraint: the one wanted, else the policy's own, else none."""
    own: Constraint = getattr(policy, "constraint", "none")
    return wanted or own
