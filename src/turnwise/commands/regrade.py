"""`turnwise regrade`: judge again what a run kept, or the hosted runs of a journal; list what flips."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..shown import visible
from .options import EnvKwargs, JsonFlag, emit_json, parse_kwargs

if TYPE_CHECKING:
    from ..servers.benchmarks.regrade import Regraded

__all__ = ["regrade"]

_SQLITE = b"SQLite format 3\0"


def regrade(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|JOURNAL",
            help="Folder of an evaluation or a run, a file of trajectories, or the journal of a server.",
        ),
    ],
    env: Annotated[str | None, typer.Option(help="The environment; by default the run's own.")] = None,
    kwarg: EnvKwargs = None,
    record: Annotated[
        list[Path] | None,
        typer.Option(metavar="RECORD", help="With a journal: a record from elsewhere, compared too."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge again what was kept, without a model, and list what flips.

    Of a run: the patches that it kept. Of a server's journal: the score of every hosted run that is
    over, made again from what the journal noted, against its record; ends with 1 if any figure differs.

    Examples:
      turnwise regrade runs/swe
      turnwise regrade runs.db --record record.json
    """
    from ..agents.evaluation.regrade import check, stored_patches
    from ..agents.evaluation.regrade import regrade as judge_again
    from ..envs.registry import make
    from ..envs.sandbox.loop import call
    from ..envs.swe.environment import SweEnv

    if not run.exists():
        raise UsageError(
            f"{run}: no such file or folder; expected the folder of an evaluation (--out) or of a run, or a "
            "file of trajectories"
        )
    if _is_journal(run):
        raise typer.Exit(_journal(run, record or [], as_json))
    env_id, kwargs = (env, {}) if env else _environment(run)
    with make(env_id, **{**kwargs, **parse_kwargs(kwarg)}) as made:
        inner = made.unwrapped
        if not isinstance(inner, SweEnv):
            raise UsageError(f"{env_id} has no patches to be graded; expected swe/tasks-v0 or swe/files-v0")
        check(stored_patches(run), inner.tasks)
        found = call(judge_again(stored_patches(run), inner.tasks, inner.backend))
    if as_json:
        emit_json(found.document())
        return
    for row in found.graded:
        if row.flipped or row.verdict.outcome is None:
            typer.echo(visible(row.line))
    shown = found.rates
    if not found.graded:
        typer.echo("no episode kept a patch: nothing was graded")
    typer.echo(
        f"patches graded: {len(found.graded)}, flipped: {len(found.flips)}, unscored: {shown.unscored}; "
        f"episodes that kept no patch: {found.without}"
    )


def _is_journal(run: Path) -> bool:
    if not run.is_file():
        return False
    with run.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _journal(file: Path, records: list[Path], as_json: bool) -> int:
    """Show the hosted runs of a journal judged again; return the exit code."""
    from ..servers.benchmarks.regrade import regrade as judged
    from ..servers.benchmarks.verify import read_document
    from ..servers.sessions.journal.format import notes_of, open_reader

    given = [read_document(place.read_bytes(), str(place)) for place in records]
    with closing(open_reader(file)) as journal:
        found = judged(list(notes_of(journal)), given)
    if as_json:
        emit_json({"runs": [one.document() for one in found], "flipped": sum(not one.sound for one in found)})
    else:
        for one in found:
            _show(one)
        flipped = sum(bool(one.flips) for one in found)
        typer.echo(f"runs judged again: {len(found)}, flipped: {flipped}")
    return 0 if all(one.sound for one in found) else 1


def _show(one: Regraded) -> None:
    scores = f"recorded {_score(one.recorded)}, the journal gives {_score(one.now)}"
    if one.sound:
        typer.echo(visible(f"{one.run} {one.benchmark} {one.agent}: sound, score {_score(one.now)}"))
        return
    typer.echo(visible(f"{one.run} {one.benchmark} {one.agent}: DIFFERS; {scores}"))
    for flip in one.flips:
        where = "run" if flip.task is None else f"task {flip.task}"
        typer.echo(visible(f"  {where}: {flip.what} was {flip.recorded}, is {flip.now}"))
    for problem in one.problems:
        typer.echo(visible(f"  {problem}"))


def _score(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _environment(run: Path) -> tuple[str, dict[str, Any]]:
    """Return which environment a run was played in, and its arguments."""
    settings = run / "settings.json"
    if settings.is_file():
        document = json.loads(settings.read_bytes())
        return str(document["environment"]), dict(document["kwargs"])
    if (run / "recipe.toml").is_file():
        from ..trainers.recipe import load

        section = load(str(run / "recipe.toml")).env
        return section.id, {**section.kwargs, **section.train_kwargs}
    raise UsageError(f"{run}: says no environment (settings.json, recipe.toml); give it by --env and --kwarg")
