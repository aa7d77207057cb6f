"""Options of a command made from dataclasses of settings.

    @with_settings("TURNWISE_SERVE_")
    def serve(config: ServerConfig) -> None: ...

Each parameter that is a dataclass becomes the options that its fields declare with
`Setting`, those of dataclasses inside it too; the function is given the dataclass.
Other parameters stay what they are. A parameter's default, an instance of its
dataclass, gives the defaults of the options.

With a prefix each of these options is also an environment variable, and --config names a
TOML file in which an option is called as its flag is, with _ for -. Flags count before
variables, variables before the file, the file before defaults. A name that no flag
has, in either place, is an error and not overlooked.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer

from ..errors import UnknownName, UsageError
from ..settings import Declared, Setting, declared, typed

_CONFIG = "config"


@dataclass(frozen=True)
class _Option:
    """One option of a command: what it is called, how it is typed, and the setting it is made from."""

    name: str
    form: Any
    default: Any
    setting: Setting

    @classmethod
    def of(cls, field: Declared, setting: Setting, default: Any) -> _Option:
        """Make the option of a field; the values of a list are typed one by one."""
        form, shown = setting.form or field.hint, setting.shown if setting.parse else default
        if get_origin(form) in (tuple, list):
            form, shown = list[get_args(form)[0]], list(shown or ()) or None  # type: ignore[misc]
        elif setting.unit != 1 and default is not MISSING:
            shown = default // setting.unit
        return cls(setting.name or field.name, form, shown, setting)

    def parameter(self, prefix: str) -> inspect.Parameter:
        """Return the parameter that typer makes the option from."""
        info = typer.Option(
            "--" + self.name.replace("_", "-"),
            help=self.setting.help,
            envvar=prefix + self.name.upper() if prefix else None,
            min=self.setting.least,
            max=self.setting.most,
            metavar=self.setting.metavar or _of_list(self.form),
        )
        form = self.form | None if self.default is None else self.form
        return _keyword(self.name, Annotated[form, info], self.default)

    def value(self, given: Any) -> Any:
        """Return the value of the field for what was typed."""
        if get_origin(self.form) is list:
            given = tuple(given or ())
        if self.setting.parse is not None:
            return self.setting.parse(given)
        return given if self.setting.unit == 1 else given * self.setting.unit


def _of_list(form: Any) -> str | None:
    """Return how one value of a list is named in the help; None for what is not a list."""
    if get_origin(form) is not list:
        return None
    return "PATH" if get_args(form)[0] is Path else "TEXT"


def with_settings(prefix: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make options of the parameters of a command that are dataclasses of settings.

    Args:
        prefix: begins the environment variables, with which --config comes; without one
            there are flags alone.

    Raises:
        UnknownName: by the command, if the file or an environment variable names no setting.
        UsageError: by the command, if the file cannot be read or a value has the wrong type.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(function, include_extras=True)
        sections: dict[str, tuple[Any, Any]] = {}
        forms: dict[str, Any] = {}
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(function).parameters.values():
            hint = hints[parameter.name]
            if dataclasses.is_dataclass(hint):
                base = None if parameter.default is parameter.empty else parameter.default
                sections[parameter.name] = (hint, base)
                made = list(_options(hint, base))
                forms |= {option.name: option.form for option in made}
                parameters += [option.parameter(prefix) for option in made]
            else:
                parameters.append(_keyword(parameter.name, hint, parameter.default))
        if prefix:
            parameters.insert(0, _config(prefix, forms))

        @functools.wraps(function)
        def command(**given: Any) -> None:
            given.pop(_CONFIG if prefix else "", None)
            made = {name: _build(cls, base, given) for name, (cls, base) in sections.items()}
            function(**made, **given)

        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if default is MISSING else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _members(cls: type, base: Any) -> Iterator[tuple[Declared, Any, _Option | None]]:
    """Yield the fields that options are made of: with its default, and its option where it is one itself."""
    for field in declared(cls):
        default = field.default if base is None else getattr(base, field.name)
        if field.setting is not None:
            yield field, default, _Option.of(field, field.setting, default)
        elif dataclasses.is_dataclass(field.hint):
            yield field, default, None


def _options(cls: Any, base: Any) -> Iterator[_Option]:
    for field, default, option in _members(cls, base):
        if option is not None:
            yield option
        else:
            yield from _options(field.hint, default)


def _build(cls: Any, base: Any, given: dict[str, Any]) -> Any:
    """Take the options of a dataclass out of what was given, and make it of them."""
    values = {}
    for field, default, option in _members(cls, base):
        if option is None:
            values[field.name] = _build(field.hint, default, given)
        else:
            values[field.name] = option.value(given.pop(option.name))
    return cls(**values) if base is None else dataclasses.replace(base, **values)


def _config(prefix: str, forms: Mapping[str, Any]) -> inspect.Parameter:
    def load(ctx: typer.Context, file: Path | None) -> Path | None:
        _check_variables(prefix, [_CONFIG, *forms])
        if file is not None:
            ctx.default_map = _load(file, forms)
        return file

    info = typer.Option(
        "--config",
        help="TOML file of settings.",
        envvar=prefix + _CONFIG.upper(),
        callback=load,
        is_eager=True,
    )
    return _keyword(_CONFIG, Annotated[Path | None, info], None)


def _check_variables(prefix: str, names: list[str]) -> None:
    known = {prefix + name.upper() for name in names}
    for variable in sorted(os.environ):
        if variable.startswith(prefix) and variable not in known:
            raise UnknownName("environment variable", variable, known)


def _load(file: Path, forms: Mapping[str, Any]) -> dict[str, Any]:
    where = f"settings file {str(file)!r}"
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{where}: {error}") from error
    for name, value in document.items():
        if name not in forms:
            raise UnknownName(f"setting in {str(file)!r}", name, forms)
        typed(value, forms[name], where, name)
    return document
