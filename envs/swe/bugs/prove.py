"""Show that right patches resolve the bugs and others do not.

python -m turnwise.envs.swe.bugs.prove [NAME ...] [--backend auto|namespace|docker] [--runs 5]

Without a backend our own code runs in plain processes, for those who write the set: gold and empty
patch, and the alternatives. With one, gold and empty run that many times, each alternative and
each cheat once, all through `BugTask.grade`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence

from ...sandbox import Backend
from ...sandbox.backends import backend_by_name
from ..task import Patch
from .cheats import CHEATS, cheat
from .comparing import compare
from .grading import patched
from .package import Tree, edited, package_names
from .set import BugTask, tasks_of
from .trusted import run_cases_here, run_pytest_here
from .visible import outcomes

MIN_ALTERNATIVES = 3
AT_ONCE = 3

Resolves = Callable[[BugTask, Patch], Awaitable[str]]
"""Judges a patch of a task: "resolved" or what else came of it."""


def difference(before: Tree, after: Tree) -> Patch:
    """Return the patch between two trees."""
    changed: dict[str, bytes | None] = {
        path: data for path, data in after.items() if before.get(path) != data
    }
    return {**changed, **{path: None for path in before if path not in after}}


def alternatives(task: BugTask) -> list[Patch]:
    """Return the other right solutions of a task as patches of what the agent finds."""
    return [
        difference(task.tree, edited(task.tree, one, f"{task.id}, alternative"))
        for one in task.bug.alternatives
    ]


async def judged_here(task: BugTask, patch: Patch) -> str:
    """Judge a patch of our own without a box."""
    output = await asyncio.to_thread(run_cases_here, task.package, patched(task.tree, patch))
    compared = compare(output, task.package.expected)
    return "resolved" if compared.resolved else f"tests_failed ({len(compared.reasons)} cases)"


def judged_by(backend: Backend) -> Resolves:
    """Return a judge that grades as an environment would."""

    async def judge(task: BugTask, patch: Patch) -> str:
        verdict = await task.grade(backend, patch)
        return str(verdict.outcome or f"unscored: {verdict.cause}")

    return judge


def faults_of_tests(task: BugTask) -> Iterator[str]:
    """Yield what is wrong with a task before any patch is judged."""
    _, failed = outcomes(run_pytest_here(task.tree))
    if task.bug.difficulty == 1 and failed != set(task.bug.failing):
        yield f"visible tests that fail: {sorted(failed)}, recorded: {list(task.bug.failing)}"
    if task.bug.difficulty > 1 and failed:
        yield f"visible tests fail that an agent would see: {sorted(failed)}"
    patches = alternatives(task)
    different = {str(sorted(patch.items())) for patch in [*patches, task.gold()]}
    if patches and len(different) <= MIN_ALTERNATIVES:
        yield f"{len(patches)} alternatives; expected {MIN_ALTERNATIVES} that differ, also from the gold"


def tries(task: BugTask, runs: int, cheats: bool) -> Iterator[tuple[str, Patch, bool]]:
    """Yield (kind, patch, whether it is right) of everything that a task is tried with."""
    nothing: Patch = {"README.md": task.tree["README.md"] + b"\n"}
    for _ in range(runs):
        yield "gold", task.gold(), True
        yield "empty", nothing, False
    for patch in alternatives(task):
        yield "alternative", patch, True
    for name in CHEATS if cheats else ():
        yield f"cheat: {name}", cheat(name, task), False


async def try_all(
    tasks: Sequence[BugTask], judge: Resolves, runs: int, cheats: bool
) -> tuple[Counter[str], list[str]]:
    """Judge everything, a few at a time; return how many tries of each kind there were, and the faults."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: BugTask, kind: str, patch: Patch, right: bool) -> str | None:
        async with gate:
            came = await judge(task, patch)
        wrong = (came == "resolved") != right or came.startswith("unscored")
        return f"{task.id}: {kind}: {came}" if wrong else None

    rows = [(task, *row) for task in tasks for row in tries(task, runs, cheats)]
    found = await asyncio.gather(*(one(*row) for row in rows))
    return Counter(kind.partition(":")[0] for _, kind, _, _ in rows), [fault for fault in found if fault]


async def prove(names: list[str], backend: Backend | None, runs: int) -> int:
    """Print the faults of each package and a row of counts; return the number of faults."""
    judge, total = (judged_by(backend), 0) if backend else (judged_here, 0)
    for name in names:
        tasks = tasks_of(name)
        found = (
            [] if backend else [f"{task.id}: {fault}" for task in tasks for fault in faults_of_tests(task)]
        )
        counts, wrong = await try_all(tasks, judge, runs if backend else 1, cheats=backend is not None)
        found += wrong
        total += len(found)
        for fault in found:
            print(fault)  # noqa: T201
        several = sum(len(task.bug.alternatives) >= MIN_ALTERNATIVES for task in tasks)
        tried = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        row = f"{name}: {len(tasks)} bugs, {several} with alternatives; {tried}; {len(found)} faults"
        print(row, flush=True)  # noqa: T201
    return total


async def _main(names: list[str], backend_name: str | None, runs: int) -> int:
    backend = None
    if backend_name:
        backend = await backend_by_name(backend_name)
    return await prove(names or package_names(), backend, runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Show that right patches resolve the bugs and others do not."
    )
    parser.add_argument("names", nargs="*", help="packages; all without one")
    parser.add_argument("--backend", help="auto, namespace or docker; without it no box, and no cheats")
    parser.add_argument("--runs", type=int, default=5, help="of the gold and the empty patch, with a backend")
    given = parser.parse_args()
    sys.exit(bool(asyncio.run(_main(given.names, given.backend, given.runs))))
