"""`turnwise regrade`: judge the patches that a run kept once more, without a model, and list what flips."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from ..shown import visible
from .options import EnvKwargs, JsonFlag, emit_json, parse_kwargs

__all__ = ["regrade"]


def regrade(
    run: Annotated[Path, typer.Argument(help="Folder of an evaluation or a run, or a file of trajectories.")],
    env: Annotated[str | None, typer.Option(help="The environment; by default the run's own.")] = None,
    kwarg: EnvKwargs = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge the patches that a run kept once more, without a model, and list what flips."""
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
