"""What the ranks above 0 do: wait for what rank 0 is asked, and do it with it, until it ends."""

from __future__ import annotations

import logging
import signal
from contextlib import ExitStack

from ...errors import TrainingError, TurnwiseError
from .begin import begin
from .group import STOP, Ranks, has_lost
from .launch import meet
from .learner import RankLearner, apart
from .place import Place

log = logging.getLogger(__name__)

BEGIN = "begin"


def follow(place: Place) -> None:
    """Serve as a rank above 0 until rank 0 ends.

    Signals that would end this process are left to rank 0, which needs it to save.

    Raises:
        TrainingError: if the other ranks are gone.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        group = meet(place)
        with ExitStack() as stack:
            stack.push(group.reporting)
            _serve(group)
        group.close()
    except RuntimeError as error:
        if not has_lost(error):
            raise
        raise TrainingError(f"rank {place.rank} of {place.world}: the others are gone") from error


def _serve(group: Ranks) -> None:
    learner: RankLearner | None = None
    while (name := group.next_order()) != STOP:
        try:
            if name == BEGIN:
                learner = begin(group.share(), group)
                continue
            assert learner is not None, "rank 0 has begun nothing"
            asked, stand, total_updates = group.share()
            if stand != learner.stand():
                raise RuntimeError(apart(learner.stand(), stand))
            learner.follow(name, asked, total_updates)
        except TurnwiseError as error:  # found on all ranks alike; rank 0 says so
            log.debug("rank %d: %s", group.rank, error)
