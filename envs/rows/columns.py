"""Which columns of a table hold what: the question that is shown, and what its answer is compared with."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import UsageError
from ..retrieval.draws import draw
from .graders import LETTERS, Gold, fault
from .table import Row, Table

MAX_QUESTION_CHARS = 60_000
SPLITS = ("all", "train", "unseen", "test")

_FIELD = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table.

    Args:
        question: that of the question, or a text with columns in braces.
        answer: that of the answer, or of a list of right ones.
        choices: that of the choices, a list or a dict with a list `text`.
        grader: what the answer is for.
    """

    question: str
    answer: str
    choices: str
    grader: str

    def gold(self, table: Table, row: Row) -> Gold:
        """Return what a row says of its answer.

        Raises:
            UsageError: if there is no such column.
        """
        given = row.get(self.answer)
        if given is None and self.grader != "function":
            raise UsageError(_lacks(table, row, self.answer))
        listed = given if isinstance(given, list | tuple) else [] if given is None else [given]
        options = row.get(self.choices) if self.grader == "choice" else None
        options = options.get("text") if isinstance(options, Mapping) else options
        return Gold(row, tuple(map(str, listed)), tuple(map(str, options or ())))

    def asked(self, table: Table, row: Row) -> str:
        """Return the question of a row, its choices below it.

        Raises:
            UsageError: if there is no such column.
        """
        template = self.question if "{" in self.question else f"{{{self.question}}}"
        lacking = [name for name in _FIELD.findall(template) if name not in row]
        if lacking:
            raise UsageError(_lacks(table, row, lacking[0]))
        shown = _FIELD.sub(lambda found: str(row[found[1]]), template)
        options = self.gold(table, row).choices
        listed = [f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False)]
        return "\n".join([shown, *listed])


def chosen(table: Table, columns: Columns, split: str) -> list[int]:
    """Return the numbers of the rows of a split, after a look at every row of the table.

    Raises:
        UsageError: if a row cannot be asked or graded, with its number, or the split is empty.
    """
    rows = [number for number, side in enumerate(_sides(table, columns)) if split in ("all", side)]
    if not rows:
        raise UsageError(f"split {split!r} of {table} is empty; take another split")
    return rows


@functools.lru_cache(maxsize=8)
def _sides(table: Table, columns: Columns) -> tuple[str, ...]:
    return tuple(_side(_checked(table, columns, number)) for number in range(len(table.rows)))


def _checked(table: Table, columns: Columns, number: int) -> str:
    """Return the question of a row that can be asked and graded."""
    row = table.rows[number]
    wrong = "" if columns.grader == "function" else fault(columns.grader, columns.gold(table, row))
    asked = columns.asked(table, row)
    if not wrong and not 0 < len(asked) <= MAX_QUESTION_CHARS:
        wrong = f"asks in {len(asked)} characters; expected 1 to {MAX_QUESTION_CHARS}"
    if wrong:
        raise UsageError(f"{table.source}: row {number} {wrong}")
    return asked


def _side(question: str) -> str:
    bucket = draw(f"rows question {question}", 10)
    return "train" if bucket < 8 else "unseen" if bucket < 9 else "test"


def _lacks(table: Table, row: Row, column: str) -> str:
    return f"{table.source}: no column {column!r}; there are {', '.join(sorted(map(str, row))[:20])}"
