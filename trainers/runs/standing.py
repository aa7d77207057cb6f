"""Where a run stands that was stopped: in its updates, before them, or nowhere yet."""

from __future__ import annotations

from pathlib import Path

from ...agents.policies.places import number_of, updates
from .folder import checkpoints, is_run, warm_start_of


def standing(run: Path) -> str:
    """Say in half a sentence what of a run is kept, and so where it goes on."""
    if saved := updates(checkpoints(run)):
        return f"{run} is saved as it was after update {number_of(saved[-1])}, and goes on from there:"
    cloned = warm_start_of(run)
    if cloned.is_dir():
        return f"there is no update yet; {run} goes on with the policy that was cloned:"
    if any(run.glob(f".{cloned.name}.*.cloning")):
        return f"there is no update yet; {run} goes on with the cloning, kept a minute ago at most:"
    if is_run(run):
        return f"there is no update yet, and {run} begins again:"
    return "nothing was made yet that could be kept: give the same command again"
