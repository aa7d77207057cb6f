"""What tells edits apart that begin with the same change: the first line in which they differ.

told_apart(edits, files)     # one text for each edit, no two alike
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from .candidates import Candidate, around, first_difference
from .mutations import lines_of

Row = tuple[str, int, tuple[str, ...]]
"""A path, the number of a line from 1, and that line after each edit; "" behind the end of a file."""


def told_apart(edits: Sequence[Candidate], files: Mapping[str, str]) -> list[str]:
    """Return a text for each edit: what it changes first, and where others read the same, what differs.

    Args:
        edits: all different.
        files: path -> text of the starting tree, at least those that edits change.
    """
    told = [edit.shown for edit in edits]
    for text in sorted({text for text in told if told.count(text) > 1}):
        alike = [place for place, edit in enumerate(edits) if edit.shown == text]
        for place, more in zip(alike, _differences([edits[at] for at in alike], files), strict=True):
            told[place] = text + more
    return told


def _differences(edits: Sequence[Candidate], files: Mapping[str, str]) -> list[str]:
    """Return what tells each of some edits from the others, line by line until no two are alike."""
    told = [""] * len(edits)
    for path, number, lines in _rows(edits, files):
        where = f"line {number}" if len({*edits[0].files, path}) == 1 else f"{path}, line {number}"
        while alike := _alike(told, lines):
            for place, shown in zip(alike, _shown([lines[at] for at in alike]), strict=True):
                told[place] += f"; {where}: {shown}"
    return told


def _alike(told: Sequence[str], lines: Sequence[str]) -> list[int]:
    """Return the places of which the same is told so far although their lines differ."""
    for text in dict.fromkeys(told):
        places = [place for place, each in enumerate(told) if each == text]
        if len({lines[place] for place in places}) > 1:
            return places
    return []


def _rows(edits: Sequence[Candidate], files: Mapping[str, str]) -> Iterator[Row]:
    for path in sorted({path for edit in edits for path in edit.files}):
        sources = [lines_of(edit.files.get(path, files[path])) for edit in edits]
        for number, lines in enumerate(zip_longest(*sources, fillvalue=""), start=1):
            yield path, number, lines


def _shown(lines: Sequence[str]) -> list[str]:
    """Return lines cut to what is around their difference; one that is made of blanks is written out."""
    bare = [line.strip() for line in lines]
    if len(set(bare)) < len(set(lines)):
        bare = [repr(line)[1:-1] for line in lines]
    start = first_difference(bare)
    return [f"`{around(line, start)}`" for line in bare]
