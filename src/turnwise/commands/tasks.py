"""`turnwise tasks`: what a file of records or a folder of task folders holds, and whether it is sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..shown import visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..envs.sandbox import Backend
    from ..envs.swe.task import Task

__all__ = ["tasks"]


def tasks(
    path: Annotated[Path, typer.Argument(help="A file of records, a task folder, or a folder of them.")],
    image: Annotated[str | None, typer.Option(help="One image for all, e.g. host.")] = None,
    clones: Annotated[Path | None, typer.Option(help="A folder of git clones, for records.")] = None,
    prove: Annotated[int, typer.Option(min=0, help="Grade gold and empty patches so many times.")] = 0,
    leaks: Annotated[bool, typer.Option("--leaks", help="Search each start for its solution.")] = False,
    backend: Annotated[str, typer.Option(help="auto, namespace, or docker.")] = "auto",
    as_json: JsonFlag = False,
) -> None:
    """List tasks, with what of their files has no effect; prove them, search their starts for the solution.

    Exit codes: 1 if a task is not proved, a solution is found or could not be looked for; 2 if nothing
    was begun, since the command, the file, or an image or a clone that it names, is not right.
    """
    from ..envs.sandbox.backends import backend_for
    from ..envs.sandbox.loop import at_end, call
    from ..envs.swe.families import tasks_of
    from ..envs.swe.prove import Proofs
    from ..envs.swe.prove import prove as prove_all

    found = tasks_of(path, image, clones).tasks
    notes = {task.id: list(getattr(task, "warnings", ())) for task in found}
    proofs, leaking = Proofs(), dict[str, list[str]]()
    if prove or leaks:
        boxes = call(backend_for([task.spec.image for task in found], backend))
        at_end(boxes.aclose)
        proofs = call(prove_all(found, boxes, prove)) if prove else proofs
        leaking = {task.id: _leaks(task, boxes) for task in found} if leaks else {}
    if as_json:
        rows = [{"task": row.task, "holds": row.holds, "flaky": list(row.flaky)} for row in proofs.rows]
        emit_json({"tasks": list(notes), "notes": notes, "proofs": rows, "leaks": leaking})
    else:
        for task in found:
            typer.echo(visible(f"{task.id}: {task.instruction.strip().splitlines()[0][:100]}"))
            for line in (*notes[task.id], *leaking.get(task.id, ())):
                typer.echo(visible(f"  {line}"))
        if leaks:
            clean = sum(not places for places in leaking.values())
            typer.echo(f"no solution at the start of {clean} of {len(leaking)}")
        if proofs.rows:
            typer.echo(visible(str(proofs)))
    if proofs.broken or any(leaking.values()):
        raise typer.Exit(1)


def _leaks(task: Task, boxes: Backend) -> list[str]:
    """Return where the solution of a task lies at its start, or why that could not be looked for."""
    from ..envs.sandbox import ImageError
    from ..envs.sandbox.loop import call
    from ..envs.swe.prove import found_leaks

    try:
        return [f"leak: {place}" for place in call(found_leaks(task, boxes))]
    except (ImageError, UsageError) as error:
        return [f"not searched: {error}"]
