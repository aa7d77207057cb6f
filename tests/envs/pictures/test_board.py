"""`pictures/board-v0`: the picture shows what the words do not."""

from __future__ import annotations

import hashlib
import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

import turnwise
from turnwise.envs.check import expert_episode
from turnwise.envs.images import file_of
from turnwise.envs.pictures.board import (
    COLOURS,
    HELD_OUT,
    KINDS,
    SHAPES,
    SQUARES,
    Board,
    Kind,
    make_board,
    picture,
)
from turnwise.errors import UnknownName

RGB = {"red": (205, 30, 30), "green": (20, 140, 50), "blue": (30, 60, 205), "yellow": (235, 190, 0)}


def squares(file: bytes) -> np.ndarray:
    """Return the pixels of each square [16, 28, 28, 3], as Pillow reads them."""
    with Image.open(io.BytesIO(file)) as image:
        pixels = np.asarray(image.convert("RGB"))
    return pixels.reshape(4, 28, 4, 28, 3).swapaxes(1, 2).reshape(16, 28, 28, 3)


def test_the_picture_shows_each_shape_at_its_place_in_its_colour() -> None:
    laid = dict(zip(SQUARES, KINDS, strict=True))
    shown, covered = squares(picture(Board(KINDS[0], laid))), {}
    for place, kind in enumerate(KINDS):
        mask = (shown[place] == RGB[kind.colour]).all(axis=-1)
        others = [
            (shown[place] == RGB[colour]).all(axis=-1).any() for colour in COLOURS if colour != kind.colour
        ]
        assert not any(others)
        covered.setdefault(kind.shape, mask)
        inner = slice(1, -1)  # lines are drawn below the shapes; none reaches them
        assert np.array_equal(mask[inner, inner], covered[kind.shape][inner, inner])
    # the middle pixel, one in the corner, one at the side, one at the foot: what tells the shapes apart
    points = {"middle": (14, 14), "corner": (6, 6), "side": (14, 7), "slant": (9, 9), "foot": (22, 6)}
    seen = {shape: [name for name, at in points.items() if covered[shape][at]] for shape in SHAPES}
    assert seen == {
        "circle": ["middle", "side", "slant"],
        "square": ["middle", "corner", "side", "slant", "foot"],
        "triangle": ["middle", "foot"],
        "cross": ["middle", "side"],
    }


def test_an_empty_square_is_empty() -> None:
    shown = squares(picture(Board(KINDS[0], {"b3": Kind("blue", "cross")})))
    drawn = [(pixels == RGB["blue"]).all(axis=-1).any() for pixels in shown]
    assert [SQUARES[place] for place, there in enumerate(drawn) if there] == ["b3"]


def test_a_game_to_the_letter() -> None:
    with turnwise.make("pictures/board-v0") as env:
        observation, info = env.reset(seed=1, options={"expert": True})
        assert observation.endswith("say e.g.: take a1\nThere are 2 to take, in 3 turns.")
        assert info["instruction"] == "Take every green circle from the board."
        assert info["task"] == "green circle/47318"
        assert hashlib.sha256(file_of(info["images"][0])).hexdigest()[:16] == "0a3609b0600f1e24"
        replies = [env.step(action) for action in ("take d4", "take a1", "take b1")]
    said = [
        (reply[0], reply[1], reply[2], reply[3], reply[4]["score"], reply[4]["rewards"]) for reply in replies
    ]
    assert said == [
        ("That is not one of them. 2 left, 2 turns.", 0.0, False, False, 0.0, {"taken": 0.0}),
        ("Taken. 1 left, 1 turns.", 0.0, False, False, 0.5, {"taken": 1.0}),
        ("Taken. All done.", 1.0, True, False, 1.0, {"taken": 1.0}),
    ]
    assert replies[-1][4]["won"] and replies[0][4]["images"] == info["images"] != replies[1][4]["images"]


def test_a_second_mistake_loses() -> None:
    with turnwise.make("pictures/board-v0") as env:
        env.reset(seed=1)
        env.step("take d4")
        env.step("what?")
        observation, reward, terminated, truncated, info = env.step("take a1")
    assert (observation, reward, terminated, truncated, info["won"]) == (
        "Taken. 1 left, 0 turns.",
        0.0,
        False,
        True,
        False,
    )


def test_words_do_not_tell_where_things_are() -> None:
    """Boards that ask for as many of one kind look alike in words, and lie differently."""
    shown, lies = Counter(), set()
    with turnwise.make("pictures/board-v0") as env:
        for seed in range(60):
            observation, info = env.reset(seed=seed, options={"expert": True})
            key = (observation, info["instruction"], tuple(info["admissible"]))
            shown[key] += 1
            lies.add((key, info["private"]["expert"]))
    assert len(lies) > len(shown) + 10


@pytest.mark.parametrize("split", ["train", "seen", "unseen", "test"])
def test_the_expert_wins_and_splits_keep_apart(split: str) -> None:
    tasks = {}
    for name in ("train", split):
        with turnwise.make("pictures/board-v0", split=name) as env:
            tasks[name] = {env.reset(seed=seed)[1]["task"] for seed in range(25)}
            assert all(expert_episode(env, seed)[0] for seed in range(3))
    asked = {task.split("/")[0] for task in tasks[split]}
    held = set(map(str, HELD_OUT))
    assert {"unseen": asked <= held, "test": bool(asked & held)}.get(split, not asked & held)
    assert split == "train" or not tasks["train"] & tasks[split]


def test_boards_hold_what_they_should() -> None:
    for number in range(100):
        board = make_board(number, KINDS)
        others = [kind for kind in board.laid.values() if kind != board.asked]
        assert 1 <= len(board.left) <= 3 and len(board.laid) == 10
        assert sum(kind.colour == board.asked.colour for kind in others) >= 2
        assert sum(kind.shape == board.asked.shape for kind in others) >= 2


def test_another_split_is_refused() -> None:
    with pytest.raises(UnknownName, match="valid"):
        turnwise.make("pictures/board-v0", split="valid")
