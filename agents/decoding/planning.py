"""What a plan-execute agent may say next under the constraint `admissible`.

The line of the plan is `keep`, or `new:` and free words; then comes an admissible
action. The words of a subgoal are drawn from the whole vocabulary, so the learner
replays them as such; a line that grows too long is ended by force. An end of the
message inside the subgoal leaves a message without an action, which is malformed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..prompts.plan import KEEP, NEW
from .trie import Node, TokenTrie


class PlanDecoder:
    """The trees of plan-execute messages for one tokenizer.

    Args:
        encode: turns a text into its tokens.
        decode: turns tokens into their text.
        end_id: the end-of-message token.
    """

    def __init__(
        self, encode: Callable[[str], Sequence[int]], decode: Callable[[Sequence[int]], str], end_id: int
    ) -> None:
        self._keep, self._new, self._line_end = encode(f"{KEEP}\n"), encode(NEW), encode("\n")
        self._decode, self.end_id = decode, end_id
        self._ends_line: dict[int, bool] = {}

    def tree(self, actions: TokenTrie, *, first: bool, max_tokens: int) -> Node:
        """Return the tree of one message.

        Args:
            actions: the tree of the admissible actions.
            first: of the episode's first turn, where there is no subgoal to keep.
            max_tokens: of the message; a subgoal may take half of them.
        """
        root = TokenTrie()
        if not first:
            root.join(self._keep, actions)
        close = TokenTrie()
        close.join(self._line_end, actions)
        root.join(self._new, _Subgoal(self, actions, close, max(1, max_tokens // 2)))
        return root

    def ends_line(self, token: int) -> bool:
        """Tell whether a token ends the line of the subgoal."""
        known = self._ends_line.get(token)
        if known is None:
            known = self._ends_line[token] = "\n" in self._decode([token])
        return known


class _Subgoal:
    """A place inside a subgoal, where any token may come next."""

    __slots__ = ("_actions", "_close", "_decoder", "_left")

    tokens: tuple[int, ...] | None = None

    def __init__(self, decoder: PlanDecoder, actions: TokenTrie, close: TokenTrie, left: int) -> None:
        self._decoder, self._actions, self._close, self._left = decoder, actions, close, left

    def child(self, token: int) -> Node:
        """Return the place after a token."""
        if token == self._decoder.end_id:
            return TokenTrie()
        if self._decoder.ends_line(token):
            return self._actions
        if self._left == 1:
            return self._close
        return _Subgoal(self._decoder, self._actions, self._close, self._left - 1)
