"""`turnwise envs`: list the environments that are registered, or the arguments of one."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Annotated

import typer

from ..arguments import Option
from ..envs.registry import arguments, registered
from ..shown import runnable
from .options import JsonFlag, emit_json, show_list


def envs(
    env: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="The one whose arguments are listed.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List the registered environments, or the arguments of one: types, defaults, choices.

    A class of your own needs no registration: name it package.module:Class or
    path/to/file.py:Class wherever an environment is asked for.

    Examples:
      turnwise envs
      turnwise envs household/mix-v0
    """
    if env is not None:
        _show_one(env, as_json)
        return
    show_list(registered(), "id", ("environment", "what it is"), as_json)
    if not as_json:
        typer.echo(runnable("the arguments of one: `turnwise envs ID`"))


def _show_one(env: str, as_json: bool) -> None:
    options = arguments(env)
    description = registered().get(env, "")
    if as_json:
        emit_json({"id": env, "description": description, "arguments": [_document(each) for each in options]})
        return
    typer.echo(f"{env}: {description}" if description else env)
    typer.echo("arguments, each given with -k NAME=VALUE:" if options else "it takes no arguments")
    for option in options:
        typer.echo(option.line)


def _document(option: Option) -> dict[str, object]:
    required = option.default is MISSING
    default = None if required else option.default
    return {
        "name": option.name,
        "type": option.shown,
        "required": required,
        "default": default,
        "help": option.help,
    }
