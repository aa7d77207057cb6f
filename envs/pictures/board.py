"""A board of coloured shapes, drawn from a generator, and its picture."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..images import png

SIDE = 4
SQUARES = tuple(f"{column}{row}" for row in range(1, SIDE + 1) for column in "abcd")
COLOURS = ("red", "green", "blue", "yellow")
SHAPES = ("circle", "square", "triangle", "cross")
_MOST_ASKED = 3
_NUM_SHAPES = 10
_PALETTE = ((245, 245, 245), (150, 150, 150), (205, 30, 30), (20, 140, 50), (30, 60, 205), (235, 190, 0))
_LINE, _FIRST_COLOUR = 1, 2
_PIXELS = 28  # of a square: two patches of 14 pixels, which models with Qwen's eyes see as one token


@dataclass(frozen=True, slots=True)
class Kind:
    """A shape of a colour."""

    colour: str
    shape: str

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.colour} {self.shape}"


KINDS = tuple(Kind(colour, shape) for colour in COLOURS for shape in SHAPES)
HELD_OUT = tuple(map(Kind, COLOURS, SHAPES))
"""Kinds that are asked for in the split unseen alone."""


@dataclass(frozen=True, slots=True)
class Board:
    """Which kind lies on which square, and the kind that is asked for."""

    asked: Kind
    laid: dict[str, Kind]

    def __contains__(self, square: str) -> bool:
        """Tell whether what is asked for lies on a square."""
        return self.laid.get(square) == self.asked

    @property
    def left(self) -> list[str]:
        """Return the squares on which it still lies."""
        return [square for square in SQUARES if square in self]

    def without(self, square: str) -> Board:
        """Return the board after something was taken."""
        return Board(self.asked, {place: kind for place, kind in self.laid.items() if place != square})


def make_board(number: int, kinds: Sequence[Kind]) -> Board:
    """Make board `number` that asks for one of some kinds.

    One to three of the kind lie there; beside them two of its colour, two of its shape, and others.
    """
    chance = random.Random(f"pictures {number} {' '.join(map(str, kinds))}")
    asked = chance.choice(kinds)
    laid = [asked] * chance.randint(1, _MOST_ASKED)
    laid += chance.sample([kind for kind in KINDS if kind.colour == asked.colour and kind != asked], 2)
    laid += chance.sample([kind for kind in KINDS if kind.shape == asked.shape and kind != asked], 2)
    others = [kind for kind in KINDS if kind != asked]
    laid += chance.choices(others, k=_NUM_SHAPES - len(laid))
    return Board(asked, dict(zip(chance.sample(SQUARES, len(laid)), laid, strict=True)))


def picture(board: Board) -> bytes:
    """Return the picture of a board as a PNG file: column a is on the left, row 1 is at the top."""
    numbers = np.zeros((SIDE * _PIXELS, SIDE * _PIXELS), np.uint8)
    numbers[::_PIXELS] = numbers[:, ::_PIXELS] = _LINE
    numbers[-1] = numbers[:, -1] = _LINE
    for place, square in enumerate(SQUARES):
        if square in board.laid:
            kind, (row, column) = board.laid[square], divmod(place, SIDE)
            top, left = row * _PIXELS, column * _PIXELS
            target = numbers[top : top + _PIXELS, left : left + _PIXELS]
            target[_MASKS[kind.shape]] = _FIRST_COLOUR + COLOURS.index(kind.colour)
    return png(numbers, _PALETTE)


def _masks() -> dict[str, NDArray[np.bool_]]:
    """Return the pixels of a square that each shape covers."""
    across = np.arange(_PIXELS)[None, :] * 2 - (_PIXELS - 1)  # in half pixels from the middle
    down = across.T
    near = np.maximum(abs(across), abs(down)) <= 19
    thin = np.minimum(abs(across), abs(down)) <= 5
    return {
        "circle": across**2 + down**2 <= 19**2,
        "square": near,
        "triangle": near & (2 * abs(across) <= down + 19),
        "cross": near & thin,
    }


_MASKS = _masks()
