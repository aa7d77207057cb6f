"""`python -m turnwise.trainers.parallel`: a rank above 0 that rank 0 has started."""

from __future__ import annotations

import os
import threading

from ...errors import TrainingError
from .follow import follow
from .place import placed


def _end_with_rank_0() -> None:
    """End at once when rank 0 has, however it did, whatever this process is in the middle of."""
    while os.read(0, 1024):  # nothing is written there
        continue
    os._exit(1)


def main() -> int:
    """Follow rank 0, and return the exit code."""
    threading.Thread(target=_end_with_rank_0, daemon=True).start()
    try:
        follow(placed())
    except TrainingError:
        return 1  # rank 0 says why, if it still can
    return 0


if __name__ == "__main__":
    os._exit(main())  # rank 0 waits, and nothing is left that would have to be closed
