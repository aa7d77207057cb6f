"""What an agent that answers in tags may say under the constraint `admissible`.

`<action>` with an admissible action, before it a thought in `<think>` or none; where the prompt
ends inside a thought, the message begins in it. The words of a thought are drawn from the
whole vocabulary, so the learner replays them as such; a thought that would leave no room for
an action is closed by force. An end of the message inside the thought leaves a message
without an action, which is malformed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..prompts.parse import in_tags
from .trie import Node, TokenTrie, TrieCache

OPEN, CLOSE = "<think>", "</think>"


class TagDecoder:
    """The trees of messages in tags for one tokenizer.

    Args:
        encode: turns a text into its tokens, where the assistant speaks.
        encode_message: turns a whole message into its tokens.
        decode: turns tokens into their text.
        end_id: the end-of-message token.
    """

    def __init__(
        self,
        encode: Callable[[str], Sequence[int]],
        encode_message: Callable[[str], Sequence[int]],
        decode: Callable[[Sequence[int]], str],
        end_id: int,
    ) -> None:
        self._open, self._close = encode(OPEN), encode(CLOSE)
        self._alone = TrieCache(lambda action: encode_message(in_tags(action)), end_id)
        self._behind = TrieCache(lambda action: encode(f"\n{in_tags(action)}"), end_id)
        self._decode, self.end_id = decode, end_id
        self._texts: dict[int, str] = {}

    def tree(self, actions: tuple[str, ...], *, opened: bool, max_tokens: int) -> Node:
        """Return the tree of one message.

        Args:
            actions: the admissible actions.
            opened: whether the message begins inside a thought.
            max_tokens: of the message.

        Raises:
            PolicyError: if there is no action, or an action is the empty text.
        """
        behind = self._behind.get(actions)
        room = max_tokens - len(self._close) - self._behind.longest(actions)
        close = TokenTrie()
        close.join(self._close, behind)
        if opened:
            return _Thought(self, behind, close, room) if room > 0 else close
        alone = self._alone.get(actions)
        room -= len(self._open)
        return alone if room < 1 else alone.joined(self._open, _Thought(self, behind, close, room))

    def text(self, token: int) -> str:
        """Return what a token says."""
        if token not in self._texts:
            self._texts[token] = self._decode([token])
        return self._texts[token]


class _Thought:
    """A place inside a thought, where any token may come next."""

    __slots__ = ("_behind", "_close", "_decoder", "_left", "_tail")

    tokens: tuple[int, ...] | None = None

    def __init__(
        self, decoder: TagDecoder, behind: TokenTrie, close: TokenTrie, left: int, tail: str = ""
    ) -> None:
        self._decoder, self._behind, self._close = decoder, behind, close
        self._left, self._tail = left, tail

    def child(self, token: int) -> Node:
        """Return the place after a token."""
        if token == self._decoder.end_id:
            return TokenTrie()
        said = self._tail + self._decoder.text(token)
        if CLOSE in said:
            return self._behind
        if self._left == 1:
            return self._close
        tail = said[-len(CLOSE) + 1 :]
        return _Thought(self._decoder, self._behind, self._close, self._left - 1, tail)
