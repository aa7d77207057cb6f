"""A set of tasks is proved before it is used: its gold patches resolve, empty ones do not, every time.

Whoever plays a task without an agent comes here too: `attempt` starts its box, does what is given,
and has the result graded as an agent's would be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ...errors import UsageError
from ..sandbox import HOST, Backend, ImageError, Sandbox
from .instances.leaks import find_leaks
from .patches import submitted
from .task import Patch, Task, Verdict

EMPTY: Patch = {}
Solution = Patch | str
"""Files to write, or lines of bash to run in the agent's box."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What one task's gold and empty patches came to.

    Args:
        task: its id.
        gold: the verdict of each run of the gold patch.
        empty: the verdict of each run of the empty patch.
    """

    task: str
    gold: Sequence[Verdict]
    empty: Sequence[Verdict]

    @property
    def holds(self) -> bool:
        """Tell whether every gold run is resolved and every empty one is scored and not."""
        return all(verdict.outcome == "resolved" for verdict in self.gold) and all(
            verdict.outcome not in (None, "resolved") for verdict in self.empty
        )

    @property
    def flaky(self) -> Sequence[str]:
        """Return the tests that passed in some runs of the same patch and failed in others."""
        found: dict[str, None] = {}
        for verdicts in (self.gold, self.empty):
            counted = Counter(
                name for verdict in verdicts for name, passed in verdict.tests.items() if passed
            )
            found.update((name, None) for name, count in counted.items() if count < len(verdicts))
        return list(found)

    @property
    def line(self) -> str:
        """Return it as one line of a table."""
        resolved = sum(verdict.outcome == "resolved" for verdict in self.gold)
        fooled = sum(verdict.outcome == "resolved" for verdict in self.empty)
        wrong = [v.cause for v in self.gold if v.outcome != "resolved"]
        wrong += [v.cause or "resolved by nothing" for v in self.empty if v.outcome in (None, "resolved")]
        shown = f"{self.task}: gold {resolved}/{len(self.gold)}, empty {fooled}/{len(self.empty)}"
        return shown if self.holds else f"{shown}: {wrong[0]}"


@dataclass(frozen=True, slots=True)
class Proofs:
    """The table of a set: those that hold may enter it."""

    rows: Sequence[Proof] = field(default_factory=tuple)

    @property
    def broken(self) -> Sequence[Proof]:
        """Return the proofs that do not hold."""
        return [row for row in self.rows if not row.holds]

    def __str__(self) -> str:
        proved = len(self.rows) - len(self.broken)
        return "\n".join([*(row.line for row in self.rows), f"proved: {proved} of {len(self.rows)}"])


async def prove(tasks: Iterable[Task], backend: Backend, times: int = 5) -> Proofs:
    """Grade the gold and the empty patch of each task `times` times, one after another.

    A task that cannot be played (no such image, no gold patch, one that does not fit) is not proved.

    Raises:
        SandboxError: if the machine cannot start a box.
    """
    rows = []
    for task in tasks:
        gold = [await _tried(task, backend, lambda part: part.gold()) for _ in range(times)]
        empty = [await _tried(task, backend, lambda part: EMPTY) for _ in range(times)]
        rows.append(Proof(task.id, gold, empty))
    return Proofs(rows)


async def _tried(task: Task, backend: Backend, solution: Callable[[Task], Solution]) -> Verdict:
    """Return the verdict of an attempt, unscored where it is the task's fault that there is not one."""
    try:
        return await attempt(task, backend, solution)
    except (ImageError, UsageError) as error:
        return Verdict(outcome=None, reward=None, cause=str(error))


async def attempt(task: Task, backend: Backend, solution: Callable[[Task], Solution]) -> Verdict:
    """Play a task by a given solution of it, or of each of its steps, and return the verdict.

    Raises:
        SandboxError: if the machine cannot start a box.
    """
    given = solution(task) if not task.steps else ""
    if not task.steps and not task.shared and not isinstance(given, str):
        return await task.grade(backend, given)
    async with await backend.start(task.spec) as box:
        await task.prepare(box)
        if not task.steps:
            return await _played(task, backend, box, given)
        verdicts = []
        for step in task.steps:
            await step.prepare(box)
            verdicts.append(await _played(step, backend, box, solution(step)))
            if not step.goes_on(verdicts[-1]):
                break
        return task.conclude(verdicts)


async def gold_patch(task: Task, backend: Backend) -> Patch:
    """Return the files that a task's gold solution changes, running it where it is bash.

    Raises:
        SandboxError: if the machine cannot start a box; ImageError if the bash fails.
    """
    gold = task.gold()
    if not isinstance(gold, str):
        return gold
    async with await backend.start(task.spec) as box:
        await task.prepare(box)
        return await _changed(task, box, gold)


async def found_leaks(task: Task, backend: Backend) -> list[str]:
    """Return where an agent could find the solution of a task at its start; see `instances.leaks`.

    Of the image HOST, /usr is left out: it is the same for every task and holds no task's files.

    Raises:
        SandboxError: if the search could not be made; ImageError if the task's files are why.
        UsageError: if the task has no gold patch, or one that cannot be read.
    """
    patch = await gold_patch(task, backend)
    async with await backend.start(task.spec) as box:
        await task.prepare(box)
        return await find_leaks(box, patch, ["/usr"] if task.spec.image == HOST else [])


async def _played(task: Task, backend: Backend, box: Sandbox, given: Solution) -> Verdict:
    patch = await _changed(task, box, given)
    return await task.grade(backend, patch, box=box if task.shared else None)


async def _changed(task: Task, box: Sandbox, given: Solution) -> Patch:
    start = await box.snapshot()
    if isinstance(given, str):
        ran = await box.run(given, task.timeout_s)
        if ran.exit_code != 0:
            raise ImageError(f"{task.id}: the solution ended with {ran.exit_code}: {ran.output[-2000:]}")
    else:
        await box.write_tree({path: data for path, data in given.items() if data is not None})
        for path in (path for path, data in given.items() if data is None):
            await box.run('rm -f -- "$GONE"', env={"GONE": path})
    return submitted(await box.changes(start))
