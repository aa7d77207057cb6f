"""Which episodes an update learns from: a function of the run's seed, its number and what there is.

Shapes: _E episodes of the store, _K those that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...errors import TrainingError
from ...streams import Stream, rng
from ..sections import OfflineSection
from .store import Index

Ints = NDArray[np.int64]


def kept_of(index: Index, section: OfflineSection) -> Ints:
    """Return the episodes that are learned from, in their order [K].

    Raises:
        TrainingError: if there are none.
    """
    kept = np.arange(len(index))
    if section.keep == "won":
        kept = np.flatnonzero(index.won_E == 1)
    if section.keep == "best":
        num = max(1, round(section.best_share * len(index)))
        kept = np.sort(np.argsort(-index.return_E, kind="stable")[:num])
    if not kept.size:
        untold = int(np.count_nonzero(index.won_E < 0))
        raise TrainingError(
            f"offline.keep = {section.keep!r}: none of {len(index)} episodes was won"
            + (f", of {untold} nobody says whether they were" if untold else "")
            + '; set offline.keep = "best", or "all"'
        )
    return kept


@dataclass(slots=True)
class Draw:
    """The batches of a run: every epoch in another order, groups together.

    Args:
        index: of the store.
        kept: the episodes that are learned from.
        batch_size: episodes, at least; larger groups are cut to it.
        seed: of the run.
    """

    index: Index
    kept: Ints
    batch_size: int
    seed: int
    _epoch: int = -1
    _batches: tuple[Ints, ...] = ()
    _first: int = 0  # the update that begins the epoch

    def batch(self, update: int) -> tuple[Ints, int]:
        """Return the episodes of an update, and the epoch that it is in."""
        if update < self._first:
            self._epoch, self._batches, self._first = -1, (), 0
        while update >= self._first + len(self._batches):
            self._first += len(self._batches)
            self._epoch += 1
            self._batches = self._of_epoch(self._epoch)
        return self._batches[update - self._first], self._epoch

    def _of_epoch(self, epoch: int) -> tuple[Ints, ...]:
        """Return the batches of an epoch: groups in another order, cut where a batch is full."""
        groups = self._groups()
        batches: list[Ints] = []
        waiting: list[Ints] = []
        for place in rng(self.seed, Stream.STORED, epoch).permutation(len(groups)).tolist():
            waiting.append(groups[place])
            if sum(map(len, waiting)) >= self.batch_size:
                batches.append(np.concatenate(waiting))
                waiting = []
        return (*batches, np.concatenate(waiting)) if waiting else tuple(batches)

    def _groups(self) -> list[Ints]:
        """Return the kept episodes of each group, in pieces no larger than a batch."""
        order = np.argsort(self.index.group_E[self.kept], kind="stable")
        sorted_K = self.kept[order]
        bounds = np.flatnonzero(np.diff(self.index.group_E[sorted_K])) + 1
        return [
            group[start : start + self.batch_size]
            for group in np.split(sorted_K, bounds)
            for start in range(0, len(group), self.batch_size)
        ]
