"""Demonstrations in tokens.

The tokens come from the very path that a rollout takes: the same prompts
(agents.prompts.conversation), the same tokenizer calls, the same prefix tree of admissible
actions. What is cloned is therefore what will be sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from ...agents.decoding import TrieCache
from ...agents.decoding.planning import PlanDecoder
from ...agents.decoding.tagging import TagDecoder
from ...agents.decoding.trie import Node
from ...agents.prompts.compaction import in_summary
from ...agents.prompts.config import PromptConfig, View, opening
from ...agents.prompts.conversation import Context
from ...agents.prompts.explained import read_as
from ...agents.prompts.parse import in_tags
from ...agents.prompts.plan import message_parts
from ...agents.tiny.tokenizer import TinyTokenizer
from ...agents.types import Constraint, Generation, Style, Trajectory, Turn
from ...envs.tools import Tool, tools_of

_NOTED_CHARS = 300  # of actions in a summary


class Speaks(Protocol):
    """What turns a text into tokens and back."""

    @property
    def end_id(self) -> int:
        """Return the end-of-message token."""
        ...

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text, without markers."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        ...


def texts_of(trajectories: Sequence[Trajectory], prompt: PromptConfig) -> Iterator[str]:
    """Yield every text a tokenizer should know: prompts, actions, admissible actions."""
    yield prompt.system
    for trajectory in trajectories:
        yield prompt.task_label + trajectory.instruction
        tools = tools_shown(trajectory)
        if prompt.explain != "none" and trajectory.turns:
            first = trajectory.turns[0]
            opened = opening(prompt, View.of(first.observation, first.info, trajectory.instruction))
            yield from (message.content for message in opened)
        for turn in trajectory.turns:
            yield turn.observation
            yield turn.action
            message = "".join(message_of(turn, read_as(prompt.style, tools)))
            if message != turn.action:
                yield message
            yield from turn.info.get("admissible") or ()


def summary_of(turns: Sequence[Turn]) -> str:
    """Return what a teacher notes before turns are left out of a prompt: what it did last."""
    done = [turn.action for turn in turns]
    first = next(n for n in range(len(done) + 1) if sum(map(len, done[n:])) <= _NOTED_CHARS)
    before = [f"{first} earlier actions"] if first else []
    return in_summary(f"Done so far: {'; '.join(before + done[first:])}.") + "\n"


def to_tokens(
    trajectories: Sequence[Trajectory],
    tokenizer: TinyTokenizer,
    prompt: PromptConfig,
    constraint: Constraint,
    context_tokens: int,
    max_tokens: int = 64,
) -> list[Trajectory]:
    """Return the episodes with a generation on each turn, as if a policy had said the messages.

    Under the constraint `admissible` each token carries the set it could have been
    drawn from, so cloning learns decisions and not spelling. Turns that would
    exceed the context are cut off; turns that nobody taught, or whose action
    the constraint would not let the policy say, have no token to learn. A plan's
    subgoal that takes more than half of `max_tokens` could not be said either.
    """
    sayable = Sayable(tokenizer, constraint, max_tokens)
    encoded = []
    for trajectory in trajectories:
        style = read_as(prompt.style, tools_shown(trajectory))
        context, turns, view = Context(prompt, tokenizer), list[Turn](), View("")
        for turn in trajectory.turns:
            view = View.of(turn.observation, turn.info, trajectory.instruction, view.tools)
            context.observe(view)
            noted = [summary_of(turns)] if context.asks_summary else []
            parts = (*noted, *message_of(turn, style))
            tokens = (*(token for part in parts for token in tokenizer.encode(part)), tokenizer.end_id)
            prompt_ids = context.prompt_ids or ()
            if len(prompt_ids) + len(tokens) > context_tokens:
                break
            support = sayable.support(tokens, turn, style)
            generation = Generation("".join(parts), prompt_ids, tokens, (0.0,) * len(tokens), support)
            turns.append(replace(turn, generation=generation))
            context.record(turn.observation, turn.action, generation, turn.subgoal)
        encoded.append(replace(trajectory, turns=tuple(turns)))
    return encoded


def tools_shown(trajectory: Trajectory) -> tuple[Tool, ...]:
    """Return the commands that an episode's first state names."""
    return tools_of(trajectory.turns[0].info.get("tools")) if trajectory.turns else ()


def message_of(turn: Turn, style: Style) -> tuple[str, ...]:
    """Return the message of a turn in the parts that are made into tokens one by one."""
    if style == "plan":
        return message_parts(bool(turn.switch), turn.subgoal, turn.action)
    return (in_tags(turn.action) if style == "tags" else turn.action,)


class Sayable:
    """What a policy could have said in place of a message.

    Args:
        tokenizer: of the policy.
        constraint: under which it would have spoken.
        max_tokens: of a message.
        encode_message: turns a whole message into its tokens; by default as a piece of text.
    """

    def __init__(
        self,
        tokenizer: Speaks,
        constraint: Constraint,
        max_tokens: int,
        encode_message: Callable[[str], Sequence[int]] | None = None,
    ) -> None:
        encode, decode, whole = tokenizer.encode, tokenizer.decode, encode_message or tokenizer.encode
        self._tries = TrieCache(whole, tokenizer.end_id)
        self._plans = PlanDecoder(encode, decode, tokenizer.end_id)
        self._tags = TagDecoder(encode, whole, decode, tokenizer.end_id)
        self._constraint, self._max_tokens = constraint, max_tokens

    def support(
        self, tokens: tuple[int, ...], turn: Turn, style: Style, opened: bool = False
    ) -> tuple[tuple[int, ...] | None, ...]:
        """Return for each token what could have been drawn; itself alone where nothing is taught."""
        forced = tuple((token,) for token in tokens)
        admissible = turn.info.get("admissible")
        if not turn.info.get("taught"):
            return forced
        if self._constraint == "none" or admissible is None:
            return (None,) * len(tokens)
        if turn.action not in admissible:
            return forced
        node, support = self._tree(turn, tuple(admissible), style, opened), list[tuple[int, ...] | None]()
        for token in tokens:
            if node.tokens is not None and token not in node.tokens:
                return forced
            support.append(node.tokens)
            node = node.child(token)
        return tuple(support)

    def _tree(self, turn: Turn, admissible: tuple[str, ...], style: Style, opened: bool) -> Node:
        if style == "tags":
            return self._tags.tree(admissible, opened=opened, max_tokens=self._max_tokens)
        actions = self._tries.get(admissible)
        if style == "plain":
            return actions
        return self._plans.tree(actions, first=turn.index == 0, max_tokens=self._max_tokens)
