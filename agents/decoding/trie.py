"""A prefix tree over the tokens of the admissible actions.

Decoding walks from the root; at each node only its children may be drawn. An
action ends with the end-of-message token, so an action that begins another one
("go", "go to shelf 1") stays apart from it. A node with one child forces a
token: chains of forced tokens are appended in one forward pass.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from ...errors import PolicyError


class Node(Protocol):
    """A place in what may be said: which tokens may follow, and where each leads."""

    @property
    def tokens(self) -> tuple[int, ...] | None:
        """Return the tokens that may come next, ascending; None is any token."""
        ...

    def child(self, token: int) -> Node:
        """Return the place after a token that may come next."""
        ...


def forced(node: Node) -> tuple[list[int], Node]:
    """Return the tokens that follow a place without a choice, and the place after them."""
    chain: list[int] = []
    while node.tokens is not None and len(node.tokens) == 1:
        token = node.tokens[0]
        chain.append(token)
        node = node.child(token)
    return chain, node


class TokenTrie:
    """A node of the tree: the tokens that may follow, each with its node.

    `children` is filled by `insert`; `tokens` lists its keys in ascending order.
    """

    __slots__ = ("_tokens", "children")

    def __init__(self) -> None:
        self.children: dict[int, Node] = {}
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
        self.join((*sequence, end_id), TokenTrie())

    def join(self, sequence: Sequence[int], then: Node) -> None:
        """Add a sequence that leads to another place, which is shared and not copied."""
        node = self
        for token in sequence[:-1]:
            follower = node.children.get(token)
            if not isinstance(follower, TokenTrie):
                follower = node.children[token] = TokenTrie()
                node._tokens = None
            node = follower
        if sequence[-1] not in node.children:
            node.children[sequence[-1]] = then
            node._tokens = None

    def joined(self, sequence: Sequence[int], then: Node) -> TokenTrie:
        """Return a tree that also has a sequence leading to another place; this one stays as it is."""
        twin = TokenTrie()
        twin.children = dict(self.children)
        head, *rest = sequence
        known = twin.children.get(head)
        base = known if isinstance(known, TokenTrie) else TokenTrie()
        twin.children[head] = base.joined(rest, then) if rest else then
        return twin

    def child(self, token: int) -> Node:
        """Return the node after a token."""
        return self.children[token]

    @property
    def tokens(self) -> tuple[int, ...]:
        """Return the tokens that may come next, ascending; none after an end."""
        if self._tokens is None:
            self._tokens = tuple(sorted(self.children))
        return self._tokens


class TrieCache:
    """Trees of admissible actions; those used last are kept.

    Args:
        encode: turns an action into its tokens.
        end_id: the end-of-message token.
        max_tries: how many trees are kept.
    """

    def __init__(self, encode: Callable[[str], Sequence[int]], end_id: int, max_tries: int = 4096) -> None:
        self._encode, self._end_id, self._max_tries = encode, end_id, max_tries
        self._tries: OrderedDict[tuple[str, ...], TokenTrie] = OrderedDict()
        self._longest: dict[tuple[str, ...], int] = {}

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
                "empty; where the environment lists no actions, rollout.constraint is 'none' or 'listed' (of "
                "`turnwise eval` --constraint)"
            )
        encoded = list(map(self._encode, actions))
        trie = TokenTrie.of(encoded, self._end_id)
        self._tries[actions], self._longest[actions] = trie, 1 + max(map(len, encoded))
        if len(self._tries) > self._max_tries:
            del self._longest[self._tries.popitem(last=False)[0]]
        return trie

    def longest(self, actions: tuple[str, ...]) -> int:
        """Return the tokens of the longest action and its end, of a tree that was got last."""
        return self._longest[actions]
