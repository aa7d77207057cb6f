"""A log that only grows: the Merkle tree of RFC 6962, section 2.1, with its two proofs.

A leaf is hashed with a byte 0 before it, an inner node with a byte 1, so that neither passes for the
other. An inclusion proof shows that a leaf stands at its place in a tree of a known root; a consistency
proof that a larger tree begins with all of a smaller one. Checked as in RFC 9162, sections 2.1.3.2 and
2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_EMPTY = hashlib.sha256(b"").digest()
HASH_BYTES = 32


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\0" + content).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class MerkleTree:
    """A tree over leaves that are only added: root and proofs in steps that grow as the logarithm."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]  # the hashes of whole subtrees of 1, 2, 4 ... leaves

    def __len__(self) -> int:
        return len(self._levels[0])

    def add(self, content: bytes) -> int:
        """Add a leaf; return its place."""
        self._levels[0].append(leaf_hash(content))
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(_node(*self._levels[level][-2:]))
            level += 1
        return len(self) - 1

    def root(self, size: int | None = None) -> bytes:
        """Return the root over the first `size` leaves, all by default."""
        size = len(self) if size is None else size
        return self._hash(0, size) if size else _EMPTY

    def inclusion(self, place: int, size: int) -> list[bytes]:
        """Return the proof that a leaf stands at a place among the first `size`."""
        return self._path(place, 0, size)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Return the proof that the first `second` leaves begin with the first `first`, at least one."""
        return self._subproof(first, 0, second, whole=True)

    def _hash(self, low: int, high: int) -> bytes:
        size = high - low
        if size & (size - 1) == 0:  # low is a multiple of it
            level = size.bit_length() - 1
            return self._levels[level][low >> level]
        middle = low + _split(size)
        return _node(self._hash(low, middle), self._hash(middle, high))

    def _path(self, place: int, low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = low + _split(high - low)
        if place < middle:
            return [*self._path(place, low, middle), self._hash(middle, high)]
        return [*self._path(place, middle, high), self._hash(low, middle)]

    def _subproof(self, first: int, low: int, high: int, *, whole: bool) -> list[bytes]:
        if first == high:
            return [] if whole else [self._hash(low, high)]
        middle = low + _split(high - low)
        if first <= middle:
            return [*self._subproof(first, low, middle, whole=whole), self._hash(middle, high)]
        return [*self._subproof(first, middle, high, whole=False), self._hash(low, middle)]


def _split(size: int) -> int:
    """Return the largest power of two below a size of at least two."""
    return 1 << ((size - 1).bit_length() - 1)


def includes(content: bytes, place: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a proof shows that a leaf stands at a place in the tree of a root."""
    if not 0 <= place < size:
        return False
    found, at, last = leaf_hash(content), place, size - 1
    for part in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = _node(part, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = _node(found, part)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def grows(first: int, second: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether a proof shows that the tree of `second` leaves begins with that of `first`."""
    if not 0 < first <= second:
        return False
    if first == second:
        return old == new and not proof
    path = [old, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = path[0]
    for part in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = _node(part, before), _node(part, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = _node(after, part)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old and after == new
