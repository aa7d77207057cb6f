"""The growing prompt of one episode, in messages or in tokens.

For a TokenPolicy in conversation mode the tokens of a prompt are never made
again: prompt_ids(t+1) = prompt_ids(t) + token_ids(t) + encode_reply(new messages). Where a
thought is dropped, or turns are left out (`compact_after`), a new sequence begins, which then
grows in the same way.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import chain

from ...envs.thoughts import find_thoughts
from ..types import Encoder, Generation, Message
from .call_values import ToolCall
from .config import PromptConfig, View, opening, reply, window
from .tool_calls import NOT_MADE, ONE_CALL, calls_of, chat_calls, without_calls

_SHOWN = "This is what it looks like now."


class Context:
    """What the policy is shown next.

    Args:
        config: how prompts are made.
        encoder: makes tokens of messages; None keeps the prompt in messages.
        opened: whether messages begin inside a thought; None if that is not known.
    """

    def __init__(self, config: PromptConfig, encoder: Encoder | None, opened: bool | None = None) -> None:
        self.config = config
        self.encoder = encoder
        self.subgoal = ""
        self.is_current = False  # whether it shows the environment's last answer
        self._past: list[tuple[str, str]] = []
        self._messages: tuple[Message, ...] = ()
        self._opening: tuple[Message, ...] = ()
        self._rounds: list[tuple[Message, ...]] = []  # the agent's message and what answered it
        self._left_out = 0  # rounds before these
        self._prompt_ids: tuple[int, ...] = ()
        self._opened = opened
        self._said: Generation | None = None
        self._calls: tuple[ToolCall, ...] = ()  # of the last message
        self._billed_tokens = 0

    def clone(self) -> Context:
        """Return an independent copy, for an episode that branches off."""
        other = copy.copy(self)
        other._past, other._rounds = list(self._past), list(self._rounds)
        return other

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the prompt as messages; empty where it is kept in tokens."""
        return () if self.encoder else self._messages

    @property
    def shown(self) -> tuple[Message, ...]:
        """Return the prompt in words, also where it is kept in tokens."""
        return self._messages

    @property
    def prompt_ids(self) -> tuple[int, ...] | None:
        """Return the prompt as tokens [P]; None where it is kept in messages."""
        return self._prompt_ids if self.encoder else None

    @property
    def images(self) -> tuple[str, ...]:
        """Return the pictures of the prompt, in their order."""
        return tuple(image for message in self._messages for image in message.images)

    @property
    def num_tokens(self) -> int:
        """Return the length of the prompt in tokens.

        For an endpoint it is what the endpoint counted last, prompt and answer,
        which the new messages are not part of; where it counts nothing, what they are at least.
        """
        return len(self._prompt_ids) if self.encoder else self._billed_tokens

    def observe(self, view: View) -> None:
        """Show the state that the environment has answered with."""
        self.is_current = True
        if len(self._calls) > 1:
            rule = ONE_CALL.format(count=len(self._calls))
            view = replace(view, observation=f"{rule}\n{view.observation}")
        if self.config.mode == "window":
            self._begin(window(self.config, view, self._past, self.subgoal))
        elif self._said is None:
            self._begin(opening(self.config, view))
        else:
            self._continue(self._said, reply(self.config, view))

    def record(self, observation: str, action: str, generation: Generation, subgoal: str = "") -> None:
        """Note what was done in the state last shown, and the subgoal in force now."""
        self.subgoal, self.is_current = subgoal, False
        self._past.append((observation, action))
        self._said = generation
        native = self.config.tools == "native" or bool(generation.tool_calls)
        calls = calls_of(generation, self._opened) if native else ()
        self._calls = () if any(call.problem for call in calls) else calls
        usage = generation.usage
        counted = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
        self._billed_tokens = int(counted or usage.get("estimated_tokens", 0))

    def _answerable(self) -> tuple[ToolCall, ...]:
        """Return the calls that are answered as such: many templates write no more than one."""
        if self.encoder is None:
            return self._calls
        return self._calls if self.encoder.takes_calls and len(self._calls) == 1 else ()

    def _begin(self, messages: tuple[Message, ...]) -> None:
        self._messages = self._opening = messages
        if self.encoder:
            self._prompt_ids = self.encoder.encode_prompt(messages)

    def _continue(self, said: Generation, messages: tuple[Message, ...]) -> None:
        calls = self._answerable()
        text, messages = said.text, _answers(calls, messages) if calls else messages
        if calls:
            text = without_calls(text, calls)
        whole = len(text.strip())
        if self.config.thoughts == "drop":
            text = find_thoughts(text, self._opened).rest(text).strip()
        dropped = len(text) < whole
        self._rounds.append((Message("assistant", text, chat_calls(calls)), *messages))
        full = 0 < self.config.compact_after < len(self._rounds)
        if full:
            left = len(self._rounds) - max(1, self.config.history)
            self._rounds, self._left_out = self._rounds[left:], self._left_out + left
        self._messages = (*_with_gap(self._opening, self._left_out), *chain.from_iterable(self._rounds))
        if self.encoder and (
            dropped or full
        ):  # what is left out is in no later prompt: a new sequence begins
            self._prompt_ids = self.encoder.encode_prompt(self._messages)
        elif self.encoder:
            suffix = self.encoder.encode_reply(messages, said.finish_reason)
            self._prompt_ids = self._prompt_ids + said.token_ids + suffix


def _with_gap(opening: tuple[Message, ...], left_out: int) -> tuple[Message, ...]:
    """Return how a conversation began, and that turns are missing after it."""
    *before, last = opening
    if not left_out:
        return opening
    return (*before, replace(last, content=f"{last.content}\n\n[{left_out} turns are left out here.]"))


def _answers(calls: tuple[ToolCall, ...], messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the reply as answers of tools: the first call's, and that the others were not made.

    A tool answers in words; pictures come after it from the user.
    """
    first, *others = (str(call["id"]) for call in chat_calls(calls))
    (reply,) = messages
    return (
        Message("tool", bare(reply.content), tool_call_id=first),
        *(Message("tool", NOT_MADE, tool_call_id=other) for other in others),
        *((Message("user", _SHOWN, images=reply.images),) if reply.images else ()),
    )


def bare(text: str) -> str:
    """Take off the tags of an answer, which templates and endpoints write themselves."""
    start, end = "<tool_response>", "</tool_response>"
    inner = text.removeprefix(start).removesuffix(end)
    return inner if len(inner) == len(text) - len(start) - len(end) else text
