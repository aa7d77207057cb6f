"""Single files of a box, read and written by its own user, so that its rights decide.

The scripts run inside and may meet anything there: what they say about a box can only deceive about that box.
"""

from __future__ import annotations

import errno
import io
import os
import tarfile
from collections.abc import Mapping

from ....errors import UsageError
from ..errors import SandboxError
from .archives import parents
from .command import Command, new_mark
from .engine import Engine
from .running import Ended, run

_LIMIT_S = 120.0
_IS_FOLDER, _IS_SPECIAL, _IS_SHORT = 61, 62, 63

_READ = rf"""
[ -d "$1" ] && exit {_IS_FOLDER}
[ -e "$1" ] && [ ! -f "$1" ] && exit {_IS_SPECIAL}
head -c "$2" < "$1" || exit 1
printf %s "$3"
read -r nothing || exit 0
"""

_WRITE = rf"""
umask 022
path=$(readlink -f "$1" 2>/dev/null) && [ -n "$path" ] || path=$1
[ -d "$path" ] && exit {_IS_FOLDER}
[ -e "$path" ] && [ ! -f "$path" ] && exit {_IS_SPECIAL}
folder=${{path%/*}}
mkdir -p "${{folder:-/}}" || exit 1
new=$(mktemp "${{folder:-/}}/.turnwise.XXXXXX") || exit 1
trap 'rm -f "$new"' EXIT
cat > "$new" || exit 1
[ "$(wc -c < "$new")" -eq "$3" ] || exit {_IS_SHORT}
chmod "$2" "$new" && mv -f "$new" "$path"
"""

_WRITE_TREE = 'umask 022; mkdir -p "$1" && cd "$1" && exec tar -x -o -f -'

_SAID = {
    "Permission denied": errno.EACCES,
    "Operation not permitted": errno.EACCES,
    "No such file": errno.ENOENT,
    "nonexistent directory": errno.ENOENT,
    "Not a directory": errno.ENOTDIR,
    "Is a directory": errno.EISDIR,
    "Cannot open: File exists": errno.EISDIR,  # tar, of a folder in the way of a file
    "File exists": errno.ENOTDIR,
    "No space left": errno.ENOSPC,
    "File too large": errno.ENOSPC,
    "quota exceeded": errno.ENOSPC,
    "File name too long": errno.ENAMETOOLONG,
    "Too many levels": errno.ELOOP,
    "Read-only file system": errno.EROFS,
}


async def read(engine: Engine, container: str, user: str, path: str, max_bytes: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        OSError: as the user would get it.
        UsageError: if it is longer, or no regular file.
    """
    mark, room = new_mark(), 2 * max_bytes + 4
    words = (path, str(max_bytes + 1), mark)
    ended = await _script(engine, container, user, _READ, words, None, room, mark.encode())
    if ended.exit_code != 0:
        raise _failure(ended, path)
    if not ended.is_whole:
        raise SandboxError(f"{path!r}: what was read of it did not arrive whole")
    data = ended.output.data()
    if len(data) > max_bytes:
        raise UsageError(f"{path!r} is longer than {max_bytes} bytes: read a part of it by a command")
    return data


async def write(engine: Engine, container: str, user: str, path: str, data: bytes, mode: int) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: as the user would get it.
        UsageError: if something that is no regular file lies there.
    """
    arguments = (path, f"{mode & 0o7777:o}", str(len(data)))
    ended = await _script(engine, container, user, _WRITE, arguments, data, 0)
    if ended.exit_code != 0:
        raise _failure(ended, path)


async def write_tree(
    engine: Engine, container: str, user: str, folder: str, files: Mapping[str, bytes]
) -> None:
    """Write many files under a folder as the user.

    Raises:
        OSError: as the user would get it.
        UsageError: if a name leaves the folder.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            list(parents(name))
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o644
            archive.addfile(info, io.BytesIO(data))
    ended = await _script(engine, container, user, _WRITE_TREE, (folder,), packed.getvalue(), 0)
    if ended.exit_code != 0:
        raise _failure(ended, folder)


async def _script(
    engine: Engine,
    container: str,
    user: str,
    script: str,
    arguments: tuple[str, ...],
    stdin: bytes | None,
    output_bytes: int,
    mark: bytes = b"",
) -> Ended:
    words = ["/bin/sh", "-c", script, "turnwise", *arguments]
    command = Command(
        words, user=user, limit_s=_LIMIT_S, stdin=stdin, env={"LC_ALL": "C"},
        output_bytes=output_bytes, mark=mark,
    )  # fmt: skip
    return await run(engine, container, command)


def _failure(ended: Ended, path: str) -> Exception:
    if ended.exit_code == _IS_FOLDER:
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if ended.exit_code == _IS_SPECIAL:
        return UsageError(f"{path!r} is not a regular file")
    if ended.exit_code == _IS_SHORT:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
    said = ended.errors.text()[0].strip()
    for words, number in _SAID.items():
        if words in said:
            return OSError(number, os.strerror(number), path)
    if ended.exit_code is None:
        return SandboxError(f"{path!r}: neither read nor written within {_LIMIT_S:g} s")
    return SandboxError(f"{path!r}: a script in the box failed ({ended.exit_code}): {said[-300:]}")
