"""Files of a box, many at once: read those that a diff needs, put a patch where it belongs."""

from __future__ import annotations

from collections.abc import Iterable
from errno import EDQUOT, ENOSPC

from ...errors import UsageError
from ..sandbox import Sandbox, SandboxError
from .patches import MAX_BYTES, PatchError, changed_paths, from_diff
from .task import Patch

_EXECUTABLE = """while IFS= read -r -d "" file; do
  [ -f "$file" ] && [ -x "$file" ] && printf "%s\\0" "$file"
done; true"""
_REMOVE = """while IFS= read -r -d "" file; do
  rm -f -- "$file"
  rmdir -p --ignore-fail-on-non-empty -- "$(dirname -- "$file")" 2>/dev/null
done; true"""


async def read_files(box: Sandbox, paths: Iterable[str]) -> dict[str, bytes]:
    """Return the files that there are of those named, path -> bytes."""
    found: dict[str, bytes] = {}
    for path in paths:
        try:
            found[path] = await box.read(path, MAX_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


async def diff_onto(box: Sandbox, text: str, *, reverse: bool = False) -> Patch:
    """Read a diff onto the tree that lies in a box, without changing it.

    Raises:
        PatchError: as `from_diff` does.
    """
    base = await read_files(box, changed_paths(text))
    return from_diff(text, base.get, reverse=reverse)


async def put(box: Sandbox, patch: Patch) -> None:
    """Write and delete the files of a patch under the working folder; a file keeps whether it is executable.

    Raises:
        PatchError: if a path cannot be written, e.g. because a folder stands there.
        OSError: if there is no space.
        SandboxError: if the box is gone.
    """
    try:
        await _put(box, patch)
    except (OSError, UsageError) as error:
        if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
            raise
        raise PatchError(f"{type(error).__name__}: {error}") from error


async def _put(box: Sandbox, patch: Patch) -> None:
    written = {path: data for path, data in patch.items() if data is not None}
    gone = [path for path, data in patch.items() if data is None]
    if gone:
        await _each(box, _REMOVE, gone)
    executable = set((await _each(box, _EXECUTABLE, written)).split("\0")) if written else set()
    await box.write_tree({path: data for path, data in written.items() if path not in executable})
    for path in sorted(executable & set(written)):
        await box.write(path, written[path], 0o755)


async def _each(box: Sandbox, script: str, paths: Iterable[str]) -> str:
    ran = await box.run(script, 60.0, "".join(f"{path}\0" for path in paths).encode())
    if ran.exit_code != 0:
        raise SandboxError(f"files of the patch could not be handled: {ran.cause}: {ran.output[-500:]}")
    return ran.output
