"""The command line: `turnwise COMMAND`, one module a command.

Exit codes: 0 done; 2 what was typed cannot be right (a command, an option, a name, a value, or a file or
folder that is not there or is something else); 1 it was tried and failed; 130 interrupted, 129 and 143
after SIGHUP and SIGTERM.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections import UserDict
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from . import __version__
from .commands.options import missing
from .errors import RequestRefused, TurnwiseError, UsageError
from .shown import runnable, visible
from .signals import interrupt_when_told_to_end, told_to_end

# command -> "module:function" in turnwise.commands, in the order of the help page
_COMMANDS = {
    "envs": "envs:envs",
    "play": "play:play",
    "check": "check:check",
    "new": "new:new",
    "serve": "serve:serve",
    "router": "router:router",
    "mcp": "mcp:mcp",
    "gateway": "gateway:gateway",
    "journal": "journal:journal",
    "verify": "verify:verify",
    "recipes": "recipes:recipes",
    "methods": "methods:methods",
    "fit": "fit:fit",
    "train": "train:train",
    "launch": "launch:launch",
    "sweep": "sweep:sweep",
    "practise": "practise:practise",
    "eval": "evaluate:eval_",
    "suite": "suite:suite",
    "compare": "compare:compare",
    "board": "board:board",
    "causes": "causes:causes",
    "regrade": "regrade:regrade",
    "tasks": "tasks:tasks",
    "atif": "atif:atif",
    "demo": "demo:demo",
    "warmstart": "warmstart:warmstart",
    "report": "report:report",
    "view": "view:view",
    "control": "control:control",
    "export": "export:export",
    "credit": "credit:credit",
    "truth": "truth:truth",
    "clean": "clean:clean",
    "doctor": "doctor:doctor",
    "operator": "operator:operator",
}


class _WhenAsked(UserDict[str, Any]):
    """The commands by name, each loaded when it is asked for: one need not wait for what others need."""

    def __getitem__(self, name: str) -> Any:
        if self.data[name] is None:
            self.data[name] = _load(name)
        return self.data[name]


class _Commands(TyperGroup):
    """`turnwise`, which knows the names of its commands before any is loaded."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _WhenAsked(dict.fromkeys(_COMMANDS))

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_COMMANDS]


def _new(group: type[TyperGroup] | None = None) -> typer.Typer:
    return typer.Typer(
        name="turnwise",
        cls=group,
        help="Train and evaluate language-model agents that act over many turns.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


app = _new(_Commands)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"turnwise {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_show_version, is_eager=True
    ),
) -> None:
    """Train and evaluate language-model agents that act over many turns."""


def _kept_apart(function: Callable[..., None]) -> str:
    """Return the help of a command, with its examples on lines of their own however narrow a terminal is."""
    return (inspect.getdoc(function) or "").replace("\n\nExamples:\n", "\n\n\b\nExamples:\n")


def _first_line(function: Callable[..., None]) -> str:
    """Return what a command does, whole however long: without it the list of commands cuts it off."""
    return (inspect.getdoc(function) or "").partition("\n\n")[0].replace("\n", " ")


def _load(name: str) -> Any:
    """Return a command, its module imported."""
    module, function = _COMMANDS[name].split(":")
    loaded = getattr(importlib.import_module(f".commands.{module}", __package__), function)
    alone = _new()
    if isinstance(loaded, typer.Typer):
        alone.add_typer(loaded, name=name)
    else:
        alone.command(name, help=_kept_apart(loaded), short_help=_first_line(loaded))(loaded)
    return typer.main.get_group(alone).commands[name]


def _required() -> set[str]:
    """Return the packages that turnwise says it needs, also optional ones."""
    return {re.split(r"[^\w.-]", line)[0] for line in requires("turnwise") or ()}


def main() -> None:
    """Run one command and exit with its code."""
    if "" not in sys.path:  # environments of the user live beside where the command runs
        sys.path.insert(0, str(Path.cwd()))
    interrupt_when_told_to_end()
    try:
        app()
    except SystemExit as ended:
        if isinstance(getattr(ended.__context__, "__cause__", None), KeyboardInterrupt):
            typer.echo("interrupted", err=True)  # a command that has more to say has said it
        if told_to_end():
            sys.exit(128 + told_to_end())
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _required():
            raise
        typer.echo(f"error: {missing(package)}", err=True)
        sys.exit(1)
    except RequestRefused as error:
        typer.echo(f"error: {runnable(visible(str(error)))}", err=True)
        sys.exit(2 if error.code == "unauthorized" else 1)
    except TurnwiseError as error:
        typer.echo(f"error: {runnable(visible(str(error)))}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)


if __name__ == "__main__":
    main()
