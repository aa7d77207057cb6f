"""A search for the solution of a task in its start: what an agent that digs would find.

The gold patch gives the needles: lines that it adds and that the changed files did not have, each with
the lines around it (the same line elsewhere is no leak), and the whole new files. The searcher runs
inside the box and looks into every object of every git repository (packed, unreachable and dangling
ones too), refs and reflogs, every readable file of the box, the members of archives, and the constants
and names of compiled Python files.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from ...sandbox import Sandbox, SandboxError
from ..task import Patch
from ..trees import read_files
from .report import FIND_PYTHON, FOLDER

MIN_LINE_CHARS = 8
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{3,}")
_SECONDS = 900.0


async def find_leaks(box: Sandbox, patch: Patch, skip: Sequence[str] = ()) -> list[str]:
    """Return where the solution can be found in a box, a sentence each; [] is nowhere.

    Args:
        box: a box at the start of the task.
        patch: the gold patch.
        skip: folders that are left out, e.g. `/usr` where it is known to hold nothing of the kind.

    Raises:
        SandboxError: if the search itself could not be made, which is no answer.
    """
    old = await read_files(box, patch)
    order = json.dumps(needles(patch, old))
    program = (resources.files(f"{__package__}.inside") / "searcher.py").read_bytes()
    await box.write_tree({"searcher.py": program}, FOLDER, root=True)
    line = f"{FIND_PYTHON}\nexec $python -I -S {FOLDER}/searcher.py {' '.join(map(shlex.quote, skip))}"
    ran = await box.run(line, _SECONDS, order.encode())
    found = [json.loads(line[5:]) for line in ran.output.split("\n") if line.startswith("leak ")]
    if not ran.output.rstrip().endswith("searched"):
        raise SandboxError(f"the search ended with {ran.exit_code} ({ran.cause}): {ran.output[-1000:]}")
    return found


def needles(patch: Patch, old: Mapping[str, bytes]) -> dict[str, list[Any]]:
    """Return what to search for.

    Returns:
        `lines` and `words` that are new, `pairs` of lines that follow each other, one of them new, `stems` of
        the changed files' names; of the new files `sizes`, `blobs` (git's names) and `files` (SHA-256).
    """
    before = {line.strip() for data in old.values() for line in data.splitlines()}
    known = {word for data in old.values() for word in _WORD.findall(data.decode("utf-8", "replace"))}
    lines: dict[str, None] = {}
    words: dict[str, None] = {}
    pairs: list[list[str]] = []
    new = [data for path, data in patch.items() if data and data != old.get(path)]
    for data in new:
        texts = [text for line in data.splitlines() if (text := line.strip())]
        new_ones = [len(text) >= MIN_LINE_CHARS and text not in before for text in texts]
        shown = [text.decode("utf-8", "replace") for text in texts]
        for found in (line for line, is_new in zip(shown, new_ones, strict=True) if is_new):
            lines.setdefault(found)
            words.update((word, None) for word in _WORD.findall(found))
        pairs += [shown[n : n + 2] for n in range(len(shown) - 1) if any(new_ones[n : n + 2])]
    return {
        "lines": list(lines),
        "pairs": pairs,
        "words": [word for word in words if word not in known],
        "stems": [PurePosixPath(path).stem for path in patch],
        "sizes": [len(data) for data in new],
        "blobs": [hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() for data in new],
        "files": [hashlib.sha256(data).hexdigest() for data in new],
    }
