"""`pictures/board-v0`: take the asked shapes from a board that only a picture shows.

An observation says in words how many are left; where they lie stands in `info["images"]` alone. Every
square is admissible all the time, so whoever does not see has to guess: there is one turn more than
there are shapes to take. The reward is 1 for the last of them; `info["rewards"]` tells of each.
"""

from __future__ import annotations

from typing import Any

from ...errors import UnknownName
from ..core import TextEnv
from ..images import as_text
from ..retrieval.draws import draw
from .board import HELD_OUT, KINDS, SQUARES, Board, Kind, make_board, picture

_NUM_TASKS = 100_000
_SPLITS = ("train", "seen", "unseen", "test")
_TAKE = "take "
_ACTIONS = [_TAKE + square for square in SQUARES]


class BoardEnv(TextEnv):
    """A board to take shapes from; the seed decides the task.

    Args:
        split: train; seen (other boards); unseen (kinds of shapes that training never asks for); test
            (boards of every kind that no other split has).

    Raises:
        UnknownName: if there is no such split.
    """

    _board: Board
    _turns: int

    def __init__(self, split: str = "train") -> None:
        if split not in _SPLITS:
            raise UnknownName("split", split, _SPLITS)
        self._split = split
        self._kinds = _kinds_of(split)
        self._expert = False
        self._start(0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Lay the board that the seed decides."""
        super().reset(seed=seed)
        self._expert = bool((options or {}).get("expert"))
        number = int(self.np_random.integers(_NUM_TASKS))
        while self._split not in ("unseen", _part(number)):
            number = int(self.np_random.integers(_NUM_TASKS))
        self._start(number)
        count = len(self._board.left)
        opening = (
            "The picture shows a board: columns a to d from left to right, rows 1 to 4 from top to bottom. "
            f"To take what lies on a square, say e.g.: {_ACTIONS[0]}\n"
            f"There {'is' if count == 1 else 'are'} {count} to take, in {self._turns} turns."
        )
        return opening, self._info(0.0)

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Take what lies on a square."""
        self._turns -= 1
        taken = action in _ACTIONS and action.removeprefix(_TAKE) in self._board
        if taken:
            self._board = self._board.without(action.removeprefix(_TAKE))
        left = len(self._board.left)
        said = "Taken." if taken else "That is not one of them." if action in _ACTIONS else "No such move."
        won = left == 0
        observation = f"{said} {left} left, {max(0, self._turns)} turns." if not won else f"{said} All done."
        return observation, float(won and taken), won, not won and self._turns <= 0, self._info(float(taken))

    def _start(self, number: int) -> None:
        self._number, self._board = number, make_board(number, self._kinds)
        self._count = len(self._board.left)
        self._turns = self._count + 1

    def _info(self, taken: float) -> dict[str, Any]:
        left = self._board.left
        info: dict[str, Any] = {
            "admissible": _ACTIONS,
            "images": [as_text(picture(self._board))],
            "instruction": f"Take every {self._board.asked} from the board.",
            "rewards": {"taken": taken},
            "score": 1.0 - len(left) / self._count,
            "task": f"{self._board.asked}/{self._number}",
            "won": not left,
        }
        if self._expert and left:
            info["private"] = {"expert": _TAKE + left[0]}
        return info


def _kinds_of(split: str) -> tuple[Kind, ...]:
    if split == "test":
        return KINDS
    return tuple(kind for kind in KINDS if (kind in HELD_OUT) == (split == "unseen"))


def _part(number: int) -> str:
    """Return the split that a board's number belongs to: 80 % train, 10 % seen, 10 % test."""
    bucket = draw(f"pictures task {number}", 10)
    return "train" if bucket < 8 else "seen" if bucket < 9 else "test"
