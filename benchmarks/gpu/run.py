"""Check and measure everything that one GPU is for, in under five minutes, with nothing from outside.

    python benchmarks/gpu/run.py [--seconds 280] [--only STEP ...] [--out FOLDER]
    python benchmarks/gpu/run.py --device cpu --small      every step, with small shapes

The steps, worth first: `agreement` (engine, learner, float32 and bfloat16; deterministic updates), `runs`
(`train` itself), `ahead` (episodes that play while the learner works, beside the same run in turn),
`checkpointing`, `memory` (peaks beside what `turnwise fit` says), `speed` (rollout and update at the shape of
Qwen2.5-1.5B beside transformers' generate and a bare loop), `adapter` (LoRA at the shape of the 7B). Weights
are random. What does not fit on the card is said and left out. Each finding is written as it comes, into two
files with the day and the card in their names: a run that is killed keeps what it has measured, and a step
that would end after the limit is cut off.

Codes: 0 all holds, 1 something does not, 2 typed wrongly, 3 no GPU can be reached, 4 packages are missing,
5 the time was over before all steps were done.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
NO_CARD, NO_PACKAGES, NO_TIME = 3, 4, 5
STEPS = ("agreement", "runs", "ahead", "checkpointing", "memory", "speed", "adapter")
sys.path[:0] = [str(HERE), str(HERE.parent / "learner")]

if TYPE_CHECKING:
    from record import Finding, Record
    from work import Scale


class TimeOverError(Exception):
    """The limit of the whole run."""


def main() -> int:
    """Do all that is asked for; return the code to end with."""
    given = _arguments()
    started = time.monotonic()
    os.environ.setdefault(
        "CUBLAS_WORKSPACE_CONFIG", ":4096:8"
    )  # before CUDA is touched, or it counts for nothing
    if given.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        import card
    except ImportError as error:
        print(f"missing: {error.name}; pip install -c constraints.txt '.[peft]'", file=sys.stderr)
        return NO_PACKAGES
    if wanted := card.missing():
        print(f"missing: {', '.join(wanted)}; pip install -c constraints.txt '.[peft]'", file=sys.stderr)
        return NO_PACKAGES
    if given.device == "cuda" and (cause := card.unreachable()):
        print(f"{cause}. `--device cpu --small` goes through every step without one", file=sys.stderr)
        return NO_CARD
    return _measure(given, started)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="small shapes, to try the script itself")
    parser.add_argument("--seconds", type=int, default=280, help="when the run is cut off")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=STEPS, metavar="STEP")
    parser.add_argument(
        "--out", type=Path, default=None, help="by default benchmarks/results; runs/gpu for cpu"
    )
    given = parser.parse_args()
    if given.device == "cpu" and not given.small:
        parser.error("--device cpu takes hours without --small")
    return given


def _measure(given: argparse.Namespace, started: float) -> int:
    import torch
    from card import facts, name_of
    from record import Finding, Record
    from work import FULL, SMALL, largest

    device = torch.device(given.device)
    scale = replace(SMALL, device=device) if given.small else largest(replace(FULL, device=device))
    out = given.out or (RESULTS if given.device == "cuda" and not given.small else Path("runs/gpu"))
    name = name_of(device) + (", small shapes" if given.small else "")
    record = Record(out, name, " ".join(["python benchmarks/gpu/run.py", *sys.argv[1:]]), facts(device))
    cut = False
    for step in given.only:
        left = given.seconds - (time.monotonic() - started)
        try:
            with _limit(left):
                _take(step, scale, record)
        except TimeOverError:
            record.add(Finding(step, "cut off", f"after {given.seconds} s in all"))
            cut = True
    print(f"{record.page}\n{record.lines}\n{time.monotonic() - started:.0f} s")
    return 1 if not record.holds else NO_TIME if cut else 0


def _take(step: str, scale: Scale, record: Record) -> None:
    """Take a step; what goes wrong in it is a finding, and the next one is taken."""
    from record import Finding

    try:
        for finding in _steps()[step](scale):
            record.add(finding)
    except TimeOverError:
        raise
    except Exception as error:  # noqa: BLE001  one step may fail as no one foresaw, and the next is taken
        cause = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        record.add(Finding(step, "stopped", cause.replace("|", "/"), "", False))


def _steps() -> dict[str, Callable[[Scale], Iterator[Finding]]]:
    import ahead
    import checks
    import measures

    return {
        "agreement": checks.agreement,
        "runs": checks.runs,
        "ahead": ahead.ahead,
        "checkpointing": checks.checkpointing,
        "memory": measures.memory,
        "speed": measures.speed,
        "adapter": measures.adapter,
    }


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Raise TimeOverError inside when so many seconds are over."""

    def over(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise TimeOverError

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    sys.exit(main())
