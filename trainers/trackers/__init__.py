"""Where a run's curves are shown beside its own log: `[log] to`.

base.py         what a tracker is, and their registry
hub.py          the trackers of a run, apart from it: slow or broken ones hold up nothing
figures.py      names as users of TRL know them; trajectories as rows
tensorboard.py, weights_and_biases.py, mlflow.py, trackio.py   those that ship, each one package away
"""

from . import mlflow, tensorboard, trackio, weights_and_biases
from .base import TRACKERS, Tracked, Tracker, tracker
from .hub import Trackers, check, tracking

__all__ = [
    "TRACKERS",
    "Tracked",
    "Tracker",
    "Trackers",
    "check",
    "mlflow",
    "tensorboard",
    "tracker",
    "tracking",
    "trackio",
    "weights_and_biases",
]
