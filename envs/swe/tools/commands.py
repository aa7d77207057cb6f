"""The command lines that tools run in a box; every word of an agent is quoted."""

from __future__ import annotations

import shlex

MAX_HITS = 100
MAX_FILES = 200
MAX_DEPTH = 4
LOOK_S = 10.0
"""Seconds that looking around may take."""

ENV = {
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "SOURCE_DATE_EPOCH": "1735689600",
    "TZ": "UTC",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
}
"""What makes commands say the same in every run."""

_PRUNE = r"\( -name .git -o -name __pycache__ -o -name '*.pyc' -o -name .pytest_cache \) -prune -o"
_PARSE = "import ast,sys\nfor p in sys.argv[1:]:\n ast.parse(open(p,'rb').read(),p)"


def find_lines(pattern: str, path: str, regex: bool) -> str:
    """Search files in the order of their names, up to one hit more than are shown."""
    kind = "-E" if regex else "-F"
    grep = f"xargs -0 grep -nHI {kind} -e {shlex.quote(pattern)} /dev/null"
    return (
        f"find {_place(path)} {_PRUNE} -type f -print0 | LC_ALL=C sort -z | {grep} "
        f"| cut -c 1-400 | head -n {MAX_HITS + 1}"
    )


def list_files(path: str) -> str:
    """List the files below a folder, a few levels deep, up to one more than are shown."""
    return (
        f"find {_place(path)} -maxdepth {MAX_DEPTH} {_PRUNE} -type f -print "
        f"| LC_ALL=C sort | head -n {MAX_FILES + 1}"
    )


def mode_of(path: str) -> str:
    """Print the permission bits of a file."""
    return f"stat -L -c %a {_place(path)}"


def parse(paths: list[str]) -> str:
    """Parse Python files with the Python of the box."""
    return f"python3 -ISc {shlex.quote(_PARSE)} {' '.join(map(_place, paths))}"


def _place(path: str) -> str:
    return shlex.quote(path if path == "." or path.startswith("/") else f"./{path}")
