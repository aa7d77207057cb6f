"""The side of whoever asks: on the command line and on a page alike."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from ...errors import NotRunning, UsageError
from .folder import Entry, Standing, ask, entries, is_held, standing
from .wishes import Kind, read_wish

_LOOK_S = 0.1


def stands(place: Path) -> Standing:
    """Return how what is played in a folder stands.

    Raises:
        UsageError: if nothing that can be controlled is or was played there.
    """
    found = standing(place)
    if found is not None:
        return found
    if not place.is_dir():
        raise UsageError(
            f"{place}: there is no such folder; expected that of a run, an evaluation or a suite"
        )
    if (place / "record.json").is_file() or _is_hosted(place):
        raise UsageError(f"{place}: a hosted run goes by the clock of its server, and cannot be controlled")
    if kind := _kind_by_files(place):
        return Standing(kind, 0, "ended")
    raise UsageError(
        f"{place}: no run, evaluation or suite; expected a folder with recipe.toml or settings.json"
    )


def request(place: Path, word: str, limits: Mapping[str, Any]) -> str:
    """Ask what is played in a folder, and return the id under which the answer will stand in its log.

    Raises:
        UsageError: if nothing is played there that could be asked this.
        NotRunning: if it does not go on, with the command that makes it.
    """
    found = stands(place)
    wish = read_wish(word, limits, found.kind)
    if not found.running:
        raise NotRunning(
            f"{place}: does not go on, so nothing takes the request; {how_to_go_on(place, found.kind)}"
        )
    return ask(place, wish)


def answer(place: Path, id: str, wait_s: float) -> Entry | None:
    """Wait for the answer to a request; None if there is none in time.

    Raises:
        NotRunning: if the process has ended without one.
    """
    until = time.monotonic() + wait_s
    while True:
        held = is_held(place)
        found = next((entry for entry in entries(place) if entry.id == id), None)
        if found is not None:
            return found
        if not held:
            kind = stands(place).kind
            raise NotRunning(f"{place}: has ended before it took the request; {how_to_go_on(place, kind)}")
        if time.monotonic() >= until:
            return None
        time.sleep(_LOOK_S)


def how_to_go_on(place: Path, kind: Kind) -> str:
    """Say how what is played in a folder is begun again where it stopped."""
    if kind == "training":
        return f"go on with `turnwise train --resume --out {quote(str(place))}`"
    if kind == "suite":
        return f"go on with the command that began it, `turnwise suite FILE --out {quote(str(place))}`"
    return (
        "the command that began it goes on from its rows, and plays again what failed by the machine's fault"
    )


def _kind_by_files(place: Path) -> Kind | None:
    """Tell what was played in a folder before there was control."""
    if (place / "recipe.toml").is_file():
        return "training"
    if (place / "settings.json").is_file() or (place / "rows.jsonl").is_file():
        return "evaluation"
    return "suite" if (place / "suite.json").is_file() else None


def _is_hosted(place: Path) -> bool:
    return (place / "run.json").is_file() and not (place / "recipe.toml").is_file()
