"""A patch, put on the wrong version and judged by hidden cases in a box that the agent never touched.

What an agent changed under `tests/`, in the settings of a test runner or in what Python reads when it
starts is left out. Expected values never enter the box: a patch that writes into the channel of
results, ends the process or reads the cases must still say values that it does not know.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ...sandbox import Backend, Ran, Spec
from ..task import Patch, Verdict
from .comparing import Compared, compare
from .judging import STARVED, WAITED
from .package import Package, Tree

JUDGE = "/judge"
COMMAND = f"python3 -I {JUDGE}/judging.py ."
SECONDS = 60.0
PATIENT_COMMAND = f"{COMMAND} 120 30"
PATIENT_SECONDS = 150.0
MAX_PATCH_BYTES = 1 << 24
_MAX_FILES = 2000
_IGNORED_NAMES = frozenset(
    ("conftest.py", "pytest.ini", ".pytest.ini", "setup.cfg", "setup.py", "tox.ini", "pyproject.toml")
) | {"sitecustomize.py", "usercustomize.py", ".coveragerc"}
_IGNORED_FOLDERS = frozenset(("tests", "__pycache__", ".git", ".pytest_cache", ".venv", "venv"))
_IGNORED_ENDS = (".pyc", ".pyo", ".pth", ".so")


class Unapplicable(Exception):
    """Why a patch cannot be put on a tree."""


def is_ignored(path: str) -> bool:
    """Whether a change of this file decides nothing: tests, settings of a runner, compiled code."""
    parts = PurePosixPath(path).parts
    name = parts[-1] if parts else ""
    return name in _IGNORED_NAMES or name.endswith(_IGNORED_ENDS) or not _IGNORED_FOLDERS.isdisjoint(parts)


def patched(tree: Tree, patch: Patch) -> Tree:
    """Return a tree with what counts of a patch put on it; equal to the tree if nothing does.

    Raises:
        Unapplicable: if a path leads out of the tree or through a file, or it is too much.
    """
    kept = {path: data for path, data in patch.items() if not is_ignored(path)}
    for path in kept:
        parts = PurePosixPath(path).parts
        if (
            not parts
            or path.startswith("/")
            or ".." in parts
            or "\0" in path
            or str(PurePosixPath(*parts)) != path
        ):
            raise Unapplicable(f"{path!r} is no path inside the tree")
    size = sum(len(data) for data in kept.values() if data is not None)
    if size > MAX_PATCH_BYTES or len(kept) > _MAX_FILES:
        raise Unapplicable(
            f"{len(kept)} files of {size} bytes; {_MAX_FILES} of {MAX_PATCH_BYTES} are the limit"
        )
    result = {path: data for path, data in {**tree, **kept}.items() if data is not None}
    for path in result:
        for folder in PurePosixPath(path).parents:
            if str(folder) in result:
                raise Unapplicable(f"{str(folder)!r} would be both a file and the folder of {path!r}")
    return result


def judge_files(package: Package) -> Tree:
    """Return what lies beside the tree in a grading box: the program and the cases, no expected value."""
    program = Path(__file__).with_name("judging.py").read_bytes()
    cases = {f"cases/{file}.py": text.encode() for file, text in package.cases.items()}
    return {"judging.py": program, **cases}


async def run_cases(backend: Backend, spec: Spec, package: Package, tree: Tree) -> Ran:
    """Run the hidden cases on a tree in a new box; once more, with patience, where cases only waited.

    On a machine that is busy with other things a right patch is late too; a second run with six times the
    time tells it from one that waits for ever. A case that was late because it was busy is not run again.

    Raises:
        SandboxError: if the machine cannot.
    """
    ran = await _run(backend, spec, package, tree, COMMAND, SECONDS)
    if ran.cause == "timeout" or WAITED in ran.output or STARVED in ran.output:
        ran = await _run(backend, spec, package, tree, PATIENT_COMMAND, PATIENT_SECONDS)
    return ran


async def _run(
    backend: Backend, spec: Spec, package: Package, tree: Tree, command: str, seconds: float
) -> Ran:
    async with await backend.start(spec) as box:
        await box.write_tree(tree)
        await box.write_tree(judge_files(package), JUDGE, root=True)
        return await box.run(command, seconds)


def verdict(compared: Compared, log: str) -> Verdict:
    """Return what a comparison says of a submission: unscored if the machine let the judge or the cases down.

    One case that failed by itself decides, whatever else was starved. A patch that stands in its own way
    until nobody has a processor for it is unscored at best.
    """
    if not compared.ready:
        return Verdict(
            outcome=None, reward=None, cause="the program that runs the cases did not start", log=log
        )
    if compared.resolved:
        return Verdict(outcome="resolved", reward=1.0, tests=compared.passed)
    if compared.starved.issuperset(compared.reasons):
        late = len(compared.starved)
        cause = f"the machine was too busy: it had no time for {late} hidden cases; grade again"
        return Verdict(outcome=None, reward=None, cause=cause, log=log)
    case, reason = next((c, r) for c, r in compared.reasons.items() if c not in compared.starved)
    return Verdict(outcome="tests_failed", reward=0.0, tests=compared.passed, cause=f"{case}: {reason}")


def judged(ran: Ran, package: Package) -> Verdict:
    """Return the verdict on one run of the cases; its log holds no value that a case returned."""
    return verdict(
        compare(ran.output, package.expected), f"{ran.cause}, exit {ran.exit_code}: {ran.output[-2000:]}"
    )
