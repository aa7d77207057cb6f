"""The edits to choose from: the right one, and wrong ones made by mutation of the code around it.

    pool = candidates(files, gold, wanted=8, seed=0)     # pool[0] is the right one

The wrong ones are, as far as the code has them, in turn: the right edit with a mutation in it, a part
of the right edit, other changes of the lines in question, of the same function, of the same file.
So neither place nor size tells which one is right.
"""

from __future__ import annotations

import difflib
import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest

import numpy as np

from ....errors import UsageError
from .mutations import Function, Mutation, differs, functions_of, lines_of, mutations

_AROUND = 56  # characters of a line that are shown around what changes

Edit = dict[str, str]
"""Path -> the whole new text of the files that change."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One edit of the starting tree.

    Attributes:
        files: path -> the whole new text.
        places: (path, function) of what changes, "" outside functions.
        shown: one line for the agent.
    """

    files: Mapping[str, str]
    places: tuple[tuple[str, str], ...]
    shown: str

    @property
    def key(self) -> str:
        """Return a name for what the edit does, from its content."""
        return digest(self.files)


@dataclass(frozen=True, slots=True)
class _Hunk:
    """Lines of a file that change, counted from 0, and what they become."""

    first: int
    last: int  # one behind
    new_first: int  # where they lie afterwards
    new_last: int
    lines: tuple[str, ...]


def digest(files: Mapping[str, str]) -> str:
    """Return 16 hexadecimal digits that name a set of files by paths and content."""
    hashed = hashlib.sha256()
    for path in sorted(files):
        for part in (path, files[path]):
            data = part.encode("utf-8", "surrogateescape")
            hashed.update(len(data).to_bytes(8, "big") + data)
    return hashed.hexdigest()[:16]


def candidates(files: Mapping[str, str], gold: Mapping[str, str], wanted: int, seed: int) -> list[Candidate]:
    """Return the right edit, and up to `wanted` others, all different; the same for the same arguments.

    Args:
        files: path -> text of the starting tree, at least those that `gold` changes.
        gold: path -> text of the files that the right edit changes.
        wanted: how many others.
        seed: decides which mutations.

    Raises:
        UsageError: if the right edit changes nothing, makes or deletes files, or a file does not parse.
    """
    missing = [path for path in gold if path not in files]
    if missing or not any(files[path] != gold[path] for path in gold):
        raise UsageError(f"gold changes {sorted(gold)}, {missing} are not there; expected edits of files")
    chance = np.random.default_rng([seed, *digest(gold).encode()])
    changed = {path: text for path, text in gold.items() if files[path] != text}
    try:
        kinds = [_near_misses(files, changed), _parts(files, changed), *_elsewhere(files, changed)]
    except SyntaxError as error:
        raise UsageError(f"a file that gold changes does not parse: {error}") from error
    shuffled = [[kind[place] for place in chance.permutation(len(kind))] for kind in kinds]
    found = {digest(changed): changed}
    for edit in (edit for row in zip_longest(*shuffled) for edit in row if edit):
        if len(found) > wanted:
            break
        if all(files[path] == text or differs(files[path], text) for path, text in edit.items()):
            found.setdefault(digest(edit), edit)
    return [_candidate(files, edit) for edit in found.values()]


def _near_misses(files: Mapping[str, str], changed: Edit) -> list[Edit]:
    """Return the right edit with one mutation inside what it puts in."""
    return [
        {**changed, path: change.applied(text)}
        for path, text in changed.items()
        for change in _inside(text, [(hunk.new_first, hunk.new_last) for hunk in _hunks(files[path], text)])
        if change.applied(text) != files[path]
    ]


def _parts(files: Mapping[str, str], changed: Edit) -> list[Edit]:
    """Return the right edit without one of its places."""
    hunks = [(path, hunk) for path, text in changed.items() for hunk in _hunks(files[path], text)]
    parts = [[each for each in hunks if each != left_out] for left_out in hunks]
    return [
        {path: _put(files[path], [hunk for where, hunk in part if where == path]) for path, _ in part}
        for part in parts
        if part
    ]


def _elsewhere(files: Mapping[str, str], changed: Edit) -> list[list[Edit]]:
    """Return mutations of the lines that the right edit changes, of their functions, of their files."""
    found: list[list[Edit]] = [[], [], []]
    for path, text in changed.items():
        source = files[path]
        lines = [(hunk.first, hunk.last) for hunk in _hunks(source, text)]
        touched = [
            (each.first - 1, each.last)
            for each in functions_of(source)
            if any(each.first - 1 < max(last, first + 1) and first < each.last for first, last in lines)
        ]
        for kind, spans in enumerate((lines, touched, [(0, len(lines_of(source)))])):
            found[kind] += [{path: change.applied(source)} for change in _inside(source, spans)]
    return found


def _inside(source: str, spans: Sequence[tuple[int, int]]) -> list[Mutation]:
    """Return the mutations of a source that begin in some lines, from the first to one before the last."""
    starts = list(accumulate((len(line) for line in lines_of(source)), initial=0))
    lines = [(change, bisect_right(starts, change.start) - 1) for change in mutations(source)]
    return [change for change, line in lines if any(first <= line < last for first, last in spans)]


def _hunks(old: str, new: str) -> list[_Hunk]:
    before, after = lines_of(old), lines_of(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [
        _Hunk(first, last, new_first, new_last, tuple(after[new_first:new_last]))
        for what, first, last, new_first, new_last in matcher.get_opcodes()
        if what != "equal"
    ]


def _put(source: str, hunks: Sequence[_Hunk]) -> str:
    """Return a source with some of its hunks changed."""
    lines = lines_of(source)
    for hunk in sorted(hunks, key=lambda each: each.first, reverse=True):
        lines[hunk.first : hunk.last] = hunk.lines
    return "".join(lines)


def _candidate(files: Mapping[str, str], edit: Edit) -> Candidate:
    places: list[tuple[str, str]] = []
    shown: list[str] = []
    for path, text in sorted(edit.items()):
        functions = functions_of(files[path])
        for hunk in _hunks(files[path], text):
            place = (path, _function_at(functions, hunk.first + 1))
            if place not in places:
                places.append(place)
            shown.append(_shown(lines_of(files[path])[hunk.first : hunk.last], hunk.lines))
    more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
    return Candidate(dict(edit), tuple(places), f"{places[0][1] or places[0][0]}: {shown[0]}{more}")


def _function_at(functions: Sequence[Function], line: int) -> str:
    return next((each.name for each in functions if each.first <= line <= each.last), "")


def _shown(old: Sequence[str], new: Sequence[str]) -> str:
    """Return the first line that differs, before and after, cut to what is around the difference."""
    pairs = zip_longest((line.strip() for line in old), (line.strip() for line in new), fillvalue="")
    before, after = next(((one, other) for one, other in pairs if one != other), ("", ""))
    start = first_difference([before, after])
    return f"`{around(before, start)}` -> `{around(after, start)}`"


def first_difference(lines: Sequence[str]) -> int:
    """Return the first character in which lines differ, counted from 0, or the end of the shortest."""
    columns = enumerate(zip(*lines, strict=False))
    return next((at for at, column in columns if len(set(column)) > 1), min(map(len, lines)))


def around(line: str, place: int) -> str:
    """Return the part of a line that is shown around a place, counted in characters."""
    start = max(0, place - _AROUND // 2)
    piece = line[start : start + _AROUND]
    return ("..." if start else "") + piece + ("..." if len(line) > start + _AROUND else "")
