"""What a run keeps of its evaluations on held-out tasks, so that every turn of them can be looked at."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..sections import LogSection

FOLDER = "held_out"
_KEPT = re.compile(r"update-(\d{6,})(?:\.[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a run keeps of its evaluations: RUN/held_out/update-N, a folder as `turnwise eval` makes it.

    Of several environments each has a folder of its own, update-N.ENVIRONMENT.

    Args:
        run: the folder of the run.
        update: after which the evaluation takes place.
        log: what is asked for.
    """

    run: Path
    update: int
    log: LogSection

    def folder(self, env_id: str, several: bool) -> Path | None:
        """Return a fresh folder for an environment; None where nothing is kept."""
        if self.log.held_out == "none" or not self.log.held_out_mb:
            return None
        name = "." + re.sub(r"[^A-Za-z0-9._-]", "-", env_id)[-80:] if several else ""
        found = self.run / FOLDER / f"update-{self.update:06d}{name}"
        shutil.rmtree(found, ignore_errors=True)  # of a process that was killed: it is played once more
        return found

    def prune(self, best: int | None) -> None:
        """Remove what is neither the first, nor the best, nor the last; and what was begun after this."""
        found = dict(kept_of(self.run))
        updates = sorted(update for update in set(found.values()) if update <= self.update)
        wanted = {*updates[:1], best, self.update} if self.log.held_out == "some" else set(updates)
        for folder, update in found.items():
            if update not in wanted:
                shutil.rmtree(folder, ignore_errors=True)


def kept_of(run: Path) -> Iterator[tuple[Path, int]]:
    """Yield the folders of the evaluations that a run has kept, by their updates, and after which."""
    for folder in sorted((run / FOLDER).glob("update-*")):
        if (found := _KEPT.fullmatch(folder.name)) and folder.is_dir():
            yield folder, int(found[1])
