"""How lessons are learned; the defaults are those of the authors' code, but where it says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from ...errors import UsageError
from ...settings import Setting
from ..evaluation.config import EVALUATION
from ..sampling import Sampling
from .lessons import MOST, MOST_CHARS

PLAYED = replace(EVALUATION, sampling=Sampling(temperature=0.7))
"""How episodes are played: as in evaluations, at the temperature of the authors' code."""


@dataclass(frozen=True, slots=True)
class PracticeConfig:
    """How lessons are learned.

    Raises:
        UsageError: if a number is out of range.
    """

    tasks: Annotated[int, Setting("Tasks that are practised on.", least=1, most=100_000)] = 100
    epochs: Annotated[int, Setting("How often each of them comes.", least=1, most=1000)] = 3
    batch: Annotated[int, Setting("Tasks between two changes of the lessons.", least=1)] = 50
    group_size: Annotated[int, Setting("Episodes of a task, which are compared.", least=2, most=256)] = 5
    lessons: Annotated[int, Setting("Lessons drawn from a task at most.", least=1, most=20)] = 2
    # The authors' library has no bounds; a prompt has.
    most: Annotated[int, Setting("Lessons of the library at most.", least=1, most=MOST)] = 40
    chars: Annotated[int, Setting("Characters of a lesson at most.", least=20, most=MOST_CHARS)] = 300
    aim: Annotated[str, Setting("What the lessons are to help with, in words.")] = (
        "win more of these tasks, by general and concise guidelines"
    )
    writer_tokens: Annotated[int, Setting("Tokens of an answer of the writer.", least=16)] = 4096
    at_once: Annotated[int, Setting("Questions to the writer under way at once.", least=1, most=1024)] = 16

    def __post_init__(self) -> None:
        if min(self.tasks, self.epochs, self.batch, self.lessons, self.most, self.at_once) < 1:
            raise UsageError("tasks, epochs, batch, lessons, most and at_once: expected at least 1 of each")
        if self.group_size < 2:
            raise UsageError(f"group_size {self.group_size}: expected at least 2, which can be compared")
        if not (self.most <= MOST and 20 <= self.chars <= MOST_CHARS):
            raise UsageError(
                f"most {self.most}, chars {self.chars}: expected at most {MOST} lessons of 20 to "
                f"{MOST_CHARS} characters"
            )

    @property
    def steps(self) -> int:
        """Return how often the lessons are changed: a batch that is not full is one too."""
        return self.epochs * self.batches

    @property
    def batches(self) -> int:
        """Return the batches of an epoch."""
        return -(-self.tasks // self.batch)


PRACTICE = PracticeConfig()
"""As the authors' code has it, with bounds."""
