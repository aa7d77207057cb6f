"""PNG files: drawn in a few colours, and checked before anybody decodes them.

Chunks, filters and sizes are those of the PNG specification (W3C, third edition, 2025). What is
refused beside broken files: interlacing and animations, which no observation needs, and chunks that
are compressed apart from the pixels, whose size nobody has said.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 2048
"""The largest width or height, in pixels."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type: grey, RGB, palette, with alpha the last two
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE = 3
_COLOURS = 16
_BLOCK_BYTES = 65_535
_MAX_FILTER = 4
_PLAIN = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB cICP sBIT bKGD hIST pHYs tIME tEXt eXIf".split())


def png(numbers: NDArray[np.uint8], palette: Sequence[tuple[int, int, int]]) -> bytes:
    """Return the PNG file of a drawing in a few colours; equal drawings have equal bytes everywhere.

    For that its pixels are stored and not compressed: libraries that compress differ in what they write.

    Args:
        numbers: of the colour of each pixel [height, width].
        palette: red, green and blue of each colour, from 0 to 255; at most 16.

    Raises:
        ValueError: if the array has another form, a side is 0 or longer than `MAX_SIDE`, or a
            colour is missing or one too many.
    """
    if numbers.dtype != np.uint8 or numbers.ndim != 2:
        raise ValueError(f"numbers {numbers.dtype}{list(numbers.shape)}: expected uint8 [height, width]")
    height, width = numbers.shape
    _check_sides(width, height)
    if not int(numbers.max()) < len(palette) <= _COLOURS:
        raise ValueError(f"{len(palette)} colours, the largest number is {numbers.max()}; expected up to 16")
    padded = np.pad(numbers, ((0, 0), (0, width % 2)))
    packed = padded[:, ::2] << 4 | padded[:, 1::2]
    rows = np.pad(packed, ((0, 0), (1, 0))).tobytes()  # before each row its filter, which changes nothing
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((4, _PALETTE, 0, 0, 0))
    colours = bytes(value for colour in palette for value in colour)
    chunks = ((b"IHDR", header), (b"PLTE", colours), (b"IDAT", _stored(rows)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def check_png(file: bytes) -> tuple[int, int]:
    """Check a whole PNG file, its pixels included.

    Returns:
        width and height, in pixels.

    Raises:
        ValueError: with what is wrong.
    """
    if not file.startswith(_SIGNATURE):
        raise ValueError("it does not begin as a PNG file does")
    chunks = list(_chunks(file))
    kinds = [kind for kind, _ in chunks]
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or kinds.count(b"IHDR") + kinds.count(b"IEND") != 2:
        raise ValueError("it has not one IHDR first and one IEND last")
    for kind in kinds:
        if kind not in _PLAIN:
            raise ValueError(f"it has the chunk {kind!r}; expected a plain picture without it")
    width, height, colour, stride = _header(chunks[0][1])
    if colour == _PALETTE and b"PLTE" not in kinds:
        raise ValueError("it has no palette, and its pixels are numbers in one")
    _check_pixels(b"".join(data for kind, data in chunks if kind == b"IDAT"), height, stride)
    return width, height


def _stored(data: bytes) -> bytes:
    """Return data as a zlib stream of stored blocks (RFC 1950, RFC 1951 3.2.4)."""
    stream = b"\x78\x01"
    for start in range(0, len(data), _BLOCK_BYTES):
        block = data[start : start + _BLOCK_BYTES]
        is_last = start + _BLOCK_BYTES >= len(data)
        sizes = len(block).to_bytes(2, "little") + (len(block) ^ 0xFFFF).to_bytes(2, "little")
        stream += bytes((is_last,)) + sizes + block
    return stream + zlib.adler32(data).to_bytes(4, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def _chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and data of each chunk."""
    place = len(_SIGNATURE)
    while place < len(file):
        size = int.from_bytes(file[place : place + 4], "big")
        end = place + 12 + size
        if end > len(file):
            raise ValueError("it is cut off")
        if _chunk(file[place + 4 : place + 8], file[place + 8 : end - 4]) != file[place:end]:
            raise ValueError(f"the checksum of its chunk {file[place + 4 : place + 8]!r} is wrong")
        yield file[place + 4 : place + 8], file[place + 8 : end - 4]
        place = end


def _header(header: bytes) -> tuple[int, int, int, int]:
    """Return width, height, colour type and the bytes of a row."""
    if len(header) != 13:
        raise ValueError("its header has another length")
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour, compression, filtering, interlacing = header[8:]
    _check_sides(width, height)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering:
        raise ValueError(f"it has depth {depth} and colour type {colour}, which no PNG file has")
    if interlacing:
        raise ValueError("it is interlaced; expected a plain picture")
    return width, height, colour, (width * depth * _CHANNELS[colour] + 7) // 8


def _check_sides(width: int, height: int) -> None:
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"it is {width} x {height} pixels; expected 1 to {MAX_SIDE} on each side")


def _check_pixels(data: bytes, height: int, stride: int) -> None:
    """Unpack the rows of a picture, never more of them than the header has said."""
    size, unpacker = height * (stride + 1), zlib.decompressobj()
    try:
        rows = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(f"its pixels cannot be unpacked: {error}") from error
    if len(rows) != size or not unpacker.eof or unpacker.unused_data:
        raise ValueError("its pixels are fewer or more than its header says")
    if max(rows[:: stride + 1]) > _MAX_FILTER:
        raise ValueError("its rows have filters that do not exist")
