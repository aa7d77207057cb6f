"""Prompts: what a policy is shown of a task and of the state that it is in.

Two context modes. In a conversation every observation is one more user message
and the agent's own messages stay as they were said. In a window each turn has a
fresh prompt: the task, the last H pairs of observation and action, and the
current state (the prompt of GiGPO's released runs, arXiv 2505.10978, in our words).

A prompt is made of a View, which takes the observation, the instruction and the
admissible actions out of `info` and nothing else; `info["private"]` has no way in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ...errors import UnknownName, UsageError
from ...settings import Setting
from ..types import Message, Style

Mode = Literal["conversation", "window"]

_SYSTEM: dict[Style, str] = {
    "tags": (
        "You act in a text environment to complete a task. Each turn you are shown what you observe. "
        "First think inside <think> and </think>, then give exactly one action inside <action> and </action>."
    ),
    "plain": (
        "You act in a text environment to complete a task. Each turn you are shown what you observe. "
        "Answer with exactly one action and nothing else."
    ),
    "plan": (
        "You act in a text environment to complete a task, subgoal by subgoal. Each turn you are shown what "
        "you observe. Answer in two lines. The first is 'new: ' and your next subgoal in a few words, or "
        "'keep' while the last one is not reached. The second is exactly one action."
    ),
}


@dataclass(frozen=True, slots=True)
class PromptConfig:
    """How prompts are made; the [prompt] of a recipe.

    A policy that learns reads its task out of rewards: by default a prompt shows it the
    task and what it observes. `EXPLAINED` tells one that has not learned what is asked.

    Raises:
        UnknownName: for another mode or style.
        UsageError: if a number is out of range.
    """

    mode: Mode = "conversation"  # prompts that grow, or a window: a fresh prompt each turn
    history: Annotated[int, Setting("Pairs of observation and action that a window shows.", least=0)] = 2
    style: Annotated[
        Style,
        Setting("How to answer: <think> and <action> tags, the action alone, or a subgoal and an action."),
    ] = "plain"
    show_admissible: bool = False  # list the admissible actions where the environment gives them
    system: str | None = ""  # the system message; None is the default of the style, "" is none
    task_label: str = "Your task: "  # stands before the instruction
    actions_label: str = "Admissible actions: "  # stands before the admissible actions
    max_observation_chars: int = 16_384  # longer observations are cut
    max_admissible: int = 256  # longer lists are cut

    def __post_init__(self) -> None:
        if self.mode not in ("conversation", "window"):
            raise UnknownName("context mode", self.mode, ["conversation", "window"])
        if self.style not in _SYSTEM:
            raise UnknownName("prompt style", self.style, _SYSTEM)
        for name, least in (("history", 0), ("max_observation_chars", 1), ("max_admissible", 1)):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, got {getattr(self, name)}")

    @property
    def system_text(self) -> str:
        """Return the system message; empty is none."""
        return _SYSTEM[self.style] if self.system is None else self.system


EXPLAINED = PromptConfig(style="tags", show_admissible=True, system=None)
"""For policies that bring no prompts of their own: explained in words, with the admissible actions."""


@dataclass(frozen=True, slots=True)
class View:
    """What a prompt may show of one state."""

    observation: str
    instruction: str = ""
    admissible: tuple[str, ...] | None = None

    @classmethod
    def of(cls, observation: str, info: Mapping[str, Any], instruction: str = "") -> View:
        """Take the view of a state out of a reply.

        Args:
            observation: the reply's text.
            info: the reply's info; only `instruction` and `admissible` are read.
            instruction: the episode's, for replies that do not repeat it.
        """
        admissible = info.get("admissible")
        return cls(
            observation,
            str(info.get("instruction") or instruction),
            None if admissible is None else tuple(admissible),
        )


def opening(config: PromptConfig, view: View) -> tuple[Message, ...]:
    """Begin a conversation: the system message, then the task and the first observation."""
    parts = [] if view.instruction in view.observation else [config.task_label + view.instruction]
    return (*_system(config), Message("user", "\n".join((*parts, *_state(config, view)))))


def reply(config: PromptConfig, view: View) -> tuple[Message, ...]:
    """Continue a conversation: the message that answers the agent's action."""
    return (Message("user", "\n".join(_state(config, view))),)


def window(
    config: PromptConfig, view: View, past: Sequence[tuple[str, str]], subgoal: str = ""
) -> tuple[Message, ...]:
    """Make a fresh prompt for the current state.

    Args:
        config: how prompts are made.
        view: the current state.
        past: every (observation, action) of the episode so far, first to last.
        subgoal: of a plan-execute agent, the one in force.
    """
    parts = [config.task_label + view.instruction] if view.instruction else []
    first = max(0, len(past) - config.history)
    if past:
        parts.append(f"Turns taken so far: {len(past)}.")
    for number, (observation, action) in enumerate(past[first:], start=first + 1):
        parts.append(f"Observation {number}: {_cut(observation, config.max_observation_chars)}")
        parts.append(f"Action {number}: {action}")
    if subgoal:
        parts.append(f"Subgoal: {subgoal}")
    parts.append(f"Observation {len(past) + 1}:")
    return (*_system(config), Message("user", "\n".join((*parts, *_state(config, view)))))


def _system(config: PromptConfig) -> tuple[Message, ...]:
    return (Message("system", config.system_text),) if config.system_text else ()


def _state(config: PromptConfig, view: View) -> list[str]:
    parts = [_cut(view.observation, config.max_observation_chars)]
    if config.show_admissible and view.admissible is not None:
        shown = ", ".join(view.admissible[: config.max_admissible])
        hidden = len(view.admissible) - config.max_admissible
        parts.append(config.actions_label + shown + (f", and {hidden} more" if hidden > 0 else ""))
    return parts


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + " [cut]"
