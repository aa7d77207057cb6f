"""Prompts: what a policy is shown of a task and of the state that it is in.

Two context modes. In a conversation every observation is one more user message
and the agent's own messages stay as they were said. In a window each turn has a
fresh prompt: the task, the last H pairs of observation and action, and the
current state (the prompt of GiGPO's released runs, arXiv 2505.10978, in our words).

A prompt is made of a View, which takes the observation, the instruction and the
admissible actions and the pictures out of `info` and nothing else; `info["private"]` has no way in.
A hint is of whoever plays the episode: a sampler, while it trains (agents.rollout.beginning).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args

from ...envs.images import images_of
from ...envs.tools import Tool, tools_of
from ...errors import EnvironmentFault, UnknownName, UsageError
from ...settings import Setting
from ..types import Message, Style
from .explained import explanation

Mode = Literal["conversation", "window"]
Place = Literal["none", "user", "system"]


def _arguments(given: str) -> dict[str, Any]:
    """Read the arguments of a chat template.

    Raises:
        UsageError: if they are not a JSON object.
    """
    wrong = f'template {given!r}: expected a JSON object, e.g. {{"enable_thinking": false}}'
    try:
        arguments = json.loads(given)
    except ValueError as error:
        raise UsageError(f"{wrong}: {error}") from error
    if not isinstance(arguments, dict):
        raise UsageError(wrong)
    return arguments


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
    explain: Annotated[
        Place,
        Setting("Where it is told how to answer and which commands there are: nowhere, or in whose message."),
    ] = "none"
    system: str = ""  # the system message, before what is explained there
    tools: Annotated[
        Literal["text", "native"],
        Setting("Commands in words, or as functions that the model calls in a form of its own."),
    ] = "text"
    max_calls: Annotated[
        int,
        Setting(
            "Native calls of one message that are made, each as a step; the model is told of others.", least=1
        ),
    ] = 16
    thoughts: Annotated[
        Literal["keep", "drop"],
        Setting("Whether earlier thoughts stay in a conversation; dropping one starts a new sequence."),
    ] = "keep"
    compact_after: Annotated[
        int,
        Setting(
            "Turns after which a conversation goes on with the task and the last --history turns; 0: never.",
            least=0,
        ),
    ] = 0
    compaction: Annotated[
        Literal["window", "summary"],
        Setting("What stays of turns left out: their number alone, or the agent's <summary> too."),
    ] = "window"
    template: Annotated[
        Mapping[str, Any],
        Setting(
            "Arguments of the chat template, as JSON: '{\"enable_thinking\": false}'.",
            form=str,
            parse=_arguments,
            shown="{}",
        ),
    ] = field(default_factory=dict)
    task_label: str = "Your task: "  # stands before the instruction
    actions_label: str = "Admissible actions: "  # stands before the admissible actions
    max_observation_chars: int = 16_384  # longer observations are cut
    max_admissible: int = 256  # longer lists are cut

    def __post_init__(self) -> None:
        if self.mode not in ("conversation", "window"):
            raise UnknownName("context mode", self.mode, ["conversation", "window"])
        if self.style not in get_args(Style):
            raise UnknownName("prompt style", self.style, get_args(Style))
        if self.explain not in get_args(Place):
            raise UnknownName("place of the explanation", self.explain, get_args(Place))
        if self.tools not in ("text", "native"):
            raise UnknownName("form of tools", self.tools, ["text", "native"])
        if self.thoughts not in ("keep", "drop"):
            raise UnknownName("treatment of thoughts", self.thoughts, ["keep", "drop"])
        if self.tools == "native" and self.style == "plan":
            raise UsageError("tools native and style plan: a call holds no subgoal; use tools text")
        if self.compaction not in ("window", "summary"):
            raise UnknownName("compaction", self.compaction, ["window", "summary"])
        if self.compaction == "summary" and (self.mode, self.compact_after > 0) != ("conversation", True):
            raise UsageError(
                f"compaction summary with mode {self.mode} and compact_after {self.compact_after}: no turns "
                "are left out of such prompts; expected mode conversation and compact_after of 1 or more"
            )
        if self.compact_after and self.mode == "window":
            raise UsageError(
                f"compact_after {self.compact_after} with mode window, whose prompts are each made anew; "
                "expected 0, or mode conversation"
            )
        if 0 < self.compact_after < self.history:
            raise UsageError(
                f"compact_after {self.compact_after} is less than the {self.history} turns of history, "
                f"which stay: expected {self.history} or more, a smaller history, or 0 to leave out none"
            )
        for name, least in (
            ("history", 0),
            ("max_calls", 1),
            ("max_observation_chars", 1),
            ("max_admissible", 1),
        ):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, got {getattr(self, name)}")


EXPLAINED = PromptConfig(style="tags", show_admissible=True, explain="user")
"""For policies that bring no prompts of their own: explained in words, with the admissible actions."""


@dataclass(frozen=True, slots=True)
class View:
    """What a prompt may show of one state."""

    observation: str
    instruction: str = ""
    admissible: tuple[str, ...] | None = None
    tools: tuple[Tool, ...] = ()
    images: tuple[str, ...] = ()
    hint: str = ""

    @classmethod
    def of(
        cls,
        observation: str,
        info: Mapping[str, Any],
        instruction: str = "",
        tools: tuple[Tool, ...] = (),
        hint: str = "",
    ) -> View:
        """Take the view of a state out of a reply.

        Args:
            observation: the reply's text.
            info: the reply's info; only `instruction`, `admissible`, `tools` and `images` are read.
            instruction: the episode's, for replies that do not repeat it.
            tools: likewise.
            hint: words that stand behind the task.

        Raises:
            EnvironmentFault: if its pictures are not ones: the reply may be of a foreign server.
        """
        admissible = info.get("admissible")
        return cls(
            observation,
            str(info.get("instruction") or instruction),
            None if admissible is None else tuple(admissible),
            tools_of(info.get("tools")) or tools,
            _images_of(info),
            hint,
        )


def _images_of(info: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return images_of(info)
    except ValueError as error:
        raise EnvironmentFault(str(error)) from error


def opening(config: PromptConfig, view: View) -> tuple[Message, ...]:
    """Begin a conversation: the system message, the task, the first observation, how to answer."""
    return _prompt(config, view, [*_task(config, view), *_state(config, view)])


def reply(config: PromptConfig, view: View) -> tuple[Message, ...]:
    """Continue a conversation: the message that answers the agent's action."""
    return (Message("user", "\n".join(_state(config, view)), images=view.images),)


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
    parts = _task(config, view)
    first = max(0, len(past) - config.history)
    if past:
        parts.append(f"Turns taken so far: {len(past)}.")
    for number, (observation, action) in enumerate(past[first:], start=first + 1):
        parts.append(f"Observation {number}: {_cut(observation, config.max_observation_chars)}")
        parts.append(f"Action {number}: {action}")
    if subgoal:
        parts.append(f"Subgoal: {subgoal}")
    parts.append(f"Observation {len(past) + 1}:")
    return _prompt(config, view, [*parts, *_state(config, view)])


def _prompt(config: PromptConfig, view: View, parts: Sequence[str]) -> tuple[Message, ...]:
    """Return a prompt of its parts, with the explanation where it belongs."""
    system, user = [config.system], ["\n".join(parts)]
    if config.explain != "none":
        listed = config.show_admissible and view.admissible is not None
        calls = config.max_calls if config.tools == "native" else 0
        told = explanation(config.style, view.tools, user[0], listed, calls)
        (user if config.explain == "user" else system).append(told)
    said = "\n\n".join(filter(None, system))
    shown = Message("user", "\n\n".join(user), images=view.images)
    return (Message("system", said), shown) if said else (shown,)


def _task(config: PromptConfig, view: View) -> list[str]:
    """Return the task, unless the observation states it, and the hint, if there is one."""
    task = [] if view.instruction in view.observation else [config.task_label + view.instruction]
    return [*task, _cut(view.hint, config.max_observation_chars)] if view.hint else task


def _state(config: PromptConfig, view: View) -> list[str]:
    parts = [_cut(view.observation, config.max_observation_chars)]
    if config.show_admissible and view.admissible is not None:
        shown = ", ".join(view.admissible[: config.max_admissible])
        hidden = len(view.admissible) - config.max_admissible
        parts.append(config.actions_label + shown + (f", and {hidden} more" if hidden > 0 else ""))
    return parts


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + " [cut]"
