"""`turnwise play ENV`: play an environment in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import EnvironmentFault, TurnwiseError
from .options import EnvKwargs, parse_kwargs


def play(
    env: Annotated[str, typer.Argument(metavar="ENV", help="An id, package.module:Class or file.py:Class.")],
    kwargs: EnvKwargs = None,
    seed: Annotated[int, typer.Option(min=0, help="Which task.")] = 0,
) -> None:
    """Play an environment yourself: an action or its number; :undo, :hint, :quit.

    Put an action of several lines between two lines of three quotes (\"\"\"). Between
    quotes everything is an action: \"\"\"undo\"\"\" sends the word to the environment,
    :undo takes a turn back.

    Examples:
      turnwise play household/pick_heat_then_place_in_recep-v0 --seed 3
      turnwise play household/mix-v0 -k split=unseen -k difficulty=small
    """
    from rich.console import Console

    from ..envs.play import play as run
    from ..envs.registry import make

    try:
        run(make(env, **parse_kwargs(kwargs)), seed, input=input, console=Console())
    except TurnwiseError:
        raise
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise EnvironmentFault(f"{env} failed: {cause}; `turnwise check {env}` says more") from error
