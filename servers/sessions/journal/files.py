"""The files of a journal that several workers write, one each.

With `--journal NAME.db --workers N` worker K writes NAME.K-of-N.db; a single worker
writes NAME.db. The id of a session names its worker, so the number of workers cannot
change while a journal holds sessions: a server refuses to start beside the files of
another number, and nothing is converted.
"""

from __future__ import annotations

import re
from pathlib import Path

from ....errors import UsageError


def worker_journals(file: Path) -> dict[Path, int]:
    """Return the files that workers have written for a journal, each with how many there were."""
    pattern = re.compile(re.escape(file.stem) + r"\.\d+-of-(\d+)" + re.escape(file.suffix))
    if not file.parent.is_dir():
        return {}
    matches = {path: pattern.fullmatch(path.name) for path in file.parent.iterdir()}
    return {path: int(match[1]) for path, match in matches.items() if match}


def journal_of(file: Path, worker: int, num_workers: int) -> Path:
    """Return the file of one worker.

    Raises:
        UsageError: if another number of workers has written this journal.
    """
    file = file.resolve()  # the files of workers lie beside the journal itself, however it is named
    written = worker_journals(file)
    if num_workers > 1 and file.exists():
        written[file] = 1
    for path, num in written.items():
        if num != num_workers:
            raise UsageError(
                f"journal {str(file)!r} was written by {num} workers ({path.name}) and cannot be served by "
                f"{num_workers}: start with --workers {num}, or move its files away"
            )
    if num_workers == 1:
        return file
    return file.with_name(f"{file.stem}.{worker}-of-{num_workers}{file.suffix}")
