"""The episodes that a run learns from, in its own folder: one file of trajectories, and where each begins.

They are written once, whole or not at all, so that a run goes on with the very same ones, whatever
becomes of where they came from. What is held in memory is a few numbers an episode.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agents.stored.members import read_line
from ...agents.trajectories import header, member, parse
from ...agents.types import Trajectory
from ...errors import CheckpointError, UsageError
from ...files import read_json, write_whole
from ..runs.folder import stored_of

_EPISODES, _INDEX, _ABOUT = "episodes.jsonl.gz", "index.npz", "about.json"


@dataclass(frozen=True, slots=True)
class Index:
    """Where each episode begins, and what decides whether and with whom it is learned from [E]."""

    offset_E: NDArray[np.int64]  # bytes
    return_E: NDArray[np.float64]
    won_E: NDArray[np.int8]  # 1, 0, or -1 where nobody says
    group_E: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many episodes there are."""
        return len(self.offset_E)


class StoreWriter:
    """What writes the episodes of a run; used with `with`: after an error nothing of them stays.

    Args:
        run: the folder of the run.
    """

    def __init__(self, run: Path) -> None:
        self._folder = stored_of(run)
        self._draft = self._folder.with_name(f".{self._folder.name}")
        self._rows: list[tuple[int, float, int, int]] = []
        self._groups: dict[str, int] = {}

    def __enter__(self) -> StoreWriter:
        """Begin."""
        shutil.rmtree(self._draft, ignore_errors=True)
        self._draft.mkdir(parents=True)
        self._file = (self._draft / _EPISODES).open("wb")
        self._file.write(header(None))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; remove what has not been kept."""
        self._file.close()
        shutil.rmtree(self._draft, ignore_errors=True)

    def add(self, trajectory: Trajectory) -> None:
        """Write an episode."""
        group = self._groups.setdefault(trajectory.group, len(self._groups))
        won = -1 if trajectory.success is None else int(trajectory.success)
        self._rows.append((self._file.tell(), trajectory.episode_return, won, group))
        self._file.write(member(trajectory))

    def keep(self, about: Mapping[str, Any]) -> None:
        """Let the episodes be there, with what is said of them."""
        self._file.flush()
        offset, returns, won, group = zip(*self._rows, strict=True) if self._rows else ((), (), (), ())
        np.savez(
            self._draft / _INDEX,
            offset=np.array(offset, dtype=np.int64),
            returns=np.array(returns, dtype=np.float64),
            won=np.array(won, dtype=np.int8),
            group=np.array(group, dtype=np.int64),
        )
        write_whole(self._draft / _ABOUT, json.dumps(dict(about), indent=2, sort_keys=True).encode())
        self._file.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._draft.rename(self._folder)


class Store:
    """The episodes of a run, opened.

    Args:
        run: the folder of the run.

    Raises:
        CheckpointError: if what lies there is broken.
    """

    def __init__(self, run: Path) -> None:
        folder = stored_of(run)
        self._file = folder / _EPISODES
        self.about: dict[str, Any] = read_json(folder / _ABOUT)
        try:
            with np.load(folder / _INDEX, allow_pickle=False) as kept:
                self.index = Index(kept["offset"], kept["returns"], kept["won"], kept["group"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise CheckpointError(
                f"{folder}: cannot be read ({error}); delete it, and it is made again from its sources"
            ) from error

    @staticmethod
    def is_there(run: Path) -> bool:
        """Tell whether a run has its episodes."""
        return (stored_of(run) / _ABOUT).is_file()

    def read(self, number: int) -> Trajectory:
        """Return an episode.

        Raises:
            CheckpointError: if it cannot be read any more.
        """
        offset = int(self.index.offset_E[number])
        try:
            return parse(read_line(self._file, offset, 0))
        except (UsageError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{self._file}, at byte {offset}: {error}") from error
