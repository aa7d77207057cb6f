"""Incremental rendering of a chat template: what follows the assistant's own tokens.

A chat template renders whole conversations, but rendering again what a policy
said changes its tokens (thoughts are cut, blanks are stripped). So a reply is
rendered beside a dummy answer and cut where the dummy ends; the cut is verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import PolicyError
from ..types import FinishReason, Message

_DUMMY = "turnwise-dummy-answer"
_QUESTION = Message("user", "turnwise-dummy-question")


class ChatCodec:
    """What turns conversations into tokens and back, with a tokenizer of the transformers library.

    Args:
        tokenizer: has a chat template.
        source: names the tokenizer in errors.
        stop_ids: tokens that end a message beside the one of the template.

    Raises:
        PolicyError: if there is no chat template, or it does not end an
            assistant's message with a special token.
    """

    def __init__(self, tokenizer: Any, source: str, stop_ids: Sequence[int] = ()) -> None:
        if not tokenizer.chat_template:
            raise PolicyError(
                f"{source}: the tokenizer has no chat template; choose an instruction-tuned model"
            )
        self._tokenizer, self._source = tokenizer, source
        self._special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
        self.end_id = self._find_end()
        self.stop_ids = frozenset(stop_ids) - {self.end_id}

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text without markers around it."""
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def char_ends(self, ids: Sequence[int], text: str) -> tuple[int, ...]:
        """Return [L] where each token ends in `text`, the start of what the tokens spell."""
        ends: list[int] = []
        for count in range(1, len(ids)):
            # A character may be spread over tokens: it ends with the last of them.
            prefix = self.decode(ids[:count]).rstrip("\ufffd")
            ends.append(max(ends[-1] if ends else 0, min(len(prefix), len(text))))
        return (*ends, len(text)) if ids else ()

    def encode_prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Render a conversation up to the place where the assistant speaks.

        Raises:
            PolicyError: if the template refuses the conversation.
        """
        return self.encode(self._render(messages, speak=True))

    def encode_reply(self, messages: Sequence[Message], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's tokens, and the next place to speak.

        Raises:
            PolicyError: if the template cannot be cut behind the assistant's message.
        """
        answer = Message("assistant", _DUMMY)
        ids = self.encode(self._after_dummy([_QUESTION, answer, *messages], speak=True))
        if self.end_id not in ids:
            raise self._fault("does not end the assistant's message before the next one")
        # Where the policy has said the end itself, only what comes after it is missing.
        return ids if finish_reason != "stop" else ids[ids.index(self.end_id) + 1 :]

    def _find_end(self) -> int:
        rest = self._after_dummy([_QUESTION, Message("assistant", _DUMMY)], speak=False)
        for token in self.encode(rest):
            if token in self._special:
                return token
            if self.decode([token]).strip():
                break
        raise self._fault(f"ends the assistant's message with {rest!r}; expected a special token")

    def _after_dummy(self, messages: Sequence[Message], *, speak: bool) -> str:
        before, *after = self._render(messages, speak=speak).split(_DUMMY)
        if not before or len(after) != 1:
            raise self._fault(f"shows the assistant's message {len(after)} times; expected once")
        return after[0]

    def _render(self, messages: Sequence[Message], *, speak: bool) -> str:
        from jinja2 import TemplateError

        chat = [{"role": message.role, "content": message.content} for message in messages]
        try:
            text: str = self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=speak)
        except TemplateError as error:
            roles = ", ".join(message.role for message in messages)
            raise self._fault(f"refuses the roles {roles}: {error}") from error
        return text

    def _fault(self, reason: str) -> PolicyError:
        template = str(self._tokenizer.chat_template)
        shown = template if len(template) <= 80 else template[:77] + "..."
        return PolicyError(f"{self._source}: the chat template {shown!r} {reason}")
