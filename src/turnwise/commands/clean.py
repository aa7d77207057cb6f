"""`turnwise clean`: what takes room and is needed no more."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import TurnwiseError, UsageError
from ..shown import visible
from .options import JsonFlag, emit_json

if TYPE_CHECKING:
    from ..trainers.cleaning.found import Found

__all__ = ["clean"]

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def clean(
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="Look for runs and evaluations below it.")
    ] = None,
    older: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", help="Only what is older.", min=0.0)
    ] = 30.0,
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List what can be removed, with its bytes: old runs, images of sandboxes, leftovers. --yes removes it.

    Without PATH no run is looked at. What a process plays in, what was written in within ten minutes,
    what holds files that are not of a run, and images while boxes run, stay, with the reason. Leftovers
    of dead processes count whatever their age; those in Docker are removed by the next server that uses it.

    Examples:
      turnwise clean
      turnwise clean runs --older-than 14
      turnwise clean runs --older-than 14 --yes
    """
    from ..trainers.cleaning.found import DAY_S
    from ..trainers.cleaning.runs import old_runs
    from ..trainers.cleaning.sandboxes import images, unfinished

    if path is not None and not path.is_dir():
        raise UsageError(f"{path}: is no folder; expected one that holds runs or evaluations")
    now = time.time()
    found = [] if path is None else list(old_runs(path, older * DAY_S, now))
    found += [*images(older * DAY_S, now), *unfinished(now)]
    failed = _remove(found) if yes else {}
    can_go = sum(one.size for one in found if not one.kept)
    if as_json:
        rows = [{**one.document(), "failure": failed.get(one.name)} for one in found]
        emit_json({"found": rows, "bytes": can_go, "removed": yes})
    else:
        _show(found, failed, removed=yes)
        told = "removed" if yes else "can be removed: the same command with --yes"
        typer.echo(f"{_size(can_go)} {told}" if can_go else "nothing can be removed")
    raise typer.Exit(1 if failed else 0)


def _remove(found: list[Found]) -> dict[str, str]:
    """Remove what can go; return why what could not be removed stays."""
    failed = {}
    for one in found:
        if not one.kept:
            try:
                one.remove()
            except (OSError, TurnwiseError) as error:
                failed[one.name] = str(error)
    return failed


def _show(found: list[Found], failed: dict[str, str], *, removed: bool) -> None:
    from ..trainers.cleaning.found import DAY_S

    for one in found:
        why = one.kept or failed.get(one.name, "")
        state = f"stays: {why}" if why else "removed" if removed else "can go"
        days = f"{one.age_s / DAY_S:.0f} days"
        typer.echo(visible(f"{one.kind:<11} {_size(one.size):>9}  {days:>9}  {one.name}  {state}"))


def _size(num: int) -> str:
    for unit, name in _UNITS:
        if num >= unit:
            return f"{num / unit:.1f} {name}"
    return f"{num} bytes"
