"""A run on a cluster of Ray: reserved, shown, held until it ends."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..recipe import Recipe
from ..validate import validate
from .commands import Job, key_of
from .plan import lines
from .roles import Role, roles_of
from .supervise import Supervisor


def say(text: str) -> None:
    """Print a line on standard error, where a run shows its progress too."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def show(text: str) -> None:
    """Print on standard error what a run has said."""
    sys.stderr.write(text)
    sys.stderr.flush()


def plan(recipe: Recipe, address: str, out: Path) -> tuple[Sequence[Role], dict[str, str]]:
    """Return the processes of a run, and where a cluster would let each lie; nothing is started.

    Args:
        recipe: of the run.
        address: of the cluster; "": of this machine, without one.
        out: the folder of the run.

    Raises:
        UsageError: if the recipe cannot train, or the cluster does not have what it asks for.
        TrainingError: if the cluster does not answer, or others have what it asks for.
    """
    validate(recipe)
    roles = roles_of(recipe, held=bool(address))
    if not address:
        return roles, {}
    from .ray import joined

    with joined(address, str(out.resolve())) as cluster:
        return roles, cluster.reserve(roles)


def train_held(
    recipe: Recipe,
    out: Path,
    address: str,
    *,
    resume: bool = False,
    previous: bool = False,
    tell: Callable[[str], None] = say,
) -> None:
    """Run a recipe in a folder, its processes held by a cluster of Ray.

    Args:
        recipe: what to do.
        out: the folder of the run, under the same path on every node where it learns.
        address: HOST:PORT of the cluster's head.
        resume: go on from the last checkpoint; without one, begin.
        previous: go on from the checkpoint before the last.
        tell: is told of the plan, and of what is started again.

    Raises:
        UsageError: if the recipe cannot train, or the cluster does not have what it asks for.
        TrainingError: if the cluster does not answer, or the run cannot go on, or a process dies too often.
        KeyboardInterrupt: after Ctrl-C; the last complete update was saved.
        Stopped: if somebody has asked it to stop; the last complete update was saved.
    """
    from .ray import joined

    validate(recipe)
    roles = roles_of(recipe, held=True)
    job = Job(recipe, out.resolve(), key_of(recipe, secrets.token_hex(32)), secrets.token_hex(32))
    with joined(address, str(job.out)) as cluster:
        for line in lines(roles, cluster.reserve(roles)):
            tell(line)
        how = ("--resume",) * resume + ("--previous",) * previous
        Supervisor(job, roles, cluster, tell, show).run(how)
