"""The tree of admissible actions: what may follow, what is forced, what is kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnwise.agents.decoding import TokenTrie, TrieCache
from turnwise.agents.decoding.trie import forced
from turnwise.errors import PolicyError

END = 0


def test_children_are_ascending_and_an_action_may_begin_another() -> None:
    trie = TokenTrie.of([(5, 3), (5, 9, 9), (2,)], END)
    assert trie.tokens == (2, 5)
    assert trie.children[5].tokens == (3, 9)
    prefix = TokenTrie.of([(5,), (5, 9)], END)
    assert prefix.children[5].tokens == (END, 9)


def test_forced_stops_at_the_first_choice() -> None:
    trie = TokenTrie.of([(5, 7, 3), (5, 7, 4)], END)
    chain, node = forced(trie)
    assert chain == [5, 7]
    assert node.tokens == (3, 4)
    chain, node = forced(node.child(3))
    assert chain == [END]
    assert node.tokens == ()


@given(st.lists(st.lists(st.integers(1, 4), min_size=1, max_size=5).map(tuple), min_size=1, max_size=12))
def test_the_paths_are_the_actions(actions: list[tuple[int, ...]]) -> None:
    def paths(node: TokenTrie, before: tuple[int, ...]) -> set[tuple[int, ...]]:
        if not node.tokens:
            return {before}
        return set().union(*(paths(node.children[token], (*before, token)) for token in node.tokens))

    assert paths(TokenTrie.of(actions, END), ()) == {(*action, END) for action in actions}


def test_inserting_later_renews_the_order() -> None:
    trie = TokenTrie.of([(5,)], END)
    assert trie.tokens == (5,)
    trie.insert((2,), END)
    assert trie.tokens == (2, 5)


def test_the_cache_keeps_the_last_used() -> None:
    calls: list[str] = []

    def encode(text: str) -> tuple[int, ...]:
        calls.append(text)
        return tuple(map(ord, text))

    cache = TrieCache(encode, END, max_tries=2)
    first = cache.get(("a", "b"))
    assert cache.get(("a", "b")) is first
    assert calls == ["a", "b"]
    cache.get(("c",))
    cache.get(("a", "b"))
    cache.get(("d",))  # pushes out ("c",), the one unused for longest
    assert cache.get(("a", "b")) is first
    calls.clear()
    cache.get(("c",))
    assert calls == ["c"]


@pytest.mark.parametrize("actions", [(), ("look", "")])
def test_no_action_or_an_empty_one_is_refused(actions: tuple[str, ...]) -> None:
    with pytest.raises(PolicyError, match="expected at least one, none of them empty"):
        TrieCache(lambda text: [1], END).get(actions)
