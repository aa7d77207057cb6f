"""A chat template as it is: what it writes, and how it writes the turns of a conversation."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import PolicyError, UsageError
from ..types import Message, common_prefix

QUESTION = Message("user", "turnwise question 1")
ANOTHER = Message("user", "turnwise question 2")
CALLS: tuple[dict[str, Any], ...] = tuple(
    {
        "id": f"turnwise{number}",
        "type": "function",
        "function": {"name": f"turnwise_call_{number}", "arguments": {"turnwise_argument": "1"}},
    }
    for number in (1, 2)
)
RESULTS = tuple(
    Message("tool", f"turnwise result {number}", tool_call_id=f"turnwise{number}") for number in (1, 2)
)
_TAKEN = frozenset(
    {"messages", "conversation", "tools", "tokenize", "add_generation_prompt", "chat_template"}
)


CallsTaken = Literal["none", "one", "several"]


@dataclass(frozen=True, slots=True)
class Turns:
    """How a template writes what an assistant says.

    Args:
        end_id: the special token that ends every message of an assistant.
        asked: a conversation of one question, up to the place where the assistant speaks.
        lead: blanks between that place and the assistant's text.
        trail: blanks between that text and the end token.
        dropped: the end of `asked` that later prompts leave out: the opening of a thought.
        opens_thought: whether the assistant speaks from inside a thought.
    """

    end_id: int
    asked: str
    lead: str
    trail: str
    dropped: str
    opens_thought: bool


class Template:
    """The chat template of one tokenizer.

    Args:
        tokenizer: of the transformers library.
        source: names it in errors.
        tools: functions that it is to show.
        arguments: further ones of the template, e.g. enable_thinking.

    Raises:
        PolicyError: if it has no chat template, or does not show the tools.
        UsageError: if an argument is one that every rendering has.
    """

    def __init__(
        self,
        tokenizer: Any,
        source: str,
        tools: Sequence[Mapping[str, Any]] = (),
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        if not tokenizer.chat_template:
            raise PolicyError(
                f"{source}: the tokenizer has no chat template; choose an instruction-tuned model"
            )
        self.tokenizer, self._source = tokenizer, source
        self.text = str(tokenizer.chat_template)
        self._tools, self._arguments = list(tools), dict(arguments or {})
        if taken := sorted(_TAKEN & self._arguments.keys()):
            raise UsageError(
                f"template: {', '.join(taken)} cannot be set; expected arguments of the template"
            )
        self._special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)

    def render(self, messages: Sequence[Message], *, speak: bool = True) -> str:
        """Write a conversation, and the place where the assistant speaks next.

        Raises:
            PolicyError: if the template refuses the conversation.
        """
        from jinja2 import TemplateError

        try:
            text: str = self.tokenizer.apply_chat_template(
                list(map(_row, messages)),
                tools=self._tools or None,
                tokenize=False,
                add_generation_prompt=speak,
                **self._arguments,
            )
        except TemplateError as error:
            roles = ", ".join(message.role for message in messages)
            raise self.fault(f"refuses the roles {roles}: {error}") from error
        return text

    def check_tools(self) -> None:
        """Refuse a template that does not show its tools.

        Raises:
            PolicyError: naming the first that is not shown.
        """
        text = self.render([QUESTION])
        for tool in self._tools:
            if str(tool["function"]["name"]) not in text:
                raise self.fault(
                    f"does not show the function {tool['function']['name']!r}: it takes no tools; "
                    "use prompt.tools = 'text'"
                )

    def without_tools(self) -> Template:
        """Return it without functions to show."""
        bare = copy.copy(self)
        bare._tools = []
        return bare

    def takes_calls(self) -> CallsTaken:
        """Tell how many calls of an assistant it writes in a message, and whether it writes their answers."""
        texts, names = [result.content for result in RESULTS], ["turnwise_call_1", "turnwise_call_2"]
        one, both = Message("assistant", "", CALLS[:1]), Message("assistant", "", CALLS)
        plain = Message("assistant", "turnwise answer")
        if not self._shows([plain, *RESULTS], texts) or not self._shows(
            [one, RESULTS[0]], names[:1] + texts[:1]
        ):
            return "none"
        return "several" if self._shows([both, *RESULTS], [*names, "turnwise_argument", *texts]) else "one"

    def hears_behind_answers(self) -> bool:
        """Tell whether it lets the user speak between a tool's answer and the assistant."""
        one = Message("assistant", "", CALLS[:1])
        return self._shows([one, RESULTS[0], ANOTHER], [RESULTS[0].content, ANOTHER.content])

    def call(self) -> str:
        """Return what it writes for a call, from where the assistant speaks; empty if it writes none."""
        said = Message("assistant", "", CALLS[:1])
        if not self._shows([said], [CALLS[0]["function"]["name"]]):
            return ""
        return self.spoken(said)

    def spoken(self, said: Message) -> str:
        """Return what it writes for a message of the assistant, from where it parts from what was asked."""
        whole, asked = self.render([QUESTION, said], speak=False), self.render([QUESTION])
        return whole[common_prefix(asked, whole) :]

    def _shows(self, messages: Sequence[Message], texts: Sequence[str]) -> bool:
        """Tell whether it writes messages behind a question, and shows texts of theirs."""
        try:
            written = self.render([QUESTION, *messages])
        except (PolicyError, TypeError):  # templates concatenate what is not there
            return False
        return all(text in written for text in texts)

    def tokens(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return a conversation in tokens as the tokenizer itself makes them."""
        return tuple(self.tokenizer(self.render(messages), add_special_tokens=False)["input_ids"])

    def around_answer(self, later: Sequence[Message], *, speak: bool = True) -> tuple[str, str]:
        """Return what is written before and behind an assistant's text, with messages after it.

        Raises:
            PolicyError: if that text is not shown exactly once.
        """
        answer = "turnwise-answer"
        while any(answer in message.content for message in later):
            answer = f"turnwise-{secrets.token_hex(8)}"
        rendered = self.render([QUESTION, Message("assistant", answer), *later], speak=speak)
        before, *after = rendered.split(answer)
        if not before or len(after) != 1:
            raise self.fault(f"shows the assistant's message {len(after)} times; expected once")
        return before, after[0]

    def turns(self) -> Turns:
        """Find out how it writes the assistant's turns.

        Raises:
            PolicyError: if they do not end with one and the same special token, or are not
                written as the template asks for them.
        """
        end_id = self._end()
        asked = self.render([QUESTION])
        before, behind = self.around_answer([ANOTHER])
        trail, end, _ = behind.partition(str(self.tokenizer.convert_ids_to_tokens(end_id)))
        if not end or trail.strip():
            raise self.fault("does not end an earlier message of the assistant as it ends the last one")
        opening, written = (_behind_question(text) for text in (asked, before))
        lead = written[len(opening) :] if written.startswith(opening) else ""
        dropped = opening[len(written) :] if opening.startswith(written) else ""
        grows = written == opening + lead and not lead.strip()
        if not grows and "<think>" not in dropped:
            raise self.fault(
                f"asks for the assistant's message with {opening!r} and writes it otherwise: {written!r}"
            )
        opens_thought = opening.rfind("<think>") > opening.rfind("</think>")
        return Turns(end_id, asked, lead, trail, dropped, opens_thought)

    def fault(self, reason: str) -> PolicyError:
        """Return an error that names the template."""
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        return PolicyError(f"{self._source}: the chat template {shown!r} {reason}")

    def _end(self) -> int:
        _, rest = self.around_answer([], speak=False)
        for token in self.tokenizer(rest, add_special_tokens=False)["input_ids"]:
            if token in self._special:
                return int(token)
            if self.tokenizer.decode([token], skip_special_tokens=True).strip():
                break
        raise self.fault(f"ends the assistant's message with {rest!r}; expected a special token")


def _row(message: Message) -> dict[str, Any]:
    """Return a message as templates take it."""
    row: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        text = {"type": "text", "text": message.content}
        row["content"] = [*({"type": "image"} for _ in message.images), text]
    if message.tool_calls:
        row["tool_calls"] = list(message.tool_calls)
    if message.tool_call_id:
        row["tool_call_id"] = message.tool_call_id
    return row


def _behind_question(text: str) -> str:
    return text[text.rfind(QUESTION.content) + len(QUESTION.content) :]
