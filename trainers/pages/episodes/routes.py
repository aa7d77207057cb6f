"""Addresses of the pages over trajectories: a list, one, two side by side, a group, a whole text."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response

from ....errors import UsageError
from ....servers.pages.sending import answer
from ....servers.pages.writing import Writer
from ....shown import visible
from ..places import Place, Places
from ..run import read_run
from .group import Group, Member, open_group
from .listing import COLUMNS, listed
from .shelf import Address, Opening, Shelf
from .tree import MOST_DEPTH, tree_of
from .turns import MOST_TURNS, done_in, turns_of
from .untrained import logged, of_trajectory

_TEXTS = ("observation", "message", "action", "final")


def add_episodes(app: FastAPI, places: Places, writer: Writer, shelf: Shelf) -> None:
    """Add the pages over trajectories to an application.

    Args:
        app: made by servers.pages.serving.pages.
        places: what is looked at.
        writer: has their templates.
        shelf: holds what is looked at.
    """

    def page(request: Request, template: str, at: str, values: dict[str, Any]) -> Response:
        return answer(request, writer.page(template, {"at": at, **values}))

    def episodes(request: Request, at: str) -> Response:
        place = places.find(at)
        try:
            found = listed(shelf.of(place), at, dict(request.query_params))
        except Opening as opening:
            done, total = map(int, str(opening).split())
            return page(request, "opening.html", at, {"done": done, "total": total})
        return page(
            request,
            "episodes.html",
            at,
            {"found": found, "columns": COLUMNS, "place": place, "name": place.name},
        )

    def episode(request: Request, at: str, of: str) -> Response:
        group = open_group(shelf, places.find(at), Address.read(of))
        return page(request, "episode.html", at, _side(group) | {"most": MOST_TURNS, "logged": logged(group)})

    def pair(request: Request, at: str, of: str, beside: str) -> Response:
        place = places.find(at)
        sides = [_side(open_group(shelf, place, Address.read(text))) for text in (of, beside)]
        return page(request, "pair.html", at, {"sides": sides, "most": MOST_TURNS})

    def group(request: Request, at: str, of: str, method: str = "") -> Response:
        found = open_group(shelf, places.find(at), Address.read(of))
        values = {"group": found, "tree": tree_of(found, method or found.own), "most": MOST_DEPTH}
        return page(request, "group.html", at, values)

    def text(at: str, of: str, turn: int, what: str) -> Response:
        _, trajectory = shelf.read(places.find(at), Address.read(of))
        return Response(
            visible(_text(trajectory, turn, what)).encode("utf-8", "replace"), media_type="text/plain"
        )

    for function in (episodes, episode, pair, group, text):
        app.add_api_route(f"/{function.__name__}", function, methods=["GET"])


def has_trajectories(place: Place) -> bool:
    """Tell whether a place keeps trajectories."""
    return any((place.folder / "trajectories").glob("*.jsonl.gz"))


def _side(group: Group) -> dict[str, Any]:
    """Return what is shown of the trajectory that a group is looked at for."""
    member = group.member
    return {
        "group": group,
        "member": member,
        "trajectory": member.trajectory,
        "turns": turns_of(group, member),
        "untrained": of_trajectory(group, member),
        "others": _others(group),
        "name": group.run.name if group.run else read_run(group.place).name,
    }


def _others(group: Group) -> list[Member]:
    return [member for member in group.members if member is not group.member]


def _text(trajectory: Any, turn: int, what: str) -> str:
    if what == "final":
        return str(trajectory.final_observation)
    if not 0 <= turn < len(trajectory.turns) or what not in _TEXTS:
        raise UsageError(f"turn {turn}, {what!r}: expected a turn of it, and one of {', '.join(_TEXTS)}")
    found = trajectory.turns[turn]
    return str(
        {"observation": found.observation, "message": found.generation.text, "action": done_in(found)}[what]
    )
