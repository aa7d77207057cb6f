"""Write what the right version returns, and which visible tests fail under each bug.

python -m turnwise.envs.swe.bugs.record NAME ...
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ....errors import UsageError
from ....files import write_whole
from .comparing import values
from .judging import Cases
from .package import ROOT, Package, read_package, wrong_tree
from .trusted import run_cases_here, run_pytest_here
from .visible import outcomes


def record(name: str, root: Path = ROOT) -> None:
    """Write hidden/expected.json and hidden/failing.json of a package.

    Raises:
        UsageError: if a case returns no plain value or differs between two runs, a visible test of the right
            version fails, or a bug of difficulty 1 makes none fail.
    """
    package = read_package(name, root)
    folder = root / name / "hidden"
    expected = _expected(package)
    _write(folder / "expected.json", expected)
    passed, failed = outcomes(run_pytest_here(package.tree))
    if failed or not passed:
        raise UsageError(
            f"{name}: visible tests of the right version: {len(passed)} pass, fail: {sorted(failed)}"
        )
    _write(folder / "failing.json", {bug.id: _failing(package, bug.id, passed) for bug in package.bugs})


def _expected(package: Package) -> dict[str, str]:
    try:
        cases = Cases(package.cases)
        first, second = (values(run_cases_here(package, package.tree)) for _ in range(2))
    except ValueError as error:
        raise UsageError(f"{package.name}: hidden/cases: {error}") from error
    if first != second:
        names = [case for case in first if first[case] != second[case]]
        raise UsageError(f"{package.name}: hidden/cases: {names} differ from run to run")
    return {case: first[case] for case in cases.files}


def _failing(package: Package, id: str, passed: frozenset[str]) -> list[str]:
    (bug,) = (one for one in package.bugs if one.id == id)
    now, _ = outcomes(run_pytest_here(wrong_tree(package, bug)))
    failing = sorted(passed - now)
    if not failing and bug.difficulty == 1:
        raise UsageError(f"{id}: difficulty 1, and no visible test fails under it")
    return failing


def _write(file: Path, value: dict[str, Any]) -> None:
    write_whole(file, (json.dumps(value, indent=1) + "\n").encode())


if __name__ == "__main__":
    for given in sys.argv[1:]:
        record(given)
