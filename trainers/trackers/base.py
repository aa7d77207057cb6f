"""What a tracker is: it is told of a run as it begins, as it goes on, and at its end."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ...errors import UsageError


@dataclass(frozen=True, slots=True)
class Tracked:
    """A run, as trackers are told of it.

    Args:
        folder: of the run.
        project: what its runs are gathered under.
        recipe: every value of it, by section and key.
        text: the recipe as TOML.
        update: how many updates are done; more than 0 is a run that goes on.
    """

    folder: Path
    project: str
    recipe: Mapping[str, Any]
    text: str
    update: int = 0

    @property
    def name(self) -> str:
        """Return what the run is called: its folder."""
        return self.folder.resolve().name


class Tracker(Protocol):
    """What shows a run. Its methods are called one after the other, in one thread that is not the run's."""

    def figures(self, values: Mapping[str, float], update: int) -> None:
        """Show the figures of an update, or of an evaluation after it."""
        ...

    def turns(self, rows: Sequence[Mapping[str, Any]], update: int) -> None:
        """Show a few trajectories, one row a turn."""
        ...

    def finish(self, ended: str) -> None:
        """End, whole or not: "finished", "stopped" or "failed"."""
        ...


Maker = Callable[[Tracked, dict[str, Any]], Tracker]
"""Makes a tracker of a run; what it writes into the dict it is given again where the run goes on."""
TRACKERS: dict[str, Maker] = {}
_NEEDS: dict[str, str] = {}


def tracker(name: str, *, needs: str = "") -> Callable[[Maker], Maker]:
    """Register what makes a tracker, under the name that `[log] to` gives it.

    Args:
        name: of the tracker.
        needs: the package that it needs, and that is not always there.
    """

    def registered(maker: Maker) -> Maker:
        TRACKERS[name], _NEEDS[name] = maker, needs
        return maker

    return registered


def need(name: str) -> None:
    """See that a tracker's package is there.

    Raises:
        UsageError: if it is not, with what to install.
    """
    package = _NEEDS.get(name, "")
    try:
        if package:
            importlib.import_module(package)
    except ImportError as error:
        raise UsageError(f"log.to: {name} needs {package}: pip install {package} ({error})") from error
