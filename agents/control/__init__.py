"""Control of what goes on: a run, an evaluation, a suite is asked through files in its folder.

wishes.py    what can be asked of what, with its limits
folder.py    the lock, requests and the log in a folder; who asks and how it stands
process.py   the side of the process that plays: takes requests, answers them in the log
asking.py    the side of whoever asks
holding.py   what they do to a rollout: pause, go on, play again, end, other limits
"""

from .folder import DONE, Entry, Standing, ask, entries, standing
from .process import Control, hold
from .wishes import WORDS, Kind, Wish, read_wish

__all__ = [
    "DONE",
    "WORDS",
    "Control",
    "Entry",
    "Kind",
    "Standing",
    "Wish",
    "ask",
    "entries",
    "hold",
    "read_wish",
    "standing",
]
