"""Incremental rendering of a chat template: what follows the assistant's own tokens.

A chat template renders whole conversations, but rendering again what a policy
said changes its tokens (thoughts are cut, blanks are stripped). So a reply is
rendered behind a dummy answer, and cut where that ends. What is made this way has the
tokens of the template's own rendering, apart from earlier thoughts, which stay; that is
tried when the codec is made, and a template that does not grow so is refused.

What a message says is text: what looks like a control token in it is none, but for the tags that an agent
says with tokens of their own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tokenizers import Tokenizer

from ...errors import PolicyError
from ..types import FinishReason, Message, common_prefix
from .call_forms import calls_in
from .call_messages import chat_calls, joined, one_by_one
from .call_values import ToolCall
from .char_ends import CharEnds
from .control_tokens import ControlTokens
from .template import ANOTHER, CALLS, QUESTION, RESULTS, Template

_OWN = (
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
)  # an agent may say them as tokens
_REPEATS = "shows the functions anew with every message of the user"


class ChatCodec:
    """What turns conversations into tokens and back, with a tokenizer of the transformers library.

    A system message that the template refuses, or moves as the conversation grows, is put
    before the first message of the user.

    Args:
        tokenizer: has a chat template.
        source: names the tokenizer in errors.
        stop_ids: tokens that end a message beside the one of the template.

    Raises:
        PolicyError: if there is no chat template, or it cannot be continued behind the
            assistant's own tokens.
    """

    def __init__(self, tokenizer: Any, source: str, stop_ids: Sequence[int] = ()) -> None:
        self._tokenizer, self._source = tokenizer, source
        template = Template(tokenizer, source)
        self._controls = self._find_controls(template.text)
        self._ends = CharEnds(tokenizer)
        self._own = frozenset(filter(self._controls.takes_anywhere, _OWN))
        self._adopt(template)
        self.stop_ids = frozenset(stop_ids) - {self.end_id}

    def _adopt(self, template: Template) -> None:
        """Take a template, and try it."""
        self._template = template
        self._turns = template.turns()
        self.end_id = self._turns.end_id
        replies = (each.around_answer([ANOTHER])[1] for each in (template, template.without_tools()))
        self._repeats_tools = len(set(replies)) > 1
        self.takes_calls = (taken := template.takes_calls()) != "none"
        self._parts_calls = taken == "one"
        self._hears_behind_answers = template.hears_behind_answers()
        self._anchor = self._controls.last_section(self._turns.asked)
        self._anchor_ids = self._controls.encode_rendered(self._anchor)
        self._trail_ids = self._find_trail()
        self._folds_system = False
        if reason := self._misfit([QUESTION], self._repeats_tools):
            raise template.fault(reason)
        opening = [Message("system", "turnwise system"), QUESTION]
        self._folds_system = bool(self._misfit(opening, self._repeats_tools))
        if self.takes_calls and not self._turns.dropped and self._misfit([QUESTION], True):
            self.takes_calls = False

    def asked(self, tools: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> ChatCodec:
        """Return a codec of the same tokenizer whose template shows tools and has further arguments.

        Raises:
            PolicyError: if the template does not show the tools, has calls in a form that is not
                read, or cannot be used so.
            UsageError: if an argument cannot be set.
        """
        twin = copy.copy(self)
        bare, guarded = (
            _each_text(list(tools), change) for change in (self._controls.without, self._controls.guarded)
        )
        template = Template(self._tokenizer, self._source, bare, arguments)
        template.check_tools()
        if tools:
            self._check_calls(template)
        twin._adopt(template)  # tried where the tokenizer's own rendering is right: without false names
        twin._template = Template(self._tokenizer, self._source, guarded, arguments)
        if twin.end_id != self.end_id:
            raise template.fault(f"ends messages otherwise with the arguments {dict(arguments)!r}")
        return twin

    @property
    def opens_thought(self) -> bool:
        """Tell whether the assistant speaks from inside a thought that the template has opened."""
        return self._turns.opens_thought

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens that a text has where the assistant speaks.

        The tags of thoughts and calls are the tokens that the tokenizer has for them; no other
        name of a control token is one.
        """
        return self._said(self._controls.guarded(text, self._own))

    def encode_message(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a whole message of the assistant as the template has it, without its end.

        The text may be an environment's: nothing in it is a control token.
        """
        return self._said(self._controls.guarded(f"{self._turns.lead}{text}{self._turns.trail}"))

    def encode_calls(self, text: str, calls: Sequence[ToolCall]) -> tuple[int, ...]:
        """Return the tokens of a message that makes calls as the template writes it, without its end.

        Args:
            text: what it says beside them.
            calls: with ids.

        Raises:
            PolicyError: if the template writes no such message.
        """
        (said,) = self._guarded([Message("assistant", text, chat_calls(calls))])
        end = str(self._tokenizer.convert_ids_to_tokens(self.end_id))
        return self._said(self._template.spoken(said).partition(end)[0])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special ones except those that mark calls."""
        return self._ends.decode(ids)

    def char_ends(self, ids: Sequence[int], text: str) -> tuple[int, ...]:
        """Return [L] where each token ends in `text`, the start of what the tokens spell."""
        return self._ends(ids, text)

    def encode_prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Render a conversation up to the place where the assistant speaks.

        Raises:
            PolicyError: if the template refuses the conversation.
        """
        return self._controls.encode_rendered(self._template.render(self._guarded(self._folded(messages))))

    def encode_reply(self, messages: Sequence[Message], finish_reason: FinishReason) -> tuple[int, ...]:
        """Render what follows the assistant's tokens, and the next place to speak.

        Raises:
            PolicyError: if the template refuses the messages.
        """
        template = self._template.without_tools() if self._repeats_tools else self._template
        _, behind = template.around_answer(self._guarded(messages))
        ids = self._controls.encode_rendered(behind)
        if self.end_id not in ids:
            raise self._template.fault("does not end the assistant's message before these ones")
        end = ids.index(self.end_id)
        # Where the policy has said the end itself, only what comes after it is missing.
        return ids[end + 1 :] if finish_reason == "stop" else self._trail_ids + ids[end:]

    def _check_calls(self, template: Template) -> None:
        """Refuse a template that teaches its model a form of calls that is not read."""
        text = self.decode(self._controls.encode_rendered(template.call()))
        names = [call.name for call in calls_in(text)]
        if text and names != [CALLS[0]["function"]["name"]]:
            raise template.fault(f"writes calls as {text!r}, which is not read; use prompt.tools = 'text'")

    def _said(self, guarded: str) -> tuple[int, ...]:
        """Return the tokens of what is said behind a prompt."""
        whole = self._controls.encode_rendered(self._anchor + guarded)
        start = len(self._anchor_ids)
        if whole[:start] != self._anchor_ids:  # a token would reach from the prompt into the text
            return self._controls.encode_rendered(guarded)
        return whole[start:]

    def _guarded(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages in which only the agent's own tags are control tokens, as the template takes them.

        No message makes more calls than it takes, and the user is silent behind answers if he has to be.
        """
        parted = one_by_one(messages) if self._parts_calls else messages
        told = parted if self._hears_behind_answers else joined(parted)
        return [
            replace(
                each,
                content=self._controls.guarded(each.content, self._own if each.role == "assistant" else ()),
                tool_calls=tuple(_each_text(list(each.tool_calls), self._controls.guarded)),
            )
            for each in told
        ]

    def _folded(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Put a system message that the template cannot keep in place before the user's first one."""
        if not self._folds_system or not messages or messages[0].role != "system":
            return messages
        system, *others = messages
        if not others or others[0].role != "user":
            return [Message("user", system.content), *others]
        return [replace(others[0], content=f"{system.content}\n\n{others[0].content}"), *others[1:]]

    def _find_controls(self, template: str) -> ControlTokens:
        source, backend = self._source, getattr(self._tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise PolicyError(
                f"{source}: {type(self._tokenizer).__name__} is not a fast tokenizer; expected one of the "
                "tokenizers library (a tokenizer.json beside the model)"
            )
        try:
            return ControlTokens(backend, template)
        except ValueError as error:
            raise PolicyError(f"{source}: text cannot be told from control tokens: {error}") from error

    def _find_trail(self) -> tuple[int, ...]:
        short, whole = self.encode(f"{self._turns.lead}x"), self.encode_message("x")
        return whole[len(short) :] if whole[: len(short)] == short else ()

    def _misfit(self, opening: Sequence[Message], with_calls: bool) -> str:
        """Play a conversation and tell where it parts from the template's own rendering."""
        try:
            if with_calls:
                return self._misfit_of_calls(opening)
            talk, prompt = list(opening), self.encode_prompt(opening)
            if prompt != self._template.tokens(talk):
                return "is not rendered as the tokenizer itself does it"
            for number in (1, 2):
                said = Message("assistant", f"turnwise answer {number}")
                reply = Message("user", f"turnwise question {number + 1}")
                talk += [said, reply]
                theirs = self._template.tokens(talk)
                kept = common_prefix(prompt, theirs) if self._turns.dropped else len(prompt)
                message = self.encode_message(said.content)
                suffix = self.encode_reply([reply], "stop")
                if (*prompt[:kept], *message, self.end_id, *suffix) != theirs:
                    return f"renders turn {number + 1} otherwise than by appending to turn {number}"
                if self.decode(message).strip() != said.content:
                    return "puts more into the assistant's message than it says"
                prompt = theirs
        except PolicyError as error:
            return f"cannot hold a conversation: {error}"
        return ""

    def _misfit_of_calls(self, opening: Sequence[Message]) -> str:
        """Play one of calls and their answers: functions shown with the user's last message then stay."""
        if not self.takes_calls:
            return f"{_REPEATS}, and writes no answers of tools; use prompt.tools = 'text'"
        talk, prompt = list(opening), self.encode_prompt(opening)
        for call, result in zip(CALLS, RESULTS, strict=True):
            talk += [Message("assistant", "", (call,)), result]
            theirs = self._template.tokens(talk)
            end = (self.end_id, *self.encode_reply([result], "stop"))
            if theirs[: len(prompt)] != prompt or theirs[-len(end) :] != end:
                return _REPEATS
            prompt = theirs
        return ""


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Change every text inside a value of JSON."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): _each_text(inner, change) for key, inner in value.items()}
    return [_each_text(inner, change) for inner in value] if isinstance(value, list | tuple) else value
