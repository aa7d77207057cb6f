"""A training run as it is looked at: what its files say, also those of older versions, or broken ones."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...agents.control import DONE, standing
from ..reports.curves import split_log
from ..runs.alike import recipe_tables
from ..runs.series import Points, number, numbered, points_of
from .lines import document_of, lines_of
from .places import Place

Entry = Mapping[str, Any]
_STILL_S = 60.0  # since the last line, at least, until a run counts as standing


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        place: where it is.
        recipe: its recipe, as tables; {} where it cannot be read.
        record: what was recorded beside it.
        updates: the lines of its log that are updates.
        evals: those that are evaluations.
        wrong: what could not be read, with the reason.
    """

    place: Place
    recipe: dict[str, Any]
    record: dict[str, Any]
    updates: list[dict[str, Any]]
    evals: list[dict[str, Any]]
    wrong: list[str] = field(default_factory=list)

    def asked(self, section: str, key: str, default: Any = None) -> Any:
        """Return a value of the recipe, or the default where it has none."""
        table = self.recipe.get(section)
        return table.get(key, default) if isinstance(table, dict) else default

    @property
    def name(self) -> str:
        """Return what the run is called."""
        return self.place.name

    @property
    def environment(self) -> str:
        """Return which environment it trains on; of a class in a file without the folders above it."""
        given = str(self.record.get("environment") or self.asked("env", "id", ""))
        return given.rpartition("/")[2] if ".py:" in given else given

    @property
    def wanted(self) -> int | None:
        """Return how many updates were asked for."""
        num = self.asked("train", "num_updates")
        return num if isinstance(num, int) else None

    @property
    def last(self) -> Entry:
        """Return the last update; {} where there is none."""
        return self.updates[-1] if self.updates else {}

    @property
    def done(self) -> int:
        """Return how many updates are done."""
        return int(self.last.get("update", 0))

    @property
    def held_up_by(self) -> str:
        """Say what held its last update up; "" where the log does not say."""
        said = self.last.get("time/bottleneck")
        return said if isinstance(said, str) else ""

    @property
    def standing(self) -> str:
        """Say whether the run is done, goes on, or stands still."""
        if self.wanted is not None and self.done == self.wanted:
            return "done"
        now = standing(self.place.folder)
        if now is not None and not now.running and now.state == DONE:
            return "done"
        if now is not None and not now.running:
            return "stopped" if self.done else "no update yet"
        pause = 5 * (number(self.last.get("step_time")) or 0.0)
        since = time.time() - self.place.changed
        if since < max(_STILL_S, pause):
            return "going on" if self.done else "beginning"
        return "stopped" if self.done else "no update yet"

    def points(self, *names: str) -> Points:
        """Return (update, value) of the first of the names that the log has, where it is a number."""
        entries = self.evals if names[0].startswith("eval/") else self.updates
        for name in names:
            found = points_of(entries, name)
            if found:
                return found
        return []


def read_run(place: Place) -> Run:
    """Read a run; what is broken is told in `wrong`, and the rest is there."""
    log = lines_of(place.folder / "log.jsonl")
    updates, evals = split_log(log.rows)
    recipe, wrong_recipe = _recipe(place)
    record, wrong_record = document_of(place.folder / "run.json")
    missing = [] if updates or evals or not log.rows else ["log.jsonl: no line is an update or an evaluation"]
    wrong = [*log.wrong, *missing, *filter(None, (wrong_recipe, wrong_record))]
    return Run(place, recipe, record, numbered(updates), numbered(evals), wrong)


def _recipe(place: Place) -> tuple[dict[str, Any], str]:
    try:
        return recipe_tables(place.folder), ""
    except FileNotFoundError:
        return {}, "recipe.toml: is not there; a log alone"
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"recipe.toml: {error}"
