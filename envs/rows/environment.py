"""`rows/table-v0`: questions of a table, one row a task.

    turnwise eval --env rows/table-v0 -k data=questions.jsonl -k grader=numeric --agent ...

The seed n is row n of the split, from the start again behind the last: `env.num_tasks` of a recipe may be
their number, which `Rows.num_tasks` tells. An answer ends the episode; with `attempts` a wrong one may
be mended. The answer is what stands in <answer> tags or in a box, or the whole message.

`reset(options=)`: `row` picks a row by its number in the table, `expert` puts the answer into
info["private"]["expert"].
"""

from __future__ import annotations

import copy
import hashlib
from typing import Any, Self

from ...errors import UnknownName, UsageError
from ..core import Info, TextEnv
from ..fingerprint import code_fingerprint
from .columns import SPLITS, Columns, chosen
from .graders import LETTERS, Function, Grader, choice, exact, numeric, of_function, regex, source_of
from .reading import answer_of
from .table import table_of

_GRADERS = ("exact", "numeric", "choice", "regex", "function")
_ASKED = {
    "exact": "Answer in as few words as possible.",
    "numeric": "Answer with a number.",
    "choice": "Answer with the letter of the right choice.",
}


class Rows(TextEnv):
    """A question of a table; the seed decides which.

    Args:
        data: a file (.jsonl, .json, .csv, .tsv, .parquet), `hub:NAME?split=test&config=main`, a
            `datasets.Dataset`, or a list of dicts.
        question: the column of the question, or a text with columns in braces:
            "{context} Question: {question}".
        answer: the column of the answer, or of a list of right ones.
        choices: the column of the choices: a list, or a dict with a list `text`.
        grader: exact, numeric, choice, regex, or function; see graders.py.
        function: `file.py:function` for the grader function, of an answer and a row.
        tolerance: of the grader numeric, a share of the right number.
        attempts: answers that may be given.
        split: all, or train (80 %), unseen (10 %) or test (10 %) by a hash of the question.
        instruction: what is asked of the agent.

    Raises:
        UsageError: if the table cannot be read, or a row lacks what it needs, with its number.
        UnknownName: for another grader or split.
    """

    _over: bool
    _expert: bool

    def __init__(
        self,
        data: Any,
        question: str = "question",
        answer: str = "answer",
        choices: str = "choices",
        grader: str = "exact",
        function: str | Function | None = None,
        tolerance: float = 1e-6,
        attempts: int = 1,
        split: str = "all",
        instruction: str | None = None,
    ) -> None:
        if grader not in _GRADERS:
            raise UnknownName("grader", grader, _GRADERS)
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        if (function is not None) != (grader == "function"):
            raise UsageError(
                f"grader {grader!r}, function {function!r}: the grader function needs one, alone"
            )
        if attempts < 1 or tolerance < 0:
            raise UsageError(f"attempts {attempts}, tolerance {tolerance}: expected at least 1, at least 0")
        self._table = table_of(data)
        self._columns, self._attempts = Columns(question, answer, choices, grader), attempts
        self._grade = _grader(grader, function, tolerance)
        self._settings = [self._columns, source_of(function), tolerance, attempts, split]
        self._instruction = _ASKED.get(grader, "Answer the question.") if instruction is None else instruction
        self._chosen = chosen(self._table, self._columns, split)
        self.no_expert = "a grader that compares with no text knows no answer" if self._silent else None
        self._begin(self._chosen[0])

    @property
    def num_tasks(self) -> int:
        """Return how many rows the split has."""
        return len(self._chosen)

    @property
    def fingerprint(self) -> str:
        """Return a hash of the code, the rows and the settings."""
        parts = [code_fingerprint(type(self)), self._table.digest, self._settings, self._instruction]
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Ask the question of the seed's row, or of the row that the options name."""
        super().reset(seed=seed)
        asked = options or {}
        place = self.np_random.integers(len(self._chosen)) if seed is None else seed % len(self._chosen)
        number = asked.get("row", self._chosen[int(place)])
        if not isinstance(number, int) or not 0 <= number < len(self._table.rows):
            raise UsageError(f"row {number!r}: expected a number from 0 to {len(self._table.rows) - 1}")
        self._begin(number)
        self._expert = bool(asked.get("expert")) and not self._silent
        return self._shown, self._info("")

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Grade an answer."""
        if self._over:
            return "The question is answered.", 0.0, True, False, self._info(" over")
        answer = answer_of(action)
        self._turn += 1
        self._score = self._grade(answer, self._gold)
        self._over = self._score >= 1 or self._turn == self._attempts
        said = "Right." if self._score >= 1 else f"{answer[:200]!r} is not right."
        again = "" if self._over else f"\n\n{self._shown}"
        return said + again, self._score, self._over, False, self._info(f" {self._turn} {self._over}")

    def clone(self) -> Self:
        """Return an independent copy in the same state; the table is shared."""
        twin = copy.copy(self)
        twin._np_random = copy.deepcopy(self._np_random)
        return twin

    @property
    def _silent(self) -> bool:
        return self._columns.grader in ("regex", "function")

    def _begin(self, number: int) -> None:
        row = self._table.rows[number]
        self._number, self._gold = number, self._columns.gold(self._table, row)
        self._shown = self._columns.asked(self._table, row)
        self._turn, self._score, self._over, self._expert = 0, 0.0, False, False

    def _info(self, state: str) -> Info:
        info: Info = {
            "task": f"{self._table.source}#{self._number}",
            "instruction": self._instruction,
            "state_key": f"row {self._number}{state}",
            "won": self._score >= 1,
            "score": self._score,
        }
        if self._columns.grader == "choice":
            info["admissible"] = list(LETTERS[: len(self._gold.choices)])
        if self._expert:
            right = self._gold.letter if self._columns.grader == "choice" else self._gold.answers[0]
            info["private"] = {"expert": right}
        return info


def _grader(grader: str, function: str | Function | None, tolerance: float) -> Grader:
    if function is not None:
        return of_function(function)
    return {"exact": exact, "numeric": numeric(tolerance), "choice": choice, "regex": regex}[grader]
