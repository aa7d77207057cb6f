"""Which names are good for a file that is imported and named in recipes, keys and addresses."""

from __future__ import annotations

import keyword
import re
import sys
from importlib.metadata import packages_distributions

from ...errors import UsageError

_GOOD = re.compile(r"[a-z][a-z0-9_]{0,39}")
_EXPECTED = "expected lower case letters, digits and '_', a letter first, at most 40, as my_task"


def check_name(name: str, taken: frozenset[str] = frozenset()) -> None:
    """Refuse a name under which a file could not be imported, or would hide something else.

    Args:
        name: of the file, without its ending.
        taken: names that what comes with turnwise has.

    Raises:
        UsageError: saying what is wrong with it, and what a good one is.
    """
    if not _GOOD.fullmatch(name) or name.endswith("_"):
        raise UsageError(f"name {name!r}: {_EXPECTED}")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UsageError(f"name {name!r} is a word of Python's own: {_EXPECTED}")
    if name.startswith("test_") or name == "conftest":
        raise UsageError(f"name {name!r} is one of pytest's files: leave test_ away, the test is written too")
    if name in sys.stdlib_module_names or name in packages_distributions():
        raise UsageError(
            f"name {name!r}: there is a Python package of that name, which {name}.py would hide from what "
            f"runs beside it; take another, as my_{name}"
        )
    if name in taken:
        raise UsageError(f"name {name!r} is that of one that comes with turnwise; take another, as my_{name}")


def class_name(name: str) -> str:
    """Return the name of the class in a file: my_task has MyTask."""
    return "".join(part.capitalize() for part in name.split("_"))
