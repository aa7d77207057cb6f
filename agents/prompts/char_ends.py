"""The text of tokens, and where each token of a message ends in it, in time linear in their number.

A tokenizer decodes whole lists of tokens, and a character may be spread over several. What a
token adds is found once, behind another token; only the bytes of characters that are spread are
read one after another: byte-level tokenizers decode what is complete and write U+FFFD for the
rest, those with byte fallback take a run of bytes whole or not at all.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

SAID = frozenset({"[TOOL_CALLS]", "[CALL_ID]", "[ARGS]", "<|python_tag|>", "<tool_call>", "</tool_call>"})
"""Special tokens that an agent says: they mark calls (agents.prompts.call_forms)."""
_BROKEN = "\ufffd"
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class _Piece(NamedTuple):
    """What a token adds: a text, or bytes of characters that other tokens may complete."""

    text: str
    spread: bytes | None = None
    lost: bool = False  # whether the first byte is not spelled, where the run of bytes is


class CharEnds:
    """What spells tokens, without special ones except those that are said, and tells where they end.

    Args:
        tokenizer: a fast one of the transformers library.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        backend = tokenizer.backend_tokenizer
        description = json.loads(backend.to_str())
        kinds = _types(description["decoder"])
        self._is_byte_level, self._falls_back = "ByteLevel" in kinds, "ByteFallback" in kinds
        self._skipped = frozenset(
            token["id"]
            for token in description["added_tokens"]
            if token["special"] and token["content"] not in SAID
        )
        self._anchor = int(backend.encode("a", add_special_tokens=False).ids[-1])
        self._before = self.decode([self._anchor])
        self._pieces: dict[int, _Piece | None] = {}

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of tokens."""
        kept = [token for token in ids if token not in self._skipped]
        text: str = self._tokenizer.decode(
            kept, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def __call__(self, ids: Sequence[int], text: str) -> tuple[int, ...]:
        """Return [L] where each token ends in `text`, the start of what the tokens spell."""
        spelling, ends = _Spelling(self._is_byte_level), [0]
        for token in ids[:-1]:
            piece = self._piece(token)
            if piece is not None:
                spelling.add(self._first(token, piece) if spelling.is_empty else piece)
            ends.append(max(ends[-1], min(spelling.num_chars, len(text))))
        return (*ends[1:], len(text)) if ids else ()

    def _first(self, token: int, piece: _Piece) -> _Piece:
        """Return what a token adds that begins a message: it may lose a blank."""
        alone = self.decode([token])
        return (
            piece._replace(lost=not alone)
            if piece.spread == b" "
            else piece
            if piece.spread
            else _Piece(alone)
        )

    def _piece(self, token: int) -> _Piece | None:
        """Return what a token adds behind others; None for one that is not spelled."""
        if token not in self._pieces:
            self._pieces[token] = self._found(token)
        return self._pieces[token]

    def _found(self, token: int) -> _Piece | None:
        name = self._tokenizer.backend_tokenizer.id_to_token(token)
        if name is None or token in self._skipped:
            return None
        byte = _BYTE.fullmatch(name) if self._falls_back else None
        if byte:
            return _Piece("", bytes([int(byte[1], 16)]))
        text = self.decode([self._anchor, token])[len(self._before) :]
        if self._is_byte_level and _BROKEN in text:
            return _Piece("", _bytes_of(name))
        return _Piece(text)


class _Spelling:
    """A text that grows by pieces; `num_chars` leaves out what is broken at its end.

    Args:
        partly: whether of a run of bytes the complete characters are spelled, else all or nothing.
    """

    def __init__(self, partly: bool) -> None:
        self._partly = partly
        self.is_empty = True
        self._total = self._broken = 0  # characters, and those at the end that are broken
        self._run = _Run(partly)

    @property
    def num_chars(self) -> int:
        """Return how many characters are spelled for good."""
        whole, broken = self._run.written(ends=False)
        return self._total + whole - broken - (self._broken if broken == whole else 0)

    def add(self, piece: _Piece) -> None:
        """Append a piece."""
        self.is_empty = False
        if piece.spread is not None:
            self._run.feed(piece.spread, piece.lost)
            return
        self._write(*self._run.written(ends=True))
        self._run = _Run(self._partly)
        self._write(len(piece.text), len(piece.text) - len(piece.text.rstrip(_BROKEN)))

    def _write(self, num_chars: int, num_broken: int) -> None:
        self._total += num_chars
        self._broken = num_broken + (self._broken if num_broken == num_chars else 0)


class _Run:
    """Bytes that follow each other, and how they are written."""

    def __init__(self, partly: bool) -> None:
        self._partly = partly
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace" if partly else "strict")
        self._chars = self._broken = self._bytes = 0
        self._is_whole = True

    def feed(self, data: bytes, lost: bool) -> None:
        """Append bytes; `lost` leaves out the character that they are."""
        self._bytes += len(data)
        if not self._is_whole:
            return
        try:
            text = self._decoder.decode(data)
        except UnicodeDecodeError:
            self._is_whole = False
            return
        broken = len(text) - len(text.rstrip(_BROKEN))
        self._chars += len(text) - lost
        self._broken = broken + (self._broken if broken == len(text) else 0)

    def written(self, *, ends: bool) -> tuple[int, int]:
        """Return how many characters are written, and how many at the end are broken.

        Args:
            ends: count what is still open too.
        """
        still_open = self._decoder.getstate()[0]
        if self._partly:
            extra = len(still_open.decode("utf-8", "replace")) if ends else 0
            return self._chars + extra, self._broken + extra
        if self._is_whole and not still_open:
            return self._chars, self._broken
        return self._bytes, self._bytes


def _types(decoder: Any) -> set[str]:
    """Return the kinds of a decoder and of those inside it."""
    if not isinstance(decoder, dict):
        return set()
    inner = [_types(each) for each in decoder.get("decoders", [])]
    return {str(decoder.get("type"))}.union(*inner)


def _byte_letters() -> dict[str, int]:
    """Return the letters that byte-level tokenizers write bytes as: printable ones stand for themselves."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}


_BYTE_OF = _byte_letters()


def _bytes_of(name: str) -> bytes:
    """Return the bytes of a byte-level token; a name with other letters stands for itself."""
    if all(letter in _BYTE_OF for letter in name):
        return bytes(_BYTE_OF[letter] for letter in name)
    return name.encode()
