"""A prefix tree over the tokens of the admissible actions.

Decoding walks from the root; at each node only its children may be drawn. An
action ends with the end-of-message token, so an action that begins another one
("go", "go to shelf 1") stays apart from it. A node with one child forces a
token: chains of forced tokens are appended in one forward pass.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from ...errors import PolicyError

__all__ = ["TokenTrie", "TrieCache"]


class TokenTrie:
    """Be a node of the tree: the tokens that may follow, each with its node.

    `children` is filled by `insert`; `tokens` lists its keys in ascending order.
    """

    __slots__ = ("_tokens", "children")

    def __init__(self) -> None:
        self.children: dict[int, TokenTrie] = {}
        self._tokens: tuple[int, ...] | None = None

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]], end_id: int) -> TokenTrie:
        """Build the tree of token sequences, each followed by the end-of-message token."""
        root = cls()
        for sequence in sequences:
            root.insert(sequence, end_id)
        return root

    def insert(self, sequence: Sequence[int], end_id: int) -> None:
        """Add one sequence and its end."""
        node = self
        for token in (*sequence, end_id):
            follower = node.children.get(token)
            if follower is None:
                follower = node.children[token] = TokenTrie()
                node._tokens = None
            node = follower

    @property
    def tokens(self) -> tuple[int, ...]:
        """Return the tokens that may come next, ascending; none after an end."""
        if self._tokens is None:
            self._tokens = tuple(sorted(self.children))
        return self._tokens

    def forced(self) -> tuple[list[int], TokenTrie]:
        """Return the tokens that follow without a choice, and the node after them."""
        chain: list[int] = []
        node = self
        while len(node.children) == 1:
            ((token, node),) = node.children.items()
            chain.append(token)
        return chain, node


class TrieCache:
    """Build trees of admissible actions, and keep those used last.

    Args:
        encode: turns an action into its tokens.
        end_id: the end-of-message token.
        max_tries: how many trees are kept.
    """

    def __init__(self, encode: Callable[[str], Sequence[int]], end_id: int, max_tries: int = 4096) -> None:
        self._encode, self._end_id, self._max_tries = encode, end_id, max_tries
        self._tries: OrderedDict[tuple[str, ...], TokenTrie] = OrderedDict()

    def get(self, actions: tuple[str, ...]) -> TokenTrie:
        """Return the tree of some actions.

        Raises:
            PolicyError: if there is no action, or an action is the empty text.
        """
        trie = self._tries.get(actions)
        if trie is not None:
            self._tries.move_to_end(actions)
            return trie
        if not actions or not all(actions):
            raise PolicyError(
                f"constraint 'admissible' with the actions {actions!r}: expected at least one, none of them "
                "empty; use constraint 'none' where the environment lists no actions"
            )
        trie = TokenTrie.of(map(self._encode, actions), self._end_id)
        self._tries[actions] = trie
        if len(self._tries) > self._max_tries:
            self._tries.popitem(last=False)
        return trie
