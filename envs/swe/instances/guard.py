"""What of a patch never reaches the tests: other tests, their settings, what Python loads by itself.

A path that is kept back has the content of the base (or of the hidden tests) while the patch is
judged. What the gold patch itself changes counts as source wherever it lies, except for files that
pytest or Python load unasked.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath

from ..task import Patch

_UNASKED = frozenset({"conftest.py", "sitecustomize.py", "usercustomize.py"})
_SETTINGS = frozenset({"pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", ".coveragerc"})
_INSTALLED = frozenset({"site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", ".eggs"})
_TEST_FILE = re.compile(r"test_.+\.py|.+_test\.py|tests\.py")
_TEST_FOLDERS = frozenset({"tests", "r2e_tests"})
_TOOLS = {"pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "exceptiongroup", "tomli", "attr"}
_TOOLS |= {"attrs", "pygments", "xdist", "execnet", "pytest_cov", "coverage", "mock", "nose", "hypothesis"}
_NOT_TO_STAND_BEFORE = _TOOLS | set(sys.stdlib_module_names)
_ROOTS = frozenset({"src", "lib"})


def kept_back(
    patch: Patch, *, hidden: Collection[str], gold: Collection[str], there: Collection[str]
) -> set[str]:
    """Return the paths of a patch that do not reach the grading box.

    Args:
        patch: what the agent changed.
        hidden: the files that hold or come with the tests of the record.
        gold: the files that the right patch changes.
        there: names of files and folders of the base, at its top and in `src` and `lib`.
    """
    return {path for path in patch if _is_kept_back(path, hidden, gold, there)}


def _is_kept_back(path: str, hidden: Collection[str], gold: Collection[str], there: Collection[str]) -> bool:
    place = PurePosixPath(path)
    folders = place.parts[:-1]
    if place.parts[0].startswith(".turnwise"):  # what the grader itself lays down
        return True
    if path in hidden or place.name in _UNASKED or place.suffix in (".pth", ".egg-link", ".pyc"):
        return True
    if _INSTALLED.intersection(folders) or any(
        part.endswith((".egg-info", ".dist-info")) for part in folders
    ):
        return True
    if _stands_before(place, there):
        return True
    if path in gold:
        return False
    is_test = bool(_TEST_FOLDERS.intersection(folders) or _TEST_FILE.fullmatch(place.name))
    return is_test or place.name in _SETTINGS


def _stands_before(place: PurePosixPath, there: Collection[str]) -> bool:
    """Tell whether a new file would be imported in place of the standard library or of a test tool."""
    firsts = place.parts[:2] if place.parts[0] in _ROOTS else place.parts[:1]
    return place.suffix in (".py", ".so") and any(
        PurePosixPath(first).stem in _NOT_TO_STAND_BEFORE and first not in there for first in firsts
    )


def files_of(names: Iterable[str]) -> list[str]:
    """Return the files that tests named by node ids lie in, in order."""
    return list(
        dict.fromkeys(name.split("::")[0] for name in names if ".py::" in name or name.endswith(".py"))
    )
