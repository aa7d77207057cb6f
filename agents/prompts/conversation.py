"""The growing prompt of one episode, in messages or in tokens.

For a TokenPolicy in conversation mode the tokens of a prompt are never made
again: prompt_ids(t+1) = prompt_ids(t) + token_ids(t) + encode_reply(new messages).
"""

from __future__ import annotations

import copy

from ..types import Encoder, Generation, Message
from .config import PromptConfig, View, opening, reply, window


class Context:
    """What the policy is shown next.

    Args:
        config: how prompts are made.
        encoder: makes tokens of messages; None keeps the prompt in messages.
    """

    def __init__(self, config: PromptConfig, encoder: Encoder | None) -> None:
        self.config = config
        self.encoder = encoder
        self.subgoal = ""
        self.is_current = False  # whether it shows the environment's last answer
        self._past: list[tuple[str, str]] = []
        self._messages: tuple[Message, ...] = ()
        self._prompt_ids: tuple[int, ...] = ()
        self._said: Generation | None = None
        self._billed_tokens = 0

    def clone(self) -> Context:
        """Return an independent copy, for an episode that branches off."""
        other = copy.copy(self)
        other._past = list(self._past)
        return other

    @property
    def messages(self) -> tuple[Message, ...]:
        """Return the prompt as messages; empty where it is kept in tokens."""
        return () if self.encoder else self._messages

    @property
    def prompt_ids(self) -> tuple[int, ...] | None:
        """Return the prompt as tokens [P]; None where it is kept in messages."""
        return self._prompt_ids if self.encoder else None

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
        usage = generation.usage
        counted = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
        self._billed_tokens = int(counted or usage.get("estimated_tokens", 0))

    def _begin(self, messages: tuple[Message, ...]) -> None:
        if self.encoder:
            self._prompt_ids = self.encoder.encode_prompt(messages)
        else:
            self._messages = messages

    def _continue(self, said: Generation, messages: tuple[Message, ...]) -> None:
        if self.encoder:
            suffix = self.encoder.encode_reply(messages, said.finish_reason)
            self._prompt_ids = self._prompt_ids + said.token_ids + suffix
        else:
            self._messages = (*self._messages, Message("assistant", said.text), *messages)
