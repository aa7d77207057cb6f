"""Tokens of a message in a text that only this gateway can have written.

A client that keeps no more than what its dialect gives it can go on with a conversation in
another episode: fields that it gives back unchanged hold the very tokens that were sampled.
The text says of which message they are (matching.key_of), so that it proves nothing of an
edited one. MAC: BLAKE2b with a key (RFC 7693, 2.5), of a secret that dies with the process.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest
from typing import get_args

from ..types import FinishReason

_MAC, _KEY = 16, 16
_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)
_MAX_CHARS = 1 << 20
_MAX_TOKENS = 1 << 17


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a seal holds: tokens that were sampled, and why they ended."""

    token_ids: tuple[int, ...]
    finish_reason: FinishReason


class Seals:
    """What writes seals, and reads its own."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def seal(self, key: bytes, token_ids: Sequence[int], finish_reason: FinishReason) -> str:
        """Return tokens as a text.

        Args:
            key: of the message as it is given out.
            token_ids: that were sampled.
            finish_reason: why they ended.
        """
        packed = zlib.compress(struct.pack(f"<{len(token_ids)}I", *token_ids), 1)
        body = key + bytes([_REASONS.index(finish_reason)]) + packed
        return base64.urlsafe_b64encode(self._mac(body) + body).decode()

    def read(self, text: str, key: bytes) -> Sealed | None:
        """Return what a seal of this gateway holds; None for any other text, and for another message.

        Args:
            text: of any content.
            key: of the message that it came back with.
        """
        if len(text) > _MAX_CHARS:
            return None
        try:
            content = base64.urlsafe_b64decode(text.encode("ascii"))
        except (binascii.Error, UnicodeEncodeError):
            return None
        mac, body = content[:_MAC], content[_MAC:]
        if not compare_digest(mac, self._mac(body)) or not compare_digest(body[:_KEY], key):
            return None
        packed = zlib.decompressobj().decompress(body[_KEY + 1 :], 4 * _MAX_TOKENS)
        return Sealed(struct.unpack(f"<{len(packed) // 4}I", packed), _REASONS[body[_KEY]])

    def _mac(self, body: bytes) -> bytes:
        return hashlib.blake2b(body, key=self._secret, digest_size=_MAC).digest()
