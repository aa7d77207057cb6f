"""`turnwise sweep`: a recipe over seeds and values."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..files import write_whole
from ..shown import runnable, visible

if TYPE_CHECKING:
    from ..trainers.sweep import Outcome, Plan

__all__ = ["sweep"]

_GO_ON = "the same command goes on with them"
_AGAIN = "turnwise compare {out}"


def sweep(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A name of `turnwise recipes`, or a file.")],
    out: Annotated[Path, typer.Option(help="Folder that holds the runs.")],
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Seeds of each combination; that of the recipe by default."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SECTION.KEY=VALUE,...",
            help="Values of a key, or the one that all runs have; repeatable.",
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Runs at a time.")] = 1,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print which runs there are, and start none.")
    ] = False,
) -> None:
    """Train a recipe with every combination of seeds and values, each in a folder of its own, and compare.

    Every key, value and part is checked before anything starts. Each run is a process, `turnwise train`.
    After Ctrl-C those that go on save and end, and the same command goes on: what is done is not repeated.
    A run that fails stops no other, and the exit code is then 1.

    Examples:
      turnwise sweep tiny --seeds 1,2,3 --out runs/seeds
      turnwise sweep tiny --seeds 1,2 --set optim.learning_rate=1e-4,3e-4 --jobs 2 --out runs/rates
      turnwise sweep tiny --set credit.name=gigpo,grpo --set train.num_updates=50 --out runs/credit --dry-run
    """
    from ..trainers.sweep import plan
    from ..trainers.sweep import sweep as train_all
    from ..trainers.sweep.values import parse_axes, parse_seeds

    planned = plan(recipe, out, parse_axes(values or ()), parse_seeds(seeds) if seeds else ())
    for line in planned.lines():
        typer.echo(visible(line))
    if dry_run:
        return
    try:
        outcomes = train_all(planned, jobs=jobs)
    except KeyboardInterrupt:
        typer.echo(f"interrupted; what was begun is saved, and {_GO_ON}", err=True)
        raise typer.Exit(130) from None
    _compare(planned)
    raise typer.Exit(_told(outcomes))


def _told(outcomes: list[Outcome]) -> int:
    """Tell of what is not done; return the exit code."""
    failed = [each for each in outcomes if not each.is_done]
    for each in failed:
        typer.echo(visible(f"{each.end}: {each.planned.name}: {each.said}"), err=True)
    if failed:
        typer.echo(f"{len(failed)} of {len(outcomes)} are not done; {_GO_ON}", err=True)
    return 1 if failed else 0


def _compare(planned: Plan) -> None:
    """Print how the runs compare, and keep it beside them."""
    from ..trainers.comparison import compare

    page, picture = planned.out / "comparison.md", planned.out / "comparison.png"
    try:
        found = compare({"": [run.folder for run in planned.runs if run.folder.exists()]})
    except UsageError as error:
        typer.echo(f"nothing is compared: {visible(str(error))}", err=True)
        return
    text = found.text()
    write_whole(page, text.encode())
    typer.echo(f"\n{text}", nl=False)
    try:
        found.draw(picture)
    except UsageError as error:
        typer.echo(f"no picture: {error}", err=True)
    again = runnable(_AGAIN.format(out=quote(str(planned.out))))
    typer.echo(f"results: {planned.out}, {page.name}; other forms of it: {again} --format ...", err=True)
