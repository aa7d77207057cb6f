"""How an agent was trained to be asked: kept beside its weights as agent.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, cast, get_args

from ...errors import CheckpointError, UsageError
from ...files import write_whole
from ..prompts.config import PromptConfig
from ..types import Constraint, Policy

__all__ = ["AgentSettings", "attach_settings", "read_settings", "write_settings"]

_NAME = "agent.json"


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """Hold the prompts, the decoding constraint and the length of messages of a trained agent."""

    prompt: PromptConfig = field(default_factory=PromptConfig)
    constraint: Constraint = "none"
    max_tokens: int = 64


class _Settled(Protocol):
    prompt: PromptConfig
    constraint: Constraint
    max_tokens: int


def write_settings(folder: str | Path, settings: AgentSettings) -> None:
    """Write agent.json into the folder of a checkpoint."""
    text = json.dumps(asdict(settings), indent=2, sort_keys=True)
    write_whole(Path(folder) / _NAME, text.encode() + b"\n")


def read_settings(folder: str | Path) -> AgentSettings | None:
    """Read agent.json of a checkpoint; None if there is none.

    Raises:
        CheckpointError: naming the file and the reason, if it is broken.
    """
    path = Path(folder) / _NAME
    if not path.exists():
        return None
    try:
        values = json.loads(path.read_bytes())
        settings = AgentSettings(**{**values, "prompt": PromptConfig(**values["prompt"])})
        if settings.constraint not in get_args(Constraint) or settings.max_tokens < 1:
            raise UsageError(f"constraint {settings.constraint!r}, max_tokens {settings.max_tokens!r}")
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    return settings


def attach_settings(policy: Policy, settings: AgentSettings | None) -> None:
    """Let a policy carry the settings it was trained with; see capabilities."""
    if settings is not None:
        settled = cast(_Settled, policy)
        settled.prompt = settings.prompt
        settled.constraint = settings.constraint
        settled.max_tokens = settings.max_tokens
