"""The growing prompt of one episode, in messages or in tokens.

For a TokenPolicy in conversation mode the tokens of a prompt are never made
again: prompt_ids(t+1) = prompt_ids(t) + token_ids(t) + encode_reply(new messages). Where a
thought is dropped, or turns are left out (`compact_after`, agents.prompts.compaction), a new sequence
begins, which then grows in the same way.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from ...envs.thoughts import find_thoughts
from ..types import Encoder, Generation, Message
from .call_messages import answered_in_words, answers, chat_calls, with_ids, without_calls
from .call_values import ToolCall
from .compaction import asking, blanked, find_summary, with_gap
from .config import PromptConfig, View, opening, reply, window


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
        self._summary = ""  # of them, in the agent's words
        self._asks_summary = False  # whether the prompt does
        self._prompt_ids: tuple[int, ...] = ()
        self._opened = opened
        self._said: Generation | None = None
        self._calls: tuple[ToolCall, ...] = ()  # of the last message
        self._num_ids = 0  # that were made
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

    @property
    def asks_summary(self) -> bool:
        """Tell whether the prompt asks for a summary in front of the action."""
        return self._asks_summary

    def readable(self, text: str) -> str:
        """Return what was said with blanks in place of the summary that was asked for."""
        return blanked(text, self._opened) if self._asks_summary else text

    def observe(self, view: View, earlier: Sequence[View] = ()) -> None:
        """Show the state that the environment has answered with.

        Args:
            view: the state now.
            earlier: those before it, where the last message made several calls: one for each but the last.
        """
        self.is_current = True
        if self.config.mode == "window":
            self._begin(window(self.config, view, self._past, self.subgoal))
        elif self._said is None:
            self._begin(opening(self.config, view))
        else:
            bare = replace(self.config, show_admissible=False)
            answers = [message for one in earlier for message in reply(bare, one)]
            self._continue(self._said, [*answers, *reply(self.config, view)])

    def record(
        self,
        observation: str,
        action: str,
        generation: Generation,
        subgoal: str = "",
        calls: Sequence[ToolCall] = (),
        later: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Note what was done in the state last shown, and the subgoal in force now.

        Args:
            observation: the state.
            action: what was done in it.
            generation: the message.
            subgoal: the one in force.
            calls: those that the message made.
            later: further states and actions, where it made several.
        """
        self.subgoal, self.is_current = subgoal, False
        self._past += [(observation, action), *later]
        self._said = generation
        self._calls, self._num_ids = with_ids(calls, self._num_ids)
        usage = generation.usage
        counted = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
        self._billed_tokens = int(counted or usage.get("estimated_tokens", 0))

    def _begin(self, messages: tuple[Message, ...]) -> None:
        self._messages = self._opening = messages
        if self.encoder:
            self._prompt_ids = self.encoder.encode_prompt(messages)

    def _continue(self, said: Generation, replies: Sequence[Message]) -> None:
        """Go on with what was said and with what answers it."""
        calls = self._calls if self._takes_calls else ()
        text = without_calls(said.text, calls) if calls else said.text
        whole = len(text.strip())
        if self._asks_summary:
            text = self._noted(text)
        if self.config.thoughts == "drop":
            text = find_thoughts(text, self._opened).rest(text).strip()
        dropped = len(text) < whole
        messages = self._answers(replies)
        most = self.config.compact_after
        kept, full = max(1, self.config.history), 0 < most <= len(self._rounds)
        count = kept if full else len(self._rounds) + 1
        self._asks_summary = self.config.compaction == "summary" and count >= most
        self._rounds.append((Message("assistant", text, chat_calls(calls)), *messages))
        if full:
            left = len(self._rounds) - kept
            self._rounds, self._left_out = self._rounds[left:], self._left_out + left
        began = with_gap(self._opening, self._left_out, self._summary)
        if self._asks_summary:  # asked in this prompt alone: later ones do not show the request
            messages = asking(messages, kept)
        before = [*chain.from_iterable(self._rounds[:-1]), self._rounds[-1][0]]
        self._messages = (*began, *before, *messages)
        if self.encoder and (dropped or full):  # what is left out is in no later prompt: a new sequence
            self._prompt_ids = self.encoder.encode_prompt(self._messages)
        elif self.encoder:
            suffix = self.encoder.encode_reply(messages, said.finish_reason)
            self._prompt_ids = self._prompt_ids + said.token_ids + suffix

    def _noted(self, text: str) -> str:
        """Take the summary out of what was said; one that is missing leaves the last."""
        found = find_summary(text, self._opened)
        if found is None:
            return text
        (start, end), said = found
        self._summary = said or self._summary
        return f"{text[:start]}{text[end:].lstrip()}"

    @property
    def _takes_calls(self) -> bool:
        return self.encoder is None or self.encoder.takes_calls

    def _answers(self, replies: Sequence[Message]) -> tuple[Message, ...]:
        """Return what answers the last message."""
        if not self._calls or (len(self._calls) == 1 and not self._takes_calls):
            return tuple(replies)
        told = answers(self._calls, replies, self.config.max_calls)
        return told if self._takes_calls else answered_in_words(told)
