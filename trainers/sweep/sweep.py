"""The runs of a plan, so many at a time; what is done is not repeated, what was begun goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ...errors import UsageError
from ..runs.series import number
from .plan import Plan, Planned
from .processes import Training
from .showing import Display

_POLL_S = 0.5
_TAIL_BYTES = 1 << 16
End = Literal["done", "done before", "stopped", "failed"]
_STOPPED = 130  # the exit code of a training that was asked to stop


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run of a sweep.

    Args:
        planned: which run.
        end: how it ended; "done before" needed nothing more, "stopped" was asked to by `turnwise control`.
        said: of one that failed, the last line that it has printed, and where the rest stands.
    """

    planned: Planned
    end: End
    said: str = ""

    @property
    def is_done(self) -> bool:
        """Tell whether it has come to its end."""
        return self.end in ("done", "done before")


def sweep(planned: Plan, *, jobs: int = 1, shown: bool = True) -> list[Outcome]:
    """Train every run of a plan that is not done; one that fails stops no other.

    Args:
        planned: which runs.
        jobs: how many at a time.
        shown: whether progress is shown, on standard error.

    Returns:
        what became of each, in the order of the plan.

    Raises:
        UsageError: if there is to be less than one at a time.
        KeyboardInterrupt: after Ctrl-C, when those that went on have saved; another kills them.
    """
    if jobs < 1:
        raise UsageError(f"{jobs} at a time; expected at least one")
    found = {run.name: Outcome(run, "done before") for run in planned.runs if run.standing == "done"}
    waiting = [run for run in planned.runs if run.standing != "done"]
    going: list[Training] = []
    with Display(len(waiting), shown=shown) as display:
        try:
            while waiting or going:
                while waiting and len(going) < jobs:
                    going.append(_started(waiting.pop(0), planned.out, display))
                time.sleep(_POLL_S)
                for training in [each for each in going if each.poll() is not None]:
                    going.remove(training)
                    outcome = _outcome(training)
                    found[training.planned.name] = outcome
                    display.ended(training.planned.name, outcome.said)
                display.going({each.planned.name: share_of(each.planned) for each in going})
        except KeyboardInterrupt:
            display.say("interrupted; what goes on saves first, Ctrl-C again kills it")
            raise
        finally:
            _end(going)
    return [found[run.name] for run in planned.runs]


def _started(run: Planned, out: Path, display: Display) -> Training:
    training = Training(run, out)
    training.start()
    display.say(f"{'goes on' if run.standing == 'begun' else 'begins'}: {run.name}")
    return training


def _outcome(training: Training) -> Outcome:
    code = training.poll()
    if code == 0:
        return Outcome(training.planned, "done")
    if code == _STOPPED:
        return Outcome(training.planned, "stopped", "somebody has stopped it; it is saved")
    return Outcome(training.planned, "failed", f"exit code {code}: {training.said()} ({training.output})")


def _end(going: Sequence[Training]) -> None:
    """Have trainings save and end, and wait for that; kill them if that is cut short."""
    try:
        for training in going:
            training.ask_to_end()
        for training in going:
            training.wait()
    except BaseException:
        for training in going:
            training.kill()
        raise


def share_of(run: Planned) -> float:
    """Return how much of a run is done, by the last update in its log and the limit that comes first."""
    last, train = _last_update(run.folder / "log.jsonl"), run.recipe.train
    shares = [(number(last.get("update")) or 0.0) / max(1, train.num_updates)]
    if train.max_seconds:
        shares.append((number(last.get("train_seconds")) or 0.0) / train.max_seconds)
    return min(1.0, max(shares))


def _last_update(log: Path) -> dict[str, Any]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().split(b"\n")
    except OSError:
        return {}
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("kind") == "update":
            return entry
    return {}
