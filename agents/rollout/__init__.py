"""Many episodes at once over a session service, returned as data.

rollout.py: the function `rollout`. config.py: what it is given and gives back.
schedule.py: which episode plays when, and where episodes branch. episode.py: one episode.
beginning.py: what it is given before it is asked. shared.py: what all share.
asking.py: how it is asked and read. turns.py: a turn as data. retries.py: what is played again.
breaker.py: a stop where nothing can succeed.
sessions.py: the sessions, asked in batches. lockstep.py: how a run repeats itself bit for bit.
gate.py: what holds and bounds a rollout from outside. board.py: who waits for whom in it.
answers.py: what answers an episode. journal.py: turns that are kept, and played back after a kill.
journal_file.py: their file. rejoining.py: how an episode that was played back goes on in a session.
"""

from .beginning import Beginning
from .config import RolloutConfig, RolloutResult, RolloutStats, TaskItem
from .journal import Journal
from .rollout import Rollout, rollout
from .schedule import BranchingPlan, BranchPoint

__all__ = [
    "Beginning",
    "BranchPoint",
    "BranchingPlan",
    "Journal",
    "Rollout",
    "RolloutConfig",
    "RolloutResult",
    "RolloutStats",
    "TaskItem",
    "rollout",
]
