"""Pages over the runs and evaluations below a folder: the first page, a run, several seeds, an evaluation."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response

from ...errors import UsageError
from ...servers.benchmarks.signing import PublicKey
from ...servers.board.pages import writer_of_boards
from ...servers.pages.sending import answer
from ...servers.pages.serving import pages
from ..runs.held_out_kept import kept_of
from .alerts import Alert, alerts
from .asked import asked
from .boards import add_boards
from .controls import add_controls, controls_of
from .curves import charts_of, charts_of_seeds
from .episodes.routes import add_episodes, has_trajectories
from .episodes.shelf import Opening, Shelf
from .evaluation import MOST_ROWS, Seen, counted, read_evaluation
from .evidence import evidence_of
from .places import Place, Places
from .run import Run, read_run
from .seeds import counted as counted_seeds
from .seeds import together

TEMPLATES = Path(__file__).parent / "templates"
_MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class Line:
    """A run in the list, with the worst that is to be said of it."""

    run: Run
    worst: Alert


_Known = tuple[float, Line | None]  # when its log was written last


def site(root: Path, keys: Mapping[str, PublicKey] | None = None) -> FastAPI:
    """Return the pages over what lies below a folder.

    Args:
        root: the folder of a run or an evaluation, or one that holds some.
        keys: of who has signed the records of hosted runs; None leaves them off the boards.

    Raises:
        UsageError: if there is no such folder.
    """
    if not root.is_dir():
        raise UsageError(
            f"{root}: there is no such folder; expected one that holds runs or evaluations, or a URL"
        )
    places, writer, known = Places(root), writer_of_boards(TEMPLATES), dict[Path, _Known]()
    shelf = Shelf()
    app = pages(writer)

    def first(request: Request) -> Response:
        return answer(request, writer.page("first.html", _first(places, known, shelf)))

    def run(request: Request, at: str, wrong: str = "") -> Response:
        place = places.find(at)
        template, values = (
            ("run.html", _run(place))
            if place.kind == "run"
            else ("evaluation.html", _evaluation(_seen(place, shelf)))
        )
        more = {"at": at, "wrong": wrong, "controls": controls_of(place, places.root)}
        return answer(request, writer.page(template, {**values, **more}))

    def seeds(request: Request, of: str) -> Response:
        return answer(request, writer.page("seeds.html", _seeds(places, known, of)))

    app.add_api_route("/", first, methods=["GET"])
    app.add_api_route("/run", run, methods=["GET"])
    app.add_api_route("/seeds", seeds, methods=["GET"])
    add_episodes(app, places, writer, shelf)
    add_boards(app, places, writer, keys)
    add_controls(app, places)
    return app


def _first(places: Places, known: dict[Path, _Known], shelf: Shelf) -> dict[str, Any]:
    listed = places.list()
    lines = [_line(place, known) for place in listed[:_MOST_LISTED] if place.kind == "run"]
    seen = [_seen(place, shelf) for place in listed[:_MOST_LISTED] if place.kind == "evaluation"]
    found = together([line.run for line in lines])
    return {
        "root": places.root.resolve(),
        "lines": lines,
        "seeds": {word: (runs, counted_seeds(runs)) for word, runs in found.items()},
        "evaluations": seen,
        "left_out": max(0, len(listed) - _MOST_LISTED),
        "now": int(time.time()),
    }


def _line(place: Place, known: dict[Path, _Known]) -> Line:
    """Return the line of a run, as it was made when its log was written last."""
    stamp, line = known.get(place.folder, (0.0, None))
    if line is None or stamp != place.changed:
        run = read_run(place)
        line = Line(run, alerts(run)[0])
        known[place.folder] = (place.changed, line)
    return line


def _run(place: Place) -> dict[str, Any]:
    run = read_run(place)
    found = alerts(run)
    return {
        "run": run,
        "alerts": found,
        "evidence": evidence_of(run, found),
        "asked": asked(run.recipe),
        "outcome": _outcome(run),
        "charts": charts_of(run),
        "stored": has_trajectories(place),
        "held_out": [(folder.name, update) for folder, update in kept_of(place.folder)],
    }


def _outcome(run: Run) -> dict[str, Any]:
    """Return success and return at the beginning and at the end, on held-out tasks where there are any."""
    for kind, success, reward in (
        ("held-out tasks", "eval/success_rate", "eval/reward"),
        ("training tasks", "success_rate", "reward"),
    ):
        rates, returns = run.points(success), run.points(reward)
        if rates or returns:
            return {
                "of": kind,
                "success": [value for _, value in rates],
                "return": [value for _, value in returns],
            }
    return {"of": "", "success": [], "return": []}


def _seeds(places: Places, known: dict[Path, _Known], word: str) -> dict[str, Any]:
    runs = [_line(place, known).run for place in places.list()[:_MOST_LISTED] if place.kind == "run"]
    members = together(runs).get(word)
    if members is None:
        raise UsageError(f"{word!r}: there are no two runs of one recipe by this word")
    return {
        "runs": members,
        "counted": counted_seeds(members),
        "charts": charts_of_seeds(members),
        "recipe": members[0].recipe,
    }


def _evaluation(seen: Seen) -> dict[str, Any]:
    return {
        "seen": seen,
        "rows": seen.rows[:MOST_ROWS],
        "left_out": seen.left_out + max(0, len(seen.rows) - MOST_ROWS),
        "stored": has_trajectories(seen.place),
    }


def _seen(place: Place, shelf: Shelf) -> Seen:
    """Return an evaluation, counted from its trajectories where nothing else tells of it."""
    seen = read_evaluation(place)
    if not (seen.rows or seen.settings) and has_trajectories(place):
        with suppress(Opening, UsageError):  # which the page of the trajectories tells
            return counted(seen, shelf.of(place))
    return seen
