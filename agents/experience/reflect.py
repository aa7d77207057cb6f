"""From groups of episodes to a revised library: the update of training-free GRPO (arXiv 2510.08191).

Groups whose episodes have one and the same reward teach nothing and are not asked about. A question that
fails costs what it was about, never the rest: it is counted.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import Coroutine, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ...errors import PolicyError
from ..policy import Policy, PolicyStopped
from ..sampling import Sampling
from ..types import GenerationRequest, Trajectory
from . import questions
from .config import PracticeConfig
from .lessons import Library
from .operations import Operation, Unreadable, read_operations, revised
from .questions import Question

T = TypeVar("T")
_TRIES = 3  # of settling
_LESSONS = re.compile(r"<Experiences>(.*?)</Experiences>", re.DOTALL | re.IGNORECASE)
Group = Sequence[Trajectory]


def reward_of(trajectory: Trajectory) -> float:
    """Return 1 or 0 where it is known whether the episode was won, else its return."""
    return trajectory.episode_return if trajectory.success is None else float(trajectory.success)


def differing(group: Group) -> bool:
    """Tell whether a group has episodes of different reward."""
    rewards = [reward_of(trajectory) for trajectory in group]
    return len(rewards) > 1 and max(rewards) - min(rewards) > 1e-9


@dataclass
class Writer:
    """Who answers the questions.

    Args:
        policy: the model.
        config: how lessons are learned.
        sampling: of its answers.
        step: of the practice; with a question's name it is the key of its random numbers.
        answers: those that are known by the question's name; new ones are entered.

    Attributes:
        counts: questions that were asked, that failed, and answers that could not be read; tokens and cost.
    """

    policy: Policy
    config: PracticeConfig
    sampling: Sampling
    step: int = 0
    answers: MutableMapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._turns, self._stopped = asyncio.Semaphore(self.config.at_once), list[PolicyStopped]()

    async def ask(self, name: str, question: Question, key: tuple[int, ...]) -> str | None:
        """Return the answer; None where the model fails.

        Raises:
            PolicyStopped: if it answers no further question.
        """
        if name in self.answers:
            return self.answers[name]
        request = GenerationRequest(
            question, max_tokens=self.config.writer_tokens, sampling=self.sampling, key=(self.step, *key)
        )
        async with self._turns:
            if self._stopped:
                raise self._stopped[0]
            self.counts["asked"] += 1
            try:
                said = await self.policy.generate(request)
            except PolicyStopped as stopped:
                self._stopped.append(stopped)
                raise
            except PolicyError:
                self.counts["failed"] += 1
                return None
        self.counts["writer_tokens"] += said.num_prompt_tokens + said.num_tokens
        self.counts["micro_dollars"] += round(1e6 * float(said.usage.get("cost", 0.0)))
        self.answers[name] = said.text
        return said.text


async def reflect(
    writer: Writer, library: Library, groups: Sequence[Group]
) -> tuple[Library, dict[str, float]]:
    """Return a library revised by what groups of episodes teach, and figures of how.

    Args:
        writer: answers the questions.
        library: the one that the episodes were played with.
        groups: the episodes of one task each; those that failed for the machine's reasons left out.

    Raises:
        PolicyStopped: if the writer answers no further question; what it has said is in its answers.
    """
    compared = [(at, group) for at, group in enumerate(groups) if differing(group)]
    found = await _all([_proposed(writer, library, at, group) for at, group in compared])
    proposed = [operation for operations in found for operation in operations]
    settled = await _settled(writer, library, proposed) if proposed else []
    after = Library(revised(library.texts, settled, writer.config.most))
    kinds = Counter(operation.kind.lower() for operation in settled)
    figures = {"groups": len(groups), "compared": len(compared), "proposed": len(proposed)}
    figures |= {name: kinds[name] for name in ("add", "update", "delete")}
    names = ("asked", "failed", "unreadable", "writer_tokens", "micro_dollars")
    return after, {**figures, **{name: writer.counts[name] for name in names}, "lessons": len(after.texts)}


async def _proposed(writer: Writer, library: Library, at: int, group: Group) -> list[Operation]:
    """Ask about one group; [] where nothing came of it."""
    config, mark = writer.config, secrets.token_hex(8)
    asked = [
        writer.ask(
            f"summary {at}.{member}",
            questions.sum_up(each, reward_of(each), config.aim, mark),
            (0, at, member),
        )
        for member, each in enumerate(group)
    ]
    summaries = zip(group, await _all(asked), strict=True)
    kept = [(each, summary) for each, summary in summaries if summary is not None]
    if not differing([each for each, _ in kept]):
        return []
    attempts = [(reward_of(each), summary) for each, summary in kept]
    question = questions.compare(group[0].instruction, attempts, config.lessons, config.aim, mark)
    said = await writer.ask(f"lessons {at}", question, (1, at)) or ""
    lessons = (_LESSONS.findall(said) or [""])[-1].strip()
    if not lessons:
        writer.counts["unreadable"] += bool(said)
        return []
    question = questions.propose(library, lessons, config.chars, config.aim, mark)
    return _read(writer, await writer.ask(f"operations {at}", question, (2, at))) or []


async def _settled(writer: Writer, library: Library, proposed: Sequence[Operation]) -> list[Operation]:
    """Ask for one list, several times if it cannot be read; [] if it never can."""
    config = writer.config
    question = questions.settle(
        library, proposed, config.most, config.chars, config.aim, secrets.token_hex(8)
    )
    for number in range(_TRIES):
        read = _read(writer, await writer.ask(f"settled {number}", question, (3, number)))
        if read is not None:
            return read
    return []


def _read(writer: Writer, said: str | None) -> list[Operation] | None:
    if said is None:
        return None
    try:
        return read_operations(said, writer.config.chars)
    except Unreadable:
        writer.counts["unreadable"] += 1
        return None


async def _all(asked: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Wait for all, also where one raises: nothing is left under way."""
    answers = list[T]()
    for found in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(found, BaseException):
            raise found
        answers.append(found)
    return answers
