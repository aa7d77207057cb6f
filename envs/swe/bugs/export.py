"""Write the set as task folders, in the format that Harbor and Terminal-Bench made.

python -m turnwise.envs.swe.bugs.export FOLDER [--split train]

Each folder has instruction.md, task.toml, environment/ with a Dockerfile and the wrong version, tests/ with
the judge that grades here, too, and solution/. Expected values are held as salted digests.
"""

from __future__ import annotations

import argparse
import json
import secrets
from pathlib import Path

from ....errors import UsageError
from .comparing import digest
from .grading import judge_files
from .package import Tree
from .set import BugTask, load_bugs
from .trusted import write

_TOML = """\
schema_version = "1.1"

[task]
name = "turnwise/{id}"
description = {title}

[metadata]
family = "{family}"
kind = "{kind}"
difficulty = {difficulty}
split = "{split}"

[agent]
timeout_sec = 1800.0

[verifier]
timeout_sec = 180.0

[environment]
cpus = 1
memory_mb = 1024
storage_mb = 2048
network_mode = "no-network"
"""
_DOCKERFILE = """\
FROM python:3.12-slim
RUN pip install --no-cache-dir pytest==9.0.2
WORKDIR /app
COPY tree/ ./
"""
_TEST = """\
#!/bin/bash
exec python3 -I /tests/verifying.py /app
"""
_SOLVE = """\
#!/bin/bash
cp -R /solution/files/. /app/
"""


def folder_of(task: BugTask) -> Tree:
    """Return the files of a task's folder."""
    salt = secrets.token_hex(16)
    digests = {case: digest(case, value, salt) for case, value in task.package.expected.items()}
    here = Path(__file__).parent
    tests = judge_files(task.package) | {
        "test.sh": _TEST.encode(),
        "expected.json": json.dumps({"salt": salt, "digests": digests}, indent=1).encode(),
        **{name: (here / name).read_bytes() for name in ("comparing.py", "verifying.py")},
    }
    row = {**task.metadata, "id": task.id, "title": json.dumps(task.bug.title)}
    return {
        "instruction.md": task.instruction.encode(),
        "task.toml": _TOML.format(**row).encode(),
        "environment/Dockerfile": _DOCKERFILE.encode(),
        **{f"environment/tree/{path}": data for path, data in task.tree.items()},
        **{f"tests/{path}": data for path, data in tests.items()},
        "solution/solve.sh": _SOLVE.encode(),
        **{f"solution/files/{path}": data for path, data in task.gold().items() if data is not None},
    }


def export(folder: Path, split: str | None = None) -> int:
    """Write the tasks of a split, or all, below a folder; return how many.

    Raises:
        UsageError: if something is there already.
    """
    tasks = load_bugs(split)
    there = [task.id for task in tasks if (folder / task.id).exists()]
    if there:
        raise UsageError(f"{folder / there[0]} is there already; expected an empty or a new folder")
    for task in tasks:
        write(folder_of(task), folder / task.id)
        for script in ("tests/test.sh", "solution/solve.sh"):
            (folder / task.id / script).chmod(0o755)
    return len(tasks)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the set as task folders.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", help="train, seen, unseen or test; all without it")
    given = parser.parse_args()
    print(f"{export(given.folder, given.split)} task folders in {given.folder}")  # noqa: T201
