"""`turnwise credit`: show which turns got how much credit, under several methods, and why."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .options import JsonFlag, emit_json, missing

if TYPE_CHECKING:
    from rich.console import Console

    from ..trainers.reports.microscope import Examination, Stored

__all__ = ["credit"]

_FILE_COLUMNS = 150  # where the output goes into a file, nothing says how wide it may be


def credit(
    run: Annotated[Path, typer.Argument(help="Folder of a run, or a file of trajectories.")],
    method: Annotated[
        list[str] | None,
        typer.Option("--method", "-m", metavar="METHOD", help="A credit estimator; may be given again."),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="METHOD.NAME=VALUE", help="A parameter of a method; VALUE is JSON or text."
        ),
    ] = None,
    update: Annotated[int | None, typer.Option(help="The update to look at; by default the last.")] = None,
    group: Annotated[str | None, typer.Option(help="The prompt group to show turn by turn.")] = None,
    parts: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A Python file that registers methods; may be given again."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for credit.png, credit.html, credit.json.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute credit on stored trajectories under several methods, and compare them.

    Writes a picture, a page and a JSON file into RUN/credit, or into --out.
    """
    from ..trainers.reports import microscope
    from ..trainers.user_files import import_parts

    import_parts(parts or [])
    stored = microscope.load_stored(run, update)
    examination = microscope.examine(
        stored.trajectories, method or microscope.DEFAULT_METHODS, _settings(setting)
    )
    document = examination.document() | _whole_batch(stored)
    if as_json:
        emit_json(document)
        return
    from rich.console import Console

    from ..files import write_whole

    chosen = group or examination.group_to_show()
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_FILE_COLUMNS)
    microscope.show(examination, chosen, console, stored)
    if not (examination.has_signal or run.is_file()):
        _say_where_a_signal_is(run, console)
    folder = out or (run.parent if run.is_file() else run) / "credit"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "credit.json", json.dumps(document, indent=1).encode())
    drawn = _draw(examination, chosen, folder / "credit.png", console)
    microscope.write_page(examination, chosen, folder / "credit.html", picture=drawn, note=stored.sample)
    written = ["credit.png"] * drawn + ["credit.html", "credit.json"]
    console.print(f"written: {folder}/{', '.join(written)}", markup=False)


def _whole_batch(stored: Stored) -> dict[str, Any]:
    """Return what the log says of the batch that the stored trajectories are of."""
    figures = {name: value for name, value in stored.logged.items() if name.startswith("credit/")}
    return {"update": stored.update, "sample": stored.sample, "logged": {stored.method: figures}}


def _say_where_a_signal_is(run: Path, console: Console) -> None:
    from ..trainers.reports import microscope

    found = microscope.update_with_signal(run)
    more = "nor has any update" if found is None else f"try --update {found}"
    console.print(
        "no group that is stored has episodes of different returns, so that methods which compare returns "
        f"alone have no signal; {more}",
        markup=False,
    )


def _draw(examination: Examination, group: str, path: Path, console: Console) -> bool:
    """Write the picture; where nothing can draw, say so and go on."""
    from ..trainers.reports import microscope

    if find_spec("matplotlib") is None:
        console.print(f"no picture: {missing('matplotlib', 'plots')}", markup=False)
        path.unlink(missing_ok=True)  # of an earlier look
        return False
    microscope.picture(examination, group, path)
    return True


def _settings(pairs: list[str] | None) -> dict[str, dict[str, Any]]:
    """Read METHOD.NAME=VALUE pairs."""
    settings: dict[str, dict[str, Any]] = {}
    for pair in pairs or []:
        left, sign, value = pair.partition("=")
        method, dot, name = left.partition(".")
        if not (sign and dot and name):
            raise UsageError(f"--set {pair!r}: expected METHOD.NAME=VALUE, e.g. gigpo.mode=mean")
        try:
            parsed = json.loads(value)
        except json.JSONDecodeError:
            parsed = value
        settings.setdefault(method, {})[name] = parsed
    return settings
