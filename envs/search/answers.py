"""How answers are compared: exact match, F1 and substring, as SQuAD and its successors do.

Rajpurkar et al., "SQuAD" (arXiv 1606.05250): before comparing, a text is put in
lower case and loses punctuation, the articles a, an, the, and extra blanks.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Put a text into the form in which answers are compared."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, golds: Sequence[str]) -> float:
    """Return 1 if the answer equals a gold answer, else 0."""
    given = normalise(answer)
    return float(any(given == normalise(gold) for gold in golds))


def substring_match(answer: str, golds: Sequence[str]) -> float:
    """Return 1 if the answer contains a gold answer, else 0."""
    given = normalise(answer)
    return float(any(normalise(gold) in given for gold in golds))


def f1(answer: str, golds: Sequence[str]) -> float:
    """Return the best harmonic mean of precision and recall of words over the gold answers.

    As in HotpotQA's evaluation, yes, no and noanswer count only when equal.
    """
    return max((_f1(normalise(answer), normalise(gold)) for gold in golds), default=0.0)


def _f1(given: str, gold: str) -> float:
    closed = ("yes", "no", "noanswer")
    if given != gold and (given in closed or gold in closed):
        return 0.0
    given_words, gold_words = given.split(), gold.split()
    common = sum((Counter(given_words) & Counter(gold_words)).values())
    if not common:
        return 0.0
    precision, recall = common / len(given_words), common / len(gold_words)
    return 2 * precision * recall / (precision + recall)


METRICS: dict[str, Callable[[str, Sequence[str]], float]] = {
    "em": exact_match,
    "f1": f1,
    "substring": substring_match,
}
"""Metrics by the names that environments take for `reward=`."""
