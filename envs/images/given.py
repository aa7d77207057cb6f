"""What `info["images"]` may hold: a list of at most four texts, each a small PNG file in base64.

A picture is hostile until it is checked: it may come from the code of an author, out of a box, or
from a server of somebody else's, and a decoder of pictures that others wrote is what it meets next.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from .png import check_png

MAX_IMAGES = 4
MAX_IMAGE_BYTES = 1_000_000
_MAX_TEXT_CHARS = 4 * ((MAX_IMAGE_BYTES + 2) // 3)
_REMEMBERED = 16  # one reply is checked where it is made, where it is sent and where it is shown


def as_text(file: bytes) -> str:
    """Return a PNG file as `info["images"]` has it."""
    return base64.b64encode(file).decode("ascii")


def file_of(image: str) -> bytes:
    """Return the PNG file that a checked text of `info["images"]` is."""
    return base64.b64decode(image)


def images_of(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the pictures of one `info`, checked; () where it has none.

    Raises:
        ValueError: with what is wrong, and what was expected.
    """
    given = info.get("images")
    if given is None:
        return ()
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise ValueError(f"info['images'] is {type(given).__name__}; expected a list of base64 texts")
    if len(given) > MAX_IMAGES:
        raise ValueError(f"info['images'] holds {len(given)} pictures; expected at most {MAX_IMAGES}")
    for number, text in enumerate(given):
        try:
            _check(text)
        except ValueError as error:
            raise ValueError(f"info['images'][{number}] is no PNG file in base64: {error}") from error
    return tuple(given)


def named(observation: object, images: Sequence[str]) -> object:
    """Return an observation with the names of its pictures: equal for equal ones, and for no others."""
    names = [hashlib.blake2b(image.encode(), digest_size=8).hexdigest() for image in images]
    return f"{observation}\n[images: {' '.join(names)}]" if names else observation


@lru_cache(_REMEMBERED)
def _check(text: str) -> tuple[int, int]:
    """Return width and height of a picture that is one."""
    if len(text) > _MAX_TEXT_CHARS:
        raise ValueError(f"it is longer than {MAX_IMAGE_BYTES} bytes")
    try:
        file = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"base64: {error}") from error
    if len(file) > MAX_IMAGE_BYTES:
        raise ValueError(f"it has {len(file)} bytes; expected at most {MAX_IMAGE_BYTES}")
    return check_png(file)
