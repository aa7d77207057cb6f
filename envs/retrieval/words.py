r"""Words of a text as Lucene's English analysis sees them.

Unicode word boundaries (UAX #29), lower case, possessive 's removed, Lucene's
33 English stop words dropped, Porter stems. Pyserini's default analyser does
the same, so scores can be compared with those of an index built by it.

Simplified against UAX #29, without effect on English text: scripts that need a
dictionary (Thai, Lao, Khmer, Burmese) are cut at blanks only, and combining
marks outside the common blocks end a word.
"""

from __future__ import annotations

import re

from .stemmer import stem

MAX_WORD_CHARS = 255

_STOP = "a an and are as at be but by for if in into is it no not of on or such that the their then there"
STOP_WORDS = frozenset((_STOP + " these they this to was will with").split())

_MARKS = "\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0903"
_MARKS += "\u093a-\u094f\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20f0\ufe00-\ufe0f\ufe20-\ufe2f"
# Python counts these as word characters, UAX #29 does not: superscripts, fractions, circled numbers.
_NUMBER_SIGNS = (
    "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u2089\u2150-\u215f\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
)
_SINGLE = "\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3041-\u3096\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_SINGLE += "\U00020000-\U0003ffff"
# The trademark sign is a pictograph to Unicode; Lucene's indexes hold no token for it (measured).
_PICTOGRAPHS = (
    "\u00a9\u00ae\u203c\u2049\u2139\u2194-\u21aa\u231a-\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa-\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705"
    "\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733-\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757"
    "\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf\u2934-\u2935\u2b05-\u2b07\u2b1b-\u2b1c\u2b50\u2b55\u3030"
    "\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
)
_LETTER = rf"(?:[^\W\d{_SINGLE}{_NUMBER_SIGNS}][{_MARKS}]*)"  # the underscore is among them: it joins
_DIGIT = rf"(?:\d[{_MARKS}]*)"
_BOTH = "'.\u2018\u2019\u2024\ufe52\uff07\uff0e"  # join letters with letters and digits with digits
_IN_LETTERS = rf"[{_BOTH}:\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a]"
_IN_DIGITS = rf"[{_BOTH},;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe10\ufe14\uff0c\uff1b]"
_WORD = re.compile(
    rf"(?:{_LETTER}+(?:{_IN_LETTERS}(?=[^\W\d_])(?<=[^\W\d_].))?|{_DIGIT}+(?:{_IN_DIGITS}(?=\d)(?<=\d.))?)+"
    rf"|[{_SINGLE}][{_MARKS}]*|[{_PICTOGRAPHS}][\ufe0f\U0001f3fb-\U0001f3ff\u200d{_PICTOGRAPHS}]*?",
)
_POSSESSIVE = ("'s", "\u2019s", "\uff07s")


def split_words(text: str) -> list[str]:
    """Cut a text into words, in lower case and in order; longer ones than 255 characters are cut."""
    words = _WORD.findall(text.lower())
    if len(text) > MAX_WORD_CHARS and max(map(len, words), default=0) > MAX_WORD_CHARS:
        words = [word[i : i + MAX_WORD_CHARS] for word in words for i in range(0, len(word), MAX_WORD_CHARS)]
    return words


def term_of(word: str) -> str | None:
    """Return the index term of a word, or None for one that is left out."""
    if word.endswith(_POSSESSIVE):
        word = word[:-2]
    if word in STOP_WORDS or not word.strip("_"):
        return None
    return stem(word)


def analyse(text: str) -> list[str]:
    """Return the index terms of a text, in order, with repetitions."""
    return [term for term in map(term_of, split_words(text)) if term is not None]
