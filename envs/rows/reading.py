r"""What a message answers: what its last <answer> or \boxed{} holds, or all of it; numbers and letters."""

from __future__ import annotations

import re
from fractions import Fraction

from ..thoughts import without_thoughts

MAX_ANSWER_CHARS = 4096

_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_BOX = r"\boxed{"
_NUMBER = re.compile(
    r"(?<![\w.])[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?(?:\s*/\s*\d+)?"
)
_MAX_DIGITS = 200
_LETTER = re.compile(r"(?<![A-Za-z])\(?([A-Z])\)?(?![A-Za-z])")


def answer_of(message: str) -> str:
    r"""Return the answer in a message: in <answer> tags, else in \boxed{}, else all but the thoughts."""
    said = without_thoughts(message)[-MAX_ANSWER_CHARS:]
    tagged = _TAGGED.findall(said)
    if tagged:
        return str(tagged[-1]).strip()
    boxed = _boxed(said)
    return (said if boxed is None else boxed).strip()


def number_of(text: str) -> Fraction | None:
    """Return the last number of a text, exact; None without one.

    Read are 1,234.5 and -3/4 and 1e-3; what stands behind `####` counts before the rest, as GSM8K
    (arXiv 2110.14168) writes its solutions.
    """
    found = [match[0] for match in _NUMBER.finditer(text.rpartition("####")[2][-MAX_ANSWER_CHARS:])]
    for piece in reversed(found):
        plain = re.sub(r"[,\s]", "", piece)
        if len(plain) > _MAX_DIGITS:
            continue
        top, _, bottom = plain.partition("/")
        if bottom and not int(bottom):
            continue
        return Fraction(top) / (int(bottom) if bottom else 1)
    return None


def letter_of(text: str, letters: str) -> str | None:
    """Return the letter that a text chooses: alone, in brackets, or the last one that stands apart."""
    alone = text.strip().strip("().:").upper()
    if len(alone) == 1 and alone in letters:
        return alone
    found = [letter for letter in _LETTER.findall(text) if letter in letters]
    return found[-1] if found else None


def _boxed(text: str) -> str | None:
    """Return what the last box holds, brackets inside included."""
    start = text.rfind(_BOX)
    depth = 1
    for place in range(start + len(_BOX), len(text) if start >= 0 else 0):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[start + len(_BOX) : place]
    return None
