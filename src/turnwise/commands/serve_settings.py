"""The settings of `turnwise serve` beside its flags: a TOML file and environment variables.

The flags are the settings: each is named in the file as its flag is, with _ for -,
and by an environment variable, TURNWISE_SERVE_ and the name in capitals. Flags
count before variables, variables before the file, the file before defaults.
A name that no flag has, in either place, is an error and not overlooked.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import typer

from ..errors import UnknownName, UsageError

__all__ = ["PREFIX", "load_settings"]

PREFIX = "TURNWISE_SERVE_"
_WANTED: dict[type, tuple[str, tuple[type, ...]]] = {
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
}
_TEXT = ("a text", (str,))


def load_settings(ctx: typer.Context, file: Path | None, hints: dict[str, Any]) -> None:
    """Make what a settings file says the defaults of the flags.

    Args:
        ctx: of the command that is called.
        file: the settings; None if there is no file.
        hints: name of a setting -> its type, as the function of the command has it.

    Raises:
        UnknownName: if the file or an environment variable names no setting.
        UsageError: if the file cannot be read or a value has the wrong type.
    """
    names = [name for name in hints if name != "return"]
    _check_variables(names)
    if file is None:
        return
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"settings file {str(file)!r}: {error}") from error
    names.remove("config")
    for name, value in document.items():
        if name not in names:
            raise UnknownName(f"setting in {str(file)!r}", name, names)
        _check_value(file, name, value, hints[name])
    ctx.default_map = document


def _check_variables(names: list[str]) -> None:
    known = {PREFIX + name.upper() for name in names}
    for variable in sorted(os.environ):
        if variable.startswith(PREFIX) and variable not in known:
            raise UnknownName("environment variable", variable, known)


def _check_value(file: Path, name: str, value: Any, hint: Any) -> None:
    kind = next((one for one in get_args(hint) if one is not NoneType), hint)
    wanted, types = _WANTED.get(kind, _TEXT)
    values = [value]
    if get_origin(kind) is list:
        wanted, values = "a list of texts", value if isinstance(value, list) else [None]
    for one in values:
        if not isinstance(one, types) or (isinstance(one, bool) and bool not in types):
            raise UsageError(f"settings file {str(file)!r}: {name} = {value!r}; expected {wanted}")
