"""Patches as data, as JSON and as text: what an agent changed, in forms that can be kept and read.

A `Patch` maps a path to new bytes. `document` is its JSON form, kept with an episode; `to_diff`
writes git's text form for people and for other people's graders, `from_diff` reads it back onto a
tree. Modes are not part of a patch: a file keeps the mode it has, a new one gets 0644. Lines end
where a line feed is; bytes that are not UTF-8 survive. Text is read by unidiff; hunks go where their
lines stand, at the place that they name or the nearest other one, never at a merely similar one.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import UsageError
from .task import Patch

if TYPE_CHECKING:
    from unidiff.patch import Hunk, PatchedFile

MAX_BYTES = 1 << 24
MAX_FILES = 2_000
MAX_DIFF_BYTES = 1 << 20
"""A file longer than this is named in a diff, not shown: difflib takes quadratic time."""

_LEFT_OUT = frozenset({".git", "__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache"})
_ENCODING = ("utf-8", "surrogateescape")
_NO_END = "\\ No newline at end of file"


class PatchError(UsageError):
    """The reason why a patch cannot be read or does not fit: the submission is `unapplicable`."""


def check(patch: Patch) -> None:
    """Refuse what must not reach a box.

    Raises:
        PatchError: for a path outside the tree or inside `.git`, too many files, too many bytes.
    """
    if len(patch) > MAX_FILES:
        raise PatchError(f"the patch changes {len(patch)} files; at most {MAX_FILES} are applied")
    size = sum(len(data) for data in patch.values() if data is not None)
    if size > MAX_BYTES:
        raise PatchError(f"the patch holds {size} bytes; at most {MAX_BYTES} are applied")
    for path in patch:
        _checked(path)


def submitted(changes: Patch) -> Patch:
    """Return what of the changes in a box is the submission: git's own files and caches are not."""
    return {path: data for path, data in changes.items() if not _LEFT_OUT.intersection(path.split("/")[:-1])}


def document(patch: Patch) -> dict[str, Any]:
    """Return a patch as JSON holds it: path -> text, {"base64": ...} if it is not UTF-8, None if deleted."""
    return {path: _shown(data) for path, data in sorted(patch.items())}


def from_document(value: Mapping[str, Any]) -> Patch:
    """Read what `document` returned.

    Raises:
        PatchError: for a value of another form, naming the path.
    """
    patch: dict[str, bytes | None] = {}
    for path, shown in value.items():
        if shown is None:
            patch[path] = None
        elif isinstance(shown, str):
            patch[path] = shown.encode(*_ENCODING)
        elif isinstance(shown, Mapping) and isinstance(shown.get("base64"), str):
            try:
                patch[path] = base64.b64decode(shown["base64"], validate=True)
            except binascii.Error as error:
                raise PatchError(f"{path!r}: not base64: {error}") from error
        else:
            raise PatchError(f"{path!r}: expected a text, null or base64, got {type(shown).__name__}")
    return patch


def to_diff(patch: Patch, base: Mapping[str, bytes]) -> str:
    """Return a patch in git's text form.

    Args:
        patch: what changed.
        base: the files before, at least those that were changed or deleted.
    """
    return "".join(_file_diff(path, base.get(path), data) for path, data in sorted(patch.items()))


def from_diff(text: str, read: Callable[[str], bytes | None], *, reverse: bool = False) -> Patch:
    """Read a patch in text form onto a tree.

    Args:
        text: a unified diff, with or without git's lines.
        read: returns a file's bytes, or None if there is no such file.
        reverse: undo the diff instead.

    Raises:
        PatchError: if it is too long, binary, not a diff, leads out of the tree or does not fit.
    """
    patch: dict[str, bytes | None] = {}
    for file in _files(text):
        _apply(_Change.of(file, reverse), patch, read)
    check(patch)
    return patch


def changed_paths(text: str) -> list[str]:
    """Return the paths that a diff names, in order, renamed files by both names.

    Raises:
        PatchError: as `from_diff` does for what is too long, binary or not a diff.
    """
    names = (_name(name) for file in _files(text) for name in (file.source_file, file.target_file))
    return list(dict.fromkeys(name for name in names if name is not None))


def _files(text: str) -> Sequence[PatchedFile]:
    from unidiff.errors import UnidiffParseError
    from unidiff.patch import PatchSet

    if len(text) > MAX_BYTES:
        raise PatchError(f"the patch holds {len(text)} characters; at most {MAX_BYTES} are read")
    if "\nGIT binary patch\n" in text or "\x00" in text:
        raise PatchError("the patch is binary; expected text (git diff without --binary)")
    try:
        files = PatchSet(io.StringIO(text, newline="\n"))
    except (UnidiffParseError, ValueError, IndexError) as error:
        raise PatchError(f"the patch is not a unified diff: {error}") from error
    if not files and text.strip():
        raise PatchError("the patch is not a unified diff: it changes no file")
    return files


def _checked(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\x00" in path or "/".join(parts) != path:
        raise PatchError(f"{path!r} leads out of the tree; expected a path inside it")
    if any(part.lower() == ".git" for part in parts):
        raise PatchError(f"{path!r} lies in git's own folder, which no patch may change")
    return path


def _shown(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _file_diff(path: str, old: bytes | None, new: bytes | None) -> str:
    if old == new:
        return ""
    before = "/dev/null" if old is None else f"a/{path}"
    after = "/dev/null" if new is None else f"b/{path}"
    head = f"diff --git a/{path} b/{path}\n"
    head += "new file mode 100644\n" if old is None else "deleted file mode 100644\n" if new is None else ""
    if any(b"\x00" in (data or b"") or len(data or b"") > MAX_DIFF_BYTES for data in (old, new)):
        return head + f"Binary files {before} and {after} differ\n"
    lines = difflib.unified_diff(_lines(old or b""), _lines(new or b""), before, after)
    return head + "".join(_ended(line) for line in lines)


def _lines(data: bytes) -> list[str]:
    return list(io.StringIO(data.decode(*_ENCODING), newline="\n"))


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n{_NO_END}\n"


def _name(given: str | None) -> str | None:
    if given is None or given == "/dev/null":
        return None
    given = given.split("\t")[0]
    return _checked(given[2:] if given[:2] in ("a/", "b/") else given)


class _Change(NamedTuple):
    """One file of a diff, in the direction in which it is read."""

    source: str | None
    target: str | None
    hunks: Sequence[tuple[int, list[str], list[str]]]  # (line where the old ones stand, old, new)

    @classmethod
    def of(cls, file: PatchedFile, reverse: bool) -> _Change:
        if file.is_binary_file:
            raise PatchError(f"{file.path}: a binary file; expected text")
        names = [_name(file.source_file), _name(file.target_file)]
        hunks = [(h.source_start, h.target_start, _side(h, "-"), _side(h, "+")) for h in file]
        if reverse:
            return cls(names[1], names[0], [(start, new, old) for _, start, old, new in hunks])
        return cls(names[0], names[1], [(start, old, new) for start, _, old, new in hunks])


def _apply(change: _Change, patch: dict[str, bytes | None], read: Callable[[str], bytes | None]) -> None:
    """Add one file of a diff to a patch; a later diff of the same file goes on from the earlier one."""
    source, target, _ = change
    old = None
    if source is not None:
        old = patch[source] if source in patch else read(source)
        if old is None:
            raise PatchError(f"{source}: there is no such file to change")
    elif target is not None and (patch[target] if target in patch else read(target)) is not None:
        raise PatchError(f"{target}: made anew, but there is one already")
    new = _patched(source or target or "", _lines(old or b""), change)
    if target is None or (source is not None and source != target):
        if target is None and new:
            raise PatchError(f"{source}: deleted, but {len(new)} of its lines are not in the patch")
        patch[source or ""] = None
    if target is not None:
        patch[target] = "".join(new).encode(*_ENCODING)


def _patched(path: str, lines: list[str], change: _Change) -> list[str]:
    made: list[str] = []
    done = 0
    for number, (line, old, new) in enumerate(change.hunks, 1):
        start = _place(lines, old, max(line - 1 if old else line, done), done)
        if start is None:
            raise PatchError(f"{path}: hunk {number} at line {line} does not fit the file")
        made += lines[done:start] + new
        done = start + len(old)
    return made + lines[done:]


def _side(hunk: Hunk, sign: str) -> list[str]:
    """Return the lines of one side of a hunk, the last without its end where the diff says so."""
    side: list[str] = []
    took = False
    for line in hunk:
        if line.line_type == "\\":
            if took and side:
                side[-1] = side[-1].removesuffix("\n")
            continue
        took = line.line_type in (" ", sign) or (line.line_type == "" and line.value == "\n")
        if took:
            side.append(line.value)
    return side


def _place(lines: list[str], old: list[str], wanted: int, least: int) -> int | None:
    """Return where the old lines stand, nearest to where they should, from `least` on."""
    if not old:
        return min(wanted, len(lines))
    starts = range(least, len(lines) - len(old) + 1)
    for start in sorted(starts, key=lambda place: abs(place - wanted)):
        if lines[start] == old[0] and lines[start : start + len(old)] == old:
            return start
    return None
