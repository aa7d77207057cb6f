"""What was played is held to the run: not too much of it failed, and its environments are those of before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...agents.types import Trajectory
from ...ends import MACHINE
from ...errors import TrainingError
from .statistics import failed_share


def check_failures(trajectories: Sequence[Trajectory], limit: float, update: int) -> None:
    """Refuse an update of which too many rollouts failed.

    Raises:
        TrainingError: if their share is over the limit, with the most frequent causes.
    """
    share = failed_share(trajectories)
    if share <= limit:
        return
    causes = Counter(
        trajectory.error or trajectory.end for trajectory in trajectories if trajectory.end in MACHINE
    )
    shown = "; ".join(f"{count} times {cause}" for cause, count in causes.most_common(3))
    raise TrainingError(
        f"update {update}: {100 * share:.0f} % of the rollouts failed, train.max_failed "
        f"allows {100 * limit:.0f} %. Causes: {shown}"
    )


def note_environments(known: dict[str, str], trajectories: Sequence[Trajectory], update: int) -> bool:
    """Note the fingerprints of environments that were met for the first time; tell whether there were any.

    Args:
        known: of each environment; added to.
        trajectories: of an update.
        update: counted from 0.

    Raises:
        TrainingError: if an environment is another than before.
    """
    met = {(trajectory.env_id, trajectory.fingerprint) for trajectory in trajectories if trajectory.counts}
    new = {(id, found) for id, found in met if found and known.get(id) != found}
    for id, found in sorted(new):
        if id in known:
            raise TrainingError(
                f"update {update}: the fingerprint of {id} is {found}, the run began with "
                f"{known[id]}: its code has changed, so results would not compare"
            )
        known[id] = found
    return bool(new)
