"""Buttons on the page of what goes on, and the log of who asked what; reading a page changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from ...agents.control import Entry, Standing, entries, standing
from ...agents.control.asking import how_to_go_on
from ...agents.control.asking import request as ask
from ...agents.control.folder import waiting
from ...agents.control.wishes import LIMITS
from ...errors import NotRunning, UsageError
from ...servers.pages.forms import read_form
from .places import Place, Places

_MOST_SHOWN, _MOST_SAID = 20, 500


@dataclass(frozen=True, slots=True)
class Controls:
    """What a page shows of the control of a place.

    Attributes:
        place: what is controlled; of a cell what it is a part of.
        now: how it stands.
        log: who asked what, the latest first.
        waiting: how many requests have no answer yet.
        limits: what of it may change.
        direct: whether it is the place itself.
    """

    place: Path
    now: Standing
    log: list[Entry]
    waiting: int
    limits: list[str]
    direct: bool

    @property
    def state(self) -> str:
        """Say how it stands, and how it goes on where it does not."""
        if not self.now.running:
            if self.now.kind != "training":
                return "it does not go on now"
            return how_to_go_on(self.place, self.now.kind).replace("`", "")
        said = f", {self.now.said}" if self.now.said else ""
        whole = "" if self.direct else f"the {self.now.kind}: "
        return f"{whole}{self.now.state}{said} (process {self.now.pid})"


def controls_of(place: Place, root: Path) -> Controls | None:
    """Return what is to be shown of a place; None where it never was under control."""
    folder, now = place.folder, standing(place.folder)
    if now is not None and now.kind == "cell":
        folder = folder.resolve().parents[1]
        inside = folder.is_relative_to(root.resolve())
        now = standing(folder) if inside else None
        now = now if now and now.kind != "cell" else None
    if now is None:
        return None
    requests = len(waiting(folder)) if now.running else 0
    return Controls(
        folder,
        now,
        entries(folder, _MOST_SHOWN)[::-1],
        requests,
        list(LIMITS[now.kind]),
        folder == place.folder,
    )


def add_controls(app: FastAPI, places: Places) -> None:
    """Add what the buttons send.

    Args:
        app: made by servers.pages.serving.pages; its guard refuses what no page of ours sends.
        places: what is looked at.
    """

    async def control(request: Request) -> Response:
        form = await read_form(request)
        at = form.get("at", "")
        found = controls_of(await run_in_threadpool(places.find, at), places.root)
        try:
            if found is None:
                raise UsageError("nothing that goes on here can be controlled")
            limits = {form.get("limit", ""): form.get("value", "")} if form.get("word") == "limit" else {}
            await run_in_threadpool(ask, found.place, form.get("word", ""), limits)
        except (UsageError, NotRunning) as error:
            return RedirectResponse(f"run?at={quote(at)}&wrong={quote(str(error)[:_MOST_SAID])}", 303)
        return RedirectResponse(f"run?at={quote(at)}", 303)

    app.add_api_route("/control", control, methods=["POST"])
