"""One attempt at a task: a box, the turns taken in it, the tiers that they earn, the verdict.

Tiers, from low to high: `edit_parses` (1 for a turn that changed Python files, if each can be
parsed), `ran_tests` (1 for a turn that ran them), `newly_passing` (tests that pass now and did not at
the start, each paid once), `outcome` (at the end: the class of the submission).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...errors import EnvironmentFault
from ..sandbox import Backend, Ran
from .expert import expert_action
from .state import StateKey, signature, tree_hash
from .task import Outcome, Patch, Task, Tested, Verdict
from .task_sets import TaskSet
from .tools import NOT_DONE, Call, Unread, Workbench, read_call

OUTCOMES: Mapping[Outcome, float] = {
    "no_submission": 0.0,
    "empty_patch": 1.0,
    "unapplicable": 1.5,
    "tests_failed": 2.0,
    "resolved": 3.0,
}
"""What each class of a submission counts in the tier `outcome`."""

_LISTING = Call("view", {"path": ".", "first": 1, "last": 0})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How episodes are played.

    Args:
        max_turns: after so many turns of a task, or of each of its steps, it is graded as it stands.
        command_s: seconds of one command; None is the task's own.
        episode_s: seconds of an episode by the clock, after which it is graded; None is the task's own.
        state_key: what keys a state.
    """

    max_turns: int = 30
    command_s: float | None = None
    episode_s: float | None = None
    state_key: StateKey = "tree"


class Episode:
    """A task while it is played; made by `begun`, closed by whoever made it."""

    def __init__(self, backend: Backend, tasks: TaskSet, task: Task, rules: Rules) -> None:
        self.backend, self.tasks, self.task, self.rules = backend, tasks, task, rules
        self.steps = tuple(task.steps) or (task,)
        self.verdicts: list[Verdict] = []
        self.began = time.monotonic()
        self.turn = 0
        self.kind = "start"  # of the last call
        self.tested: Tested | None = None  # what is known of the tests of this tree
        self.seen: Tested | None = None  # what was known of them last
        self.paid: frozenset[str] = frozenset()
        self.commands: list[str] = []
        self.submitted = self.over = False
        self.patch: Patch = {}
        self.tiers: dict[str, float] = {}
        self.replay_key: str | None = None
        self.ran: Ran | None = None  # the last turn's command of bash
        self.bench: Workbench
        self.lock = asyncio.Lock()

    @classmethod
    async def begun(cls, backend: Backend, tasks: TaskSet, task: Task, rules: Rules) -> Episode:
        """Start a box and prepare the task in it.

        Raises:
            SandboxError: if the machine, or the task's image, does not give one.
        """
        episode = cls(backend, tasks, task, rules)
        labels = {**task.spec.labels, "swe.task": task.id}
        box = await backend.start(replace(task.spec, labels=labels))
        try:
            episode.bench = await Workbench.prepared(box, episode.step)
        except BaseException:
            await box.aclose()
            raise
        return episode

    @property
    def step(self) -> Task:
        """Return the task that is worked on now: the whole, or one of its steps."""
        return self.steps[min(len(self.verdicts), len(self.steps) - 1)]

    @property
    def verdict(self) -> Verdict | None:
        """Return what came of it, once it is over."""
        return self.task.conclude(self.verdicts) if self.over and self.verdicts else None

    @property
    def outcome(self) -> Outcome:
        """Return the class of the submission; without one it is `no_submission`, whatever the files are."""
        verdict = self.verdict
        return verdict.outcome or "no_submission" if verdict and self.submitted else "no_submission"

    async def listing(self) -> str:
        """Return the files that are there."""
        return (await self.bench.do(_LISTING, 0.0)).text

    async def act(self, action: str) -> str:
        """Take a turn and return what there is to see.

        Raises:
            SandboxError: if the box is gone.
            EnvironmentFault: if the grader failed.
        """
        self.turn += 1
        self.tiers = {"edit_parses": 0.0, "ran_tests": 0.0, "newly_passing": 0.0, "outcome": 0.0}
        self.replay_key = self.ran = None
        try:
            call = read_call(action)
        except Unread as unread:
            self.kind, text = "unread", f"{NOT_DONE} {unread}"
        else:
            self.kind = call.name
            text = await self._submitted() if call.name == "submit" else await self._did(call)
        if not self.over and self._is_spent():
            text += f"\n[{await self._judged()} The turns or the time are over.]"
            self.over = True
        return text

    async def next_expert_action(self) -> str:
        """Return what one who knows the solution would do now."""
        return await expert_action(self.bench.box, self.step.gold(), self.commands, self.tested is not None)

    def state_key(self, observation: str) -> str:
        """Return the key of the present state."""
        if self.rules.state_key == "observation":
            return observation
        if self.rules.state_key == "signature":
            return signature(self.bench.tree, self.seen, self.kind)
        return tree_hash(self.bench.tree)

    async def fork(self) -> Episode:
        """Return the same episode with a box of its own."""
        twin = Episode(self.backend, self.tasks, self.task, self.rules)
        for name, value in vars(self).items():
            if name not in ("lock", "bench"):
                setattr(twin, name, list(value) if isinstance(value, list) else value)
        twin.bench = self.bench if self.over else await self.bench.fork()
        return twin

    async def aclose(self) -> None:
        """Give the box back."""
        await self.bench.box.aclose()

    async def end(self) -> None:
        """Give the box back, after the turn that is being taken."""
        async with self.lock:
            await self.aclose()

    async def _did(self, call: Call) -> str:
        limit = self.rules.command_s or self.step.agent_timeout_s
        reply = await self.bench.do(call, min(limit, max(1.0, self._seconds_left())))
        self.replay_key, self.ran = reply.replay_key, reply.ran
        if call.name == "bash":
            self.commands.append(call.arguments["command"])
        if reply.changed:
            self.tested = None
            self.tiers["edit_parses"] = float(reply.parses)
        if reply.tested is not None:
            await self._count(reply.tested)
        return reply.text

    async def _count(self, tested: Tested) -> None:
        """Pay for a run of the tests."""
        self.tested = self.seen = tested
        key = self.step.id
        if key not in self.tasks.passing:
            unchanged = not self.bench.tree
            self.tasks.passing[key] = tested.passed if unchanged else await self._passing_at_start()
        new = tested.passed - self.tasks.passing[key] - self.paid
        self.paid |= new
        self.tiers |= {"ran_tests": 1.0, "newly_passing": float(len(new))}

    async def _passing_at_start(self) -> frozenset[str]:
        twin = await self.bench.fork()
        try:
            await twin.box.rollback(twin.base)
            return (await self.step.test(twin.box)).passed
        finally:
            await twin.box.aclose()

    async def _submitted(self) -> str:
        text = await self._judged()
        verdict = self.verdicts[-1]
        self.submitted = True
        self.tiers["outcome"] = OUTCOMES[verdict.outcome or "no_submission"]
        if len(self.verdicts) == len(self.steps) or not self.steps[len(self.verdicts) - 1].goes_on(verdict):
            self.over = True
            return text
        self.submitted = False
        self.bench = await Workbench.prepared(self.bench.box, self.step)
        self.tested = self.seen = None
        return f"{text}\nThe next part of the task:\n{self.step.instruction}\n\n{await self.listing()}"

    async def _judged(self) -> str:
        """Grade the files as they are, and say what came of it."""
        step = self.step
        self.patch = await self.bench.patch()
        verdict = await step.grade(self.backend, self.patch, box=self.bench.box if step.shared else None)
        if verdict.outcome is None or verdict.reward is None:
            raise EnvironmentFault(f"{step.id} could not be graded: {verdict.cause or 'no reason is given'}")
        self.verdicts.append(verdict)
        self.tiers = {**verdict.rewards, **self.tiers}
        return f"Graded: {verdict.outcome.replace('_', ' ')}."

    def _is_spent(self) -> bool:
        return self.turn >= self.rules.max_turns * len(self.steps) or self._seconds_left() <= 0

    def _seconds_left(self) -> float:
        return (self.rules.episode_s or self.task.timeout_s) - (time.monotonic() - self.began)
