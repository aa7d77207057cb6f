"""PNG files: what is written is what Pillow reads, and what is not a plain small picture is refused."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from turnwise.envs.images import MAX_IMAGE_BYTES, MAX_IMAGES, as_text, file_of, images_of, named, png
from turnwise.envs.images.png import MAX_SIDE, check_png

COLOURS = [(255, 255, 255), (0, 0, 0), (200, 10, 20)]
DRAWING = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def made(
    width: int = 1, height: int = 1, depth: int = 8, colour: int = 0, interlacing: int = 0,
    rows: bytes = b"\0\7", before: bytes = b"", after: bytes = b"",
) -> bytes:  # fmt: skip
    """Return a file as somebody else might write it: by default one grey pixel."""
    sides = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = chunk(b"IHDR", sides + bytes((depth, colour, 0, 0, interlacing)))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + before + data + chunk(b"IEND", b"") + after


def test_a_drawing_to_the_byte() -> None:
    # one filter byte a row, two pixels of four bits a byte: 01 20, 21 00
    rows = b"\0\x01\x20\0\x21\x00"
    stored = b"\x78\x01" + b"\x01\x06\x00\xf9\xff" + rows + zlib.adler32(rows).to_bytes(4, "big")
    header = bytes((0, 0, 0, 3, 0, 0, 0, 2, 4, 3, 0, 0, 0))
    palette = bytes((255, 255, 255, 0, 0, 0, 200, 10, 20))
    expected = chunk(b"IHDR", header) + chunk(b"PLTE", palette) + chunk(b"IDAT", stored) + chunk(b"IEND", b"")
    assert png(DRAWING, COLOURS) == b"\x89PNG\r\n\x1a\n" + expected


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 300), st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_pillow_reads_what_was_drawn(height: int, width: int, seed: int) -> None:
    numbers = np.random.default_rng(seed).integers(0, 3, (height, width)).astype(np.uint8)
    file = png(numbers, COLOURS)
    assert check_png(file) == (width, height)
    with Image.open(io.BytesIO(file)) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), np.array(COLOURS, np.uint8)[numbers])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_what_pillow_writes_is_taken(mode: str) -> None:
    stream = io.BytesIO()
    Image.new(mode, (13, 7)).save(stream, "PNG")
    assert check_png(stream.getvalue()) == (13, 7)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "does not begin"),
        (b"GIF89a", "does not begin"),
        (made()[:-1], "cut off"),
        (made()[:20] + b"!" + made()[21:], "checksum"),
        (made(after=b"more"), "cut off"),
        (made(after=chunk(b"IEND", b"")), "one IEND last"),
        (made(before=chunk(b"IHDR", b"")), "one IHDR first"),
        (made(before=chunk(b"acTL", b"\0" * 8)), "b'acTL'"),
        (made(before=chunk(b"iCCP", b"a\0\0" + zlib.compress(b"\0" * 10_000))), "b'iCCP'"),
        (made(width=0), "0 x 1 pixels"),
        (made(height=MAX_SIDE + 1), f"1 x {MAX_SIDE + 1} pixels"),
        (made(width=2**31), "pixels"),
        (made(depth=3), "depth 3"),
        (made(colour=5), "colour type 5"),
        (made(colour=3), "no palette"),
        (made(interlacing=1), "interlaced"),
        (made(rows=b"\0"), "fewer or more"),
        (made(rows=b"\0\7\7"), "fewer or more"),
        (made(rows=b"\5\7"), "filters"),
        (made().replace(zlib.compress(b"\0\7"), b"\0" * len(zlib.compress(b"\0\7"))), "checksum"),
    ],
)  # fmt: skip
def test_what_is_refused(file: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_png(file)


def test_a_bomb_is_not_unpacked() -> None:
    bomb = made(rows=b"\0" * (20 << 20))
    assert len(bomb) < MAX_IMAGE_BYTES
    with pytest.raises(ValueError, match="fewer or more"):
        check_png(bomb)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_spoiled_file_is_refused_or_a_picture_all_the_same(data: st.DataObject) -> None:
    file = bytearray(png(DRAWING, COLOURS))
    place = data.draw(st.integers(0, len(file) - 1))
    file[place] = data.draw(st.integers(0, 255))
    try:
        size = check_png(bytes(file))
    except ValueError:
        return
    assert bytes(file) == png(DRAWING, COLOURS) and size == (3, 2)


def broken(change: Callable[[str], object]) -> dict[str, object]:
    return {"images": change(as_text(png(DRAWING, COLOURS)))}


@pytest.mark.parametrize(
    ("info", "said"),
    [
        (broken(lambda text: text), "is str; expected a list"),
        (broken(lambda text: [text.encode()]), "expected a list of base64 texts"),
        (broken(lambda text: {"a": text}), "is dict"),
        (broken(lambda text: [text] * (MAX_IMAGES + 1)), "holds 5 pictures"),
        (broken(lambda text: [text, text[:-1]]), r"\[1\] is no PNG file in base64: base64"),
        (broken(lambda text: [f"data:image/png;base64,{text}"]), r"\[0\] is no PNG"),
        (broken(lambda text: [text + "\n"]), r"\[0\] is no PNG"),
        (broken(lambda text: ["\ud800"]), r"\[0\] is no PNG"),
        (broken(lambda text: ["A" * (2 * MAX_IMAGE_BYTES)]), "longer than"),
        (broken(lambda text: [as_text(b"a" * (MAX_IMAGE_BYTES + 1))]), "at most 1000000"),
    ],
)  # fmt: skip
def test_what_info_may_not_hold(info: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        images_of(info)


def test_what_info_may_hold() -> None:
    text = as_text(png(DRAWING, COLOURS))
    assert images_of({}) == images_of({"images": []}) == images_of({"images": None}) == ()
    assert images_of({"images": [text] * MAX_IMAGES}) == (text,) * MAX_IMAGES
    assert file_of(text) == png(DRAWING, COLOURS) == base64.b64decode(text)
    assert named("o", []) == "o"
    assert named("o", [text]) == named("o", [text]) != named("o", [text, text]) != named("o", [text + "="])


@pytest.mark.parametrize(("height", "colours"), [(0, 3), (1, 2), (1, 3), (20, 16), (20, 17)])
def test_what_cannot_be_drawn(height: int, colours: int) -> None:
    numbers = np.full((height, 2), 2, np.uint8)
    if height and 3 <= colours <= 16:
        assert check_png(png(numbers, [(0, 0, 0)] * colours)) == (2, height)
        return
    with pytest.raises(ValueError, match="expected"):
        png(numbers, [(0, 0, 0)] * colours)
