"""What a software engineering task is, whoever wrote it: an instruction, a start, visible tests, a grader.

Implementations: the bugs of our own set, records in the manner of SWE-bench, task folders.
The environments know nothing else of a task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..sandbox import Backend, Ran, Sandbox, Spec

Outcome = Literal["no_submission", "empty_patch", "unapplicable", "tests_failed", "resolved"]
"""What a submission came to, from worst to best; the classes that rewards are gated by."""

Patch = Mapping[str, bytes | None]
"""What an agent changed: path from the working folder -> the new bytes, None for a deleted file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a grader found.

    Args:
        outcome: the class of the submission; None where the grader itself or the machine failed:
            unscored, never 0.
        reward: from 0 to 1; 1.0 where it is resolved, unless the task's own verifier pays otherwise;
            None if unscored.
        tests: name -> whether it passed, where there are single tests; a test without a result has failed.
        rewards: further named numbers of the task's verifier.
        cause: one sentence for people: why it is unscored, or what failed first.
        log: the end of the grader's output.
    """

    outcome: Outcome | None
    reward: float | None
    tests: Mapping[str, bool] = field(default_factory=dict)
    rewards: Mapping[str, float] = field(default_factory=dict)
    cause: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a run of the visible tests said, for the agent's own feedback."""

    ran: Ran
    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


class Task(ABC):
    """One instance. Attributes are plain data; the methods work in boxes that the caller closes.

    A task of several `steps` is played in one box: each step is a task of its own, whose `prepare` lays
    its files over what is there; after its submission it is graded, and the next one begins if it
    `goes_on`. What the whole came to is said by `conclude`.
    """

    id: str  # unique in its set, e.g. "lru_cache-07"
    instruction: str  # what the agent is asked, as a person would write it
    spec: Spec  # the agent's box
    metadata: Mapping[str, Any]  # family, difficulty, kind, ...: for tables; never shown to an agent
    timeout_s: float = 1800.0  # of the whole episode, by the clock
    agent_timeout_s: float = 60.0  # of one command
    shared: bool = False  # graded in the agent's own box, or with what is carried out of it
    steps: Sequence[Task] = ()  # played one after another in the same box

    @abstractmethod
    async def prepare(self, box: Sandbox) -> None:
        """Put the starting tree into a new box of `spec`; nothing of the solution or the hidden tests.

        Raises:
            ImageError: if the task's own files are broken, naming file and field.
        """

    @abstractmethod
    async def test(self, box: Sandbox) -> Tested:
        """Run the visible tests in the agent's box."""

    @abstractmethod
    async def grade(self, backend: Backend, patch: Patch, *, box: Sandbox | None = None) -> Verdict:
        """Judge a patch in a box that the agent never touched; what fails here is unscored, not raised.

        Args:
            backend: what starts that box.
            patch: what the agent changed.
            box: the agent's box, still alive, where the task is `shared`; others need it not.
        """

    def goes_on(self, verdict: Verdict) -> bool:
        """Tell whether the step after this one is played, given what this one came to."""
        return verdict.outcome is not None

    def conclude(self, verdicts: Sequence[Verdict]) -> Verdict:
        """Return what a task of several steps came to: by default what its last played step did."""
        return verdicts[-1]

    @abstractmethod
    def gold(self) -> Patch | str:
        """Return the right patch, or where only commands are known, the bash lines that solve the task."""
