"""Demonstrations in the tokens of a model with a chat template, as a rollout would have them.

What is learned is the agent's own tokens alone: the message and its end. A thought before the
action is the teacher's subgoal, or what a stored message says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...agents.decoding.tagging import CLOSE, OPEN
from ...agents.policies import TokenPolicy
from ...agents.prompts.call_messages import with_ids
from ...agents.prompts.call_values import ToolCall
from ...agents.prompts.chat_template import ChatCodec
from ...agents.prompts.config import PromptConfig, View
from ...agents.prompts.conversation import Context
from ...agents.prompts.explained import read_as
from ...agents.prompts.parse import parse_action
from ...agents.prompts.tool_calls import calls_of
from ...agents.rollout.asking import encoder_of
from ...agents.types import Constraint, Generation, Style, Trajectory, Turn
from ...envs.tools import Tool, call_in, misfit
from ...errors import UsageError
from .encoding import Sayable, message_of, summary_of, tools_shown


def to_chat_tokens(
    trajectories: Sequence[Trajectory],
    policy: TokenPolicy,
    prompt: PromptConfig,
    constraint: Constraint,
    context_tokens: int,
    max_tokens: int,
) -> list[Trajectory]:
    """Return the episodes with a generation on each turn, as if the policy had said the messages.

    Turns beyond the context are cut off. A turn that nobody taught, that the constraint would
    not allow, or whose message is longer than `max_tokens` has no token to learn. With native tools
    messages are calls as the template writes them; actions that are none are shown and not learned.

    Raises:
        UsageError: if prompts are of a form that demonstrations cannot be written in.
    """
    if prompt.style == "plan":
        raise UsageError(
            "prompt.style 'plan': demonstrations for a chat model are messages without plans; "
            'set prompt.style = "tags" or "plain"'
        )
    writers: dict[int, _Writer] = {}
    encoded = []
    for trajectory in trajectories:
        chat = encoder_of(policy, prompt, tools_shown(trajectory), trajectory.env_id)
        if not isinstance(chat, ChatCodec):
            raise UsageError(f"{policy.name}: has no chat template to write demonstrations with")
        writer = writers.setdefault(id(chat), _Writer(chat, prompt, constraint, max_tokens))
        encoded.append(writer.written(trajectory, context_tokens))
    if encoded and not any(writer.num_calls for writer in writers.values()) and prompt.tools == "native":
        raise UsageError(
            "prompt.tools 'native': none of the demonstrated actions is a call of a function in "
            "info['tools']; set prompt.tools = \"text\""
        )
    return encoded


class _Writer:
    """What writes episodes with one rendering of the chat template."""

    def __init__(
        self, chat: ChatCodec, prompt: PromptConfig, constraint: Constraint, max_tokens: int
    ) -> None:
        self._chat, self._prompt = chat, prompt
        self._free, self._max_tokens = constraint == "none", max_tokens
        self._sayable = Sayable(chat, constraint, max_tokens, chat.encode_message)
        self.num_calls = 0  # that were written

    def written(self, trajectory: Trajectory, context_tokens: int) -> Trajectory:
        """Return an episode with generations."""
        style, opened = read_as(self._prompt.style, tools_shown(trajectory)), self._chat.opens_thought
        context, turns, view = Context(self._prompt, self._chat, opened), list[Turn](), View("")
        for turn in trajectory.turns:
            view = View.of(turn.observation, turn.info, trajectory.instruction, view.tools)
            context.observe(view)
            calls = self._calls(turn, view.tools, len(turns))
            noted = summary_of(turns) if context.asks_summary else ""
            text, tokens = (
                self._native(turn, style, calls, noted) if calls else self._tokens(turn, style, noted)
            )
            prompt_ids = context.prompt_ids or ()
            if len(prompt_ids) + len(tokens) > context_tokens:
                break
            support = self._sayable.support(tokens, turn, style, opened)
            generation = Generation(text, prompt_ids, tokens, (0.0,) * len(tokens), support)
            read = calls_of(generation, opened, view.tools) if calls else ()
            unsaid = self._prompt.tools == "native" and not _same(read, calls)
            if len(tokens) > self._max_tokens or unsaid:
                generation = replace(generation, support=tuple((token,) for token in tokens))
            turns.append(replace(turn, generation=generation))
            context.record(turn.observation, turn.action, generation, calls=read)
        return replace(trajectory, turns=tuple(turns))

    def _calls(self, turn: Turn, tools: Sequence[Tool], number: int) -> tuple[ToolCall, ...]:
        """Return the call that an action is; nothing where calls are not native."""
        found = call_in(tools, turn.action) if self._prompt.tools == "native" else None
        if found is None or misfit(tools, *found):
            return ()
        self.num_calls += 1
        return with_ids([ToolCall(*found)], number)[0]

    def _native(
        self, turn: Turn, style: Style, calls: Sequence[ToolCall], noted: str
    ) -> tuple[str, tuple[int, ...]]:
        """Return a message that makes a call, after what is noted, and its tokens, its end among them."""
        thought = _thought(turn, style) if self._prompt.style == "tags" else ""
        tokens = self._chat.encode_calls((f"{OPEN}{thought}{CLOSE}" if thought else "") + noted, calls)
        return self._chat.decode(tokens), (*tokens, self._chat.end_id)

    def _tokens(self, turn: Turn, style: Style, noted: str) -> tuple[str, tuple[int, ...]]:
        """Return a message, with what is noted before its action, and its tokens, its end among them.

        Under a constraint a thought stands apart from its tags, as the engine writes them.
        """
        chat, action = self._chat, noted + "".join(message_of(turn, style))
        thought = _thought(turn, style) if self._prompt.style == "tags" else ""
        opened = chat.opens_thought
        if not thought and not opened:
            return action, (*chat.encode_message(action), chat.end_id)
        parts = ("" if opened else OPEN, thought, CLOSE, f"\n{action}")
        text = "".join(parts)
        pieces = [text] if self._free else [part for part in parts if part]
        return text, (*(token for piece in pieces for token in chat.encode(piece)), chat.end_id)


def _same(read: Sequence[ToolCall], calls: Sequence[ToolCall]) -> bool:
    """Tell whether calls were made, and are read back as what they are."""
    pairs = ([(call.name, call.arguments) for call in some] for some in (read, calls))
    return bool(calls) and next(pairs) == next(pairs)


def _thought(turn: Turn, style: Style) -> str:
    """Return what was thought before an action: in a stored message that says it, else the subgoal."""
    said = turn.generation
    if said.reasoning:
        return said.reasoning.strip()
    if parse_action(said.text, style).action == turn.action and OPEN in said.text and CLOSE in said.text:
        return said.text.split(OPEN, 1)[1].split(CLOSE, 1)[0].strip()
    return turn.subgoal
