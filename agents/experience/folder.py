"""The folder of a practice, from which it goes on.

    DIR/settings.json         what it depends on
    DIR/experience.json       the library after the last step that is done, and figures of each step
    DIR/step-NNNN/            of a step: its trajectories, and answers.jsonl, what the writer said

A step that was interrupted plays only the episodes that are not there, and asks only what is not answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...files import write_whole
from ..stored import KeptTrajectories
from ..trajectories import iter_trajectories
from ..types import Trajectory
from .lessons import Library, read_document, write_document

_MOST_BYTES = 1 << 28
Steps = list[dict[str, float]]


class PracticeFolder:
    """What a practice keeps.

    Args:
        place: made if missing.
        settings: what it depends on.

    Attributes:
        lessons: after the last step that is done.
        steps: figures of each of these.

    Raises:
        UsageError: if the folder holds a practice with other settings, or a broken one.
    """

    def __init__(self, place: str | Path, settings: Mapping[str, Any]) -> None:
        self.place = Path(place)
        self.file = self.place / "experience.json"
        self.lessons, self.steps = Library(), Steps()
        self._check(json.loads(json.dumps(settings)))
        if self.file.exists():
            document = read_document(self.file)
            steps = document.get("steps")
            if not isinstance(steps, list) or not all(isinstance(each, dict) for each in steps):
                raise UsageError(f"{self.file}: steps {steps!r:.80}; expected a list of figures")
            self.lessons, self.steps = Library(tuple(document["experiences"])), steps

    @contextmanager
    def step(self, number: int, keep_mb: float) -> Iterator[tuple[dict[str, Trajectory], KeptTrajectories]]:
        """Open a step: the episodes that were played, by name, and what keeps further ones."""
        place = self.place / f"step-{number:04d}"
        kept = KeptTrajectories(place, keep_mb)
        try:
            played = {each.name: each for each in iter_trajectories(kept.path) if each.counts}
            yield played, kept
        finally:
            kept.close()

    def answers(self, number: int) -> Answers:
        """Return what the writer said in a step."""
        return Answers(self.place / f"step-{number:04d}" / "answers.jsonl")

    def add(self, library: Library, figures: Mapping[str, float]) -> None:
        """Keep the library after a step."""
        self.lessons, self.steps = library, [*self.steps, dict(figures)]
        write_document(self.file, library, {"steps": self.steps})

    def _check(self, settings: dict[str, Any]) -> None:
        path = self.place / "settings.json"
        if not path.exists():
            if self.file.exists():
                raise UsageError(
                    f"{self.place}: has {self.file.name} without settings.json; choose another folder"
                )
            write_whole(path, json.dumps(settings, indent=2, sort_keys=True).encode() + b"\n")
            return
        try:
            former = json.loads(path.read_bytes())
            names = [name for name in sorted({*former, *settings}) if former.get(name) != settings.get(name)]
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{path}: cannot be read: {error}; choose another folder") from error
        if names:
            shown = ", ".join(f"{name} was {former.get(name)} and is {settings.get(name)}" for name in names)
            raise UsageError(f"{self.place} holds another practice: {shown}; choose another folder")


class Answers(dict[str, str]):
    """Answers by the name of their question, one JSON line each; what is entered is written at once."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        content = b""
        if path.exists():
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES)
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):  # the last one was being written when the process ended
            write_whole(path, whole)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                name, text = json.loads(line)
            except (ValueError, TypeError) as error:
                raise UsageError(f"{path}, line {number}: is not an answer: {error}") from error
            super().__setitem__(str(name), str(text))

    def __setitem__(self, name: str, text: str) -> None:
        """Enter an answer."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(json.dumps([name, text]).encode() + b"\n")
        super().__setitem__(name, text)
