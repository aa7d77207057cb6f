"""What an alert rests on, out of the last stored trajectories: messages as said, actions counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from ...agents.trajectories import iter_trajectories
from ...agents.types import Trajectory
from ...errors import UsageError
from .alerts import Alert
from .run import Run

_MOST_READ = 32  # trajectories
_MESSAGES, _ACTIONS = 3, 4
_PIECE = 2000  # characters of a message


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was said and done in the last update that is stored.

    Attributes:
        update: its number.
        messages: some of which no action was read.
        actions: the most frequent ones, with their share of all turns.
        turns: how many were counted.
        wrong: why there is nothing.
    """

    update: int = 0
    messages: tuple[str, ...] = ()
    actions: tuple[tuple[str, float], ...] = ()
    turns: int = 0
    wrong: str = ""


def evidence_of(run: Run, found: Sequence[Alert]) -> Evidence | None:
    """Return what supports the alerts of a run; None where none of them needs it, or nothing is stored."""
    if not {alert.about for alert in found} & {"malformed", "collapse", "no reward", "inadmissible"}:
        return None
    file = last_file(run.place.folder)
    if file is None:
        return None
    return _read(file, file.stat().st_mtime_ns)


def last_file(folder: Path) -> Path | None:
    """Return the file of the last update of which trajectories are stored."""
    return max((folder / "trajectories").glob("update-*.jsonl.gz"), default=None)


@lru_cache(maxsize=64)
def _read(file: Path, _: int) -> Evidence:
    number = file.name.removeprefix("update-").partition(".")[0]
    update = int(number) if number.isdecimal() else 0
    try:
        kept: list[Trajectory] = list(islice(iter_trajectories(file), _MOST_READ))
    except (UsageError, ValueError) as error:
        return Evidence(update, wrong=str(error))
    turns = [turn for trajectory in kept for turn in trajectory.turns]
    messages = dict.fromkeys(turn.generation.text[:_PIECE] for turn in turns if turn.malformed)
    counted = Counter(turn.action[:_PIECE] for turn in turns)
    return Evidence(
        update,
        tuple(islice(messages, _MESSAGES)),
        tuple((action, num / len(turns)) for action, num in counted.most_common(_ACTIONS)),
        len(turns),
    )
