"""Graders: what an answer is worth beside the one in its row.

exact     equal to it, or to one of a list, without case, punctuation, articles and extra blanks (as SQuAD)
numeric   the last number in it is that of the row, within a relative tolerance
choice    the letter, or the words, of the right choice
regex     all of it fits the pattern in the row
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EnvironmentFault, UsageError
from ...files import load_object
from ..search.answers import exact_match, normalise
from .reading import letter_of, number_of

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Function = Callable[[str, Mapping[str, Any]], float]


@dataclass(frozen=True, slots=True)
class Gold:
    """What a row says of its answer.

    Args:
        row: all of it.
        answers: the right ones, as texts.
        choices: what there is to choose from; none where anything may be said.
    """

    row: Mapping[str, Any]
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()

    @property
    def letter(self) -> str | None:
        """Return the letter of the right choice: the answer is a letter, a number from 0, or the words."""
        (answer,) = self.answers
        letters = LETTERS[: len(self.choices)]
        if answer in self.choices:
            return letters[self.choices.index(answer)]
        if len(answer) == 1 and answer.upper() in letters:
            return answer.upper()
        return letters[int(answer)] if answer.isdecimal() and int(answer) < len(letters) else None


Grader = Callable[[str, Gold], float]


def exact(answer: str, gold: Gold) -> float:
    """Return 1 for a right answer, written in whatever way."""
    return exact_match(answer, gold.answers)


def numeric(tolerance: float) -> Grader:
    """Return the grader of numbers that are as near as a share of the right one."""

    def grade(answer: str, gold: Gold) -> float:
        given = number_of(answer)
        right = [number for number in map(number_of, gold.answers) if number is not None]
        return float(given is not None and any(abs(given - each) <= abs(each) * tolerance for each in right))

    return grade


def choice(answer: str, gold: Gold) -> float:
    """Return 1 for the right letter, or the words of the right choice."""
    letter = gold.letter
    assert letter is not None
    words = gold.choices[LETTERS.index(letter)]
    if normalise(answer) == normalise(words):
        return 1.0
    return float(letter_of(answer, LETTERS[: len(gold.choices)]) == letter)


def regex(answer: str, gold: Gold) -> float:
    """Return 1 if the whole answer fits a pattern of the row."""
    return float(any(re.fullmatch(pattern, answer, re.DOTALL) for pattern in gold.answers))


def of_function(function: str | Function) -> Grader:
    """Return a grader of a user's own: it is given the answer and the row, and returns a number or a bool.

    Raises:
        UsageError: if there is no such function.
    """
    called = load_object(function, given=f"function {function!r}") if isinstance(function, str) else function
    if not callable(called):
        raise UsageError(f"function {function!r}: expected a function of an answer and a row")

    def grade(answer: str, gold: Gold) -> float:
        given = called(answer, gold.row)
        if not isinstance(given, bool | int | float):
            raise EnvironmentFault(f"{function!r} returned {given!r}; expected a number, or True or False")
        return float(given)

    return grade


def source_of(function: str | Function | None) -> str:
    """Return a hash of the file that a grader of a user's own stands in, for fingerprints; "" without one."""
    if function is None:
        return ""
    called = load_object(function, given=f"function {function!r}") if isinstance(function, str) else function
    name = getattr(called, "__qualname__", type(called).__qualname__)
    try:
        source = Path(inspect.getfile(called)).read_bytes()
    except (TypeError, OSError):
        source = b""
    return f"{name} {hashlib.sha256(source).hexdigest()[:16]}"


def fault(grader: str, gold: Gold) -> str:
    """Return what keeps a row from being graded, in words; "" if nothing does."""
    if not gold.answers:
        return "has no answer"
    if grader == "numeric" and not any(number_of(answer) is not None for answer in gold.answers):
        return f"has the answer {gold.answers[0][:80]!r}; expected a number in it"
    if grader == "choice" and (not 1 < len(gold.choices) <= len(LETTERS) or len(gold.answers) != 1):
        return f"has {len(gold.choices)} choices and {len(gold.answers)} answers; expected 2 to 26, and one"
    if grader == "choice" and gold.letter is None:
        return f"has the answer {gold.answers[0][:80]!r}; expected a letter, a number from 0, or a choice"
    for pattern in gold.answers if grader == "regex" else ():
        try:
            re.compile(pattern)
        except re.error as error:
            return f"has the pattern {pattern[:80]!r}: {error}"
    return ""
