"""What the generation loop is given: what runs tokens, and what turns them into text."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor


class Engine(Protocol):
    """What runs tokens of the rows of one batch; rows are numbered as the jobs are."""

    def append(self, rows: Sequence[int], tokens: Sequence[Sequence[int]]) -> Tensor:
        """Append tokens to rows and return the logits [rows, V] after the last of each."""
        ...


class Codec(Protocol):
    """What turns tokens back into text."""

    @property
    def end_id(self) -> int:
        """Return the end-of-message token."""
        ...

    @property
    def stop_ids(self) -> frozenset[int]:
        """Return further tokens that end a message; the end-of-message token is then forced."""
        ...

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the tokens of a text, without markers."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, without special tokens."""
        ...

    def char_ends(self, ids: Sequence[int], text: str) -> tuple[int, ...]:
        """Return [L] where each of the tokens ends in their text, or in the part of it that `text` is."""
        ...


class Conversations(Protocol):
    """What is cached of the conversations of one model."""

    def batch(
        self, names: Sequence[str | None], prompts: Sequence[tuple[int, ...]]
    ) -> AbstractContextManager[tuple[Engine, list[int]]]:
        """Give the engine of a batch, and how many tokens of each prompt are cached: never all.

        Args:
            names: of the conversations; None has none, and nothing is kept of it.
            prompts: as far as they have come.
        """
        ...

    def forget(self, name: str) -> None:
        """Drop a conversation that has ended; from any thread."""
        ...

    def clear(self) -> None:
        """Drop all: the weights have changed."""
        ...
