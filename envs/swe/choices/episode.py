"""One bug while it is played: which edit is in, what is known, what is paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ...sandbox import Sandbox
from ..episode import OUTCOMES
from ..task import Outcome
from . import wording
from .candidates import Candidate, digest
from .mutations import functions_of
from .workshop import Bug, Workshop

TIERS = ("edit_parses", "ran_tests", "newly_passing", "outcome")
"""Names of rewards beside the outcome, from low to high."""


@dataclass(slots=True, kw_only=True)
class Episode:
    """A bug in a box.

    Args:
        workshop: makes boxes, runs tests and grades.
        bug: what is played.
        box: the agent's own.
        edits: those offered, in the order of their numbers.
        chars: the most characters that a file or a function is shown in.
    """

    workshop: Workshop
    bug: Bug
    box: Sandbox
    edits: Sequence[Candidate]
    chars: int
    edit: Candidate | None = None  # which is in
    known: dict[str, int] = field(default_factory=dict)  # tree -> visible tests that fail
    paid: frozenset[str] = frozenset()  # tests that newly passed
    shown: frozenset[str] = frozenset()  # what was opened since the files changed last
    tiers: dict[str, float] = field(default_factory=dict)  # of the last turn
    outcome: Outcome | None = None  # of the submission

    @property
    def tree(self) -> str:
        """Return a name for the files as they are."""
        return digest(self.edit.files) if self.edit else "start"

    @property
    def state_key(self) -> str:
        """Return files and known results of tests.

        What was only read is no part of it: it changes neither files nor what is known of them, and turns
        that differ in nothing else are to be compared with each other.
        """
        return f"{self.tree} [{wording.known(self.known)}]"

    def admissible(self) -> list[str]:
        """Return the actions that do something."""
        if self.outcome is not None:
            return []
        looks = [f"{verb} {name}" for verb, names in self._places.items() for name in names]
        numbers = range(1, len(self.edits) + 1)
        writes = ["undo"] if self.edit else [f"apply {number}" for number in numbers]
        return [*sorted(looks), "run tests", *writes, "submit"]

    async def act(self, text: str) -> str:
        """Take a turn and return what there is to see; what is not admissible changes nothing."""
        self.tiers = dict.fromkeys(TIERS, 0.0)
        action = wording.read_action(text)
        if action is None or text.strip() not in self.admissible():
            is_in = self.edits.index(self.edit) + 1 if self.edit else None
            return wording.objection(action, len(self.edits), is_in, self._places)
        if action.verb in ("open", "show"):
            return self._look(action.verb, action.what)
        if action.verb == "apply":
            return await self._apply(int(action.what))
        if action.verb == "undo":
            return await self._undo()
        return await (self._test() if action.verb == "run tests" else self._submit())

    async def fork(self) -> Episode:
        """Return the same episode in a box of its own."""
        box = self.box if self.outcome is not None else (await self.box.fork(1))[0]
        return replace(self, box=box, known=dict(self.known), tiers=dict(self.tiers))

    async def end(self) -> None:
        """Give the box back."""
        await self.box.aclose()

    def expert(self) -> str:
        """Return what one who knows the right edit does."""
        right = self.bug.edits[0]
        if self.edit not in (None, right):
            return "undo"
        if self.edit is None:
            return f"apply {self.edits.index(right) + 1}"
        return "submit" if self.tree in self.known else "run tests"

    @property
    def _places(self) -> dict[str, set[str]]:
        places = [place for edit in self.edits for place in edit.places]
        return {"open": {path for path, _ in places}, "show": {name for _, name in places if name}}

    def _look(self, verb: str, what: str) -> str:
        seen = f"{verb} {what}"
        if seen in self.shown:
            return "Shown above."
        self.shown |= {seen}
        if verb == "open":
            source = self._source(what)
            return wording.outline(what, source, functions_of(source), self.chars)
        path = next(path for edit in self.edits for path, name in edit.places if name == what)
        source = self._source(path)
        function = next((each for each in functions_of(source) if each.name == what), None)
        return wording.body(source, function, self.chars) if function else f"There is no {what} now."

    async def _apply(self, number: int) -> str:
        edit = self.edits[number - 1]
        for path, text in edit.files.items():
            await self.box.write(path, text.encode())
        self.edit, self.shown = edit, frozenset()
        self.tiers["edit_parses"] = 1.0
        return f"Edit {number} is in."

    async def _undo(self) -> str:
        edit = self.edit
        assert edit is not None  # undo is admissible with one alone
        for path in edit.files:
            await self.box.write(path, self.bug.files[path].encode())
        self.edit, self.shown = None, frozenset()
        return f"Edit {self.edits.index(edit) + 1} is out."

    async def _test(self) -> str:
        passed, failed = await self.workshop.test(self.bug, self.edit, self.box)
        new = passed - self.bug.passing - self.paid
        self.paid |= new
        self.known[self.tree] = len(failed) if passed or failed else -1
        self.tiers |= {"ran_tests": 1.0, "newly_passing": float(len(new))}
        return wording.tests(passed, failed)

    async def _submit(self) -> str:
        self.outcome = await self.workshop.grade(self.bug, self.edit, self.box)
        self.tiers["outcome"] = OUTCOMES[self.outcome]
        return f"Graded: {self.outcome.replace('_', ' ')}."

    def _source(self, path: str) -> str:
        return self.edit.files.get(path, self.bug.files[path]) if self.edit else self.bug.files[path]
