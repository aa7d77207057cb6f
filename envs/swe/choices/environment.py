"""`swe/choices-v0`: resolve an issue in a real package by choosing among edits, in a real sandbox.

The actions are `open FILE`, `show FUNCTION`, `run tests`, `apply NUMBER`, `undo` and `submit`. One edit
is in at a time. Edits are written to the box and visible tests run in it; what is submitted is what
differs in the box, judged by hidden tests in another one. Results of tests and grades are remembered by
content.

The reward is 1 for an issue that is resolved. `info["rewards"]` holds tiers from low to high:
`edit_parses` (1 for an edit), `ran_tests` (1 for a run), `newly_passing` (visible tests that failed at the
start and pass for the first time), `outcome` (0 no submission, 1 empty patch, 2 tests fail, 3 resolved).
`info["metrics"]` tells of the whole episode: `completion` (submitted), `modification` (with a change),
`resolution`.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from ....errors import UnknownName, UsageError
from ...core import Info, TeacherFactory
from ...sandbox.backends import backend_by_name
from ...sandbox.loop import call
from ..boxed import BoxedEnv, Result
from ..bugs.set import BugTask, load_bugs
from . import wording
from .apart import told_apart
from .episode import Episode
from .teacher import Tinkerer
from .workshop import NUM_WRONG, Workshop, task_digest


class ChoicesEnv(BoxedEnv[Episode]):
    """A bug, edits to choose from, tests to run; the seed decides the bug and which edits are offered.

    Seeds that follow each other play all bugs, one after another.

    Args:
        split: all, train, seen, unseen or test.
        family: only bugs of one package.
        difficulty: only bugs of one difficulty, 1 to 3.
        num_edits: how many edits are offered, the right one among them.
        max_turns: an episode ends after so many turns, without a submission.
        issue_chars: characters of the issue's text that are told beside its title.
        shown_chars: the most characters that a file or a function is shown in.
        backend: auto, namespace or docker.

    Raises:
        UnknownName: if there is no such split, family or backend.
        UsageError: if a number is out of range, or the split has no such bug.
        SandboxError: if no backend works here, with what to install.
    """

    def __init__(
        self,
        split: str = "train",
        family: str | None = None,
        difficulty: int | None = None,
        num_edits: int = 4,
        max_turns: int = 20,
        issue_chars: int = 160,
        shown_chars: int = 240,
        backend: str = "auto",
    ) -> None:
        super().__init__()
        for name, value, least, most in (
            ("num_edits", num_edits, 2, NUM_WRONG + 1),
            ("max_turns", max_turns, 1, 1000),
            ("issue_chars", issue_chars, 0, 10_000),
            ("shown_chars", shown_chars, 20, 10_000),
        ):
            if not least <= value <= most:
                raise UsageError(f"{name} is {value}; expected {least} to {most}")
        self._tasks = bugs_of(split, family, difficulty)
        self._num_edits, self._max_turns = num_edits, max_turns
        self._issue_chars, self._shown_chars = issue_chars, shown_chars
        self._backend = backend
        call(workshop(backend))
        self._turn, self._with_expert = 0, False

    @classmethod
    def teacher(cls) -> TeacherFactory:
        """Return the maker of clumsy players."""
        return Tinkerer

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Start a bug."""
        super().reset(seed=seed)
        self._with_expert, self._turn = bool((options or {}).get("expert")), 0
        place = int(self.np_random.integers(len(self._tasks))) if seed is None else seed % len(self._tasks)
        self._wait(self._begin(self._tasks[place]))
        bug = self._current.bug
        edits = told_apart(self._current.edits, bug.files)
        told = bug.task.bug
        return wording.opening(told.title, told.issue, edits, self._issue_chars), self._info()

    @property
    def fingerprint(self) -> str:
        """Return a hash of the code and of the bugs; what edits they offer follows from these."""
        return hashlib.sha256(f"{super().fingerprint} {_digest(self._tasks)}".encode()).hexdigest()[:16]

    async def _begin(self, task: BugTask) -> None:
        await self._end()
        shop = await workshop(self._backend)
        bug, box = await shop.begin(task)
        chance = self.np_random
        others = chance.permutation(len(bug.edits) - 1)[: self._num_edits - 1] + 1
        chosen = chance.permutation([0, *others.tolist()])
        edits = [bug.edits[place] for place in chosen]
        self._episode = Episode(workshop=shop, bug=bug, box=box, edits=edits, chars=self._shown_chars)

    async def _act(self, action: str) -> Result:
        episode = self._current
        if episode.outcome is not None:
            return "It is over.", 0.0, True, False, self._info()
        self._turn += 1
        observation = await episode.act(action)
        over = episode.outcome is not None
        cut_off = not over and self._turn >= self._max_turns
        return observation, float(episode.outcome == "resolved"), over, cut_off, self._info()

    def _info(self) -> Info:
        episode = self._current
        outcome = episode.outcome
        submitted = outcome is not None
        info: Info = {
            "admissible": episode.admissible(),
            "state_key": episode.state_key,
            "state_hash": f"{episode.state_key} {self._turn} {sorted(episode.shown)} {outcome}",
            "rewards": episode.tiers,
            "task": episode.bug.task.id,
            "instruction": wording.INSTRUCTION,
            "won": outcome == "resolved",
            "metrics": {
                "completion": float(submitted),
                "modification": float(submitted and outcome != "empty_patch"),
                "resolution": float(outcome == "resolved"),
            },
        }
        if self._with_expert and not submitted:
            info["private"] = {"expert": episode.expert()}
        return info


def bugs_of(split: str, family: str | None, difficulty: int | None) -> tuple[BugTask, ...]:
    """Return the bugs of a split.

    Raises:
        UnknownName: if there is no such split or family.
        UsageError: if there is no such bug.
    """
    tasks = load_bugs(None if split == "all" else split)
    families = sorted({task.package.name for task in tasks})
    if family is not None and family not in families:
        raise UnknownName(f"family of split {split}", family, families)
    bugs = [task for task in tasks if family in (None, task.package.name)]
    kept = tuple(task for task in bugs if difficulty in (None, task.bug.difficulty))
    if not kept:
        raise UsageError(f"split {split} has no bug of family {family} and difficulty {difficulty}")
    return kept


_workshops: dict[str, Workshop] = {}


async def workshop(backend: str) -> Workshop:
    """Return the one workshop of this process for a backend; on the library's loop."""
    if backend not in _workshops:
        _workshops[backend] = Workshop(await backend_by_name(backend))
    return _workshops[backend]


@functools.lru_cache(maxsize=32)
def _digest(tasks: tuple[BugTask, ...]) -> str:
    return hashlib.sha256(" ".join(map(task_digest, tasks)).encode()).hexdigest()
