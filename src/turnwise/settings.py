"""Settings: fields of frozen dataclasses, each declared once and read from decoded tables.

    @dataclass(frozen=True)
    class Server:
        port: Annotated[int, Setting("Port; 0 takes a free one.")] = 8000

The field gives a setting its name, type and default, `Setting` what else there is to
say; file (`read`), flag and environment variable (`turnwise.commands.options_from`)
follow from it. A field without `Setting` can be read, and has no flag.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import UnknownName, UsageError

T = TypeVar("T")
KEY_ENV = "TURNWISE_KEY"
"""The variable that holds the key for a server of environments, which is in no flag and no file."""
FLAT = object()
"""`Annotated[Inner, FLAT]`: the keys of a dataclass stand in the table among those of the one around it."""
REST = object()
"""`Annotated[Mapping[str, Any], REST]`: the keys of the table that no other field of the dataclass has."""
_WORDS: dict[Any, tuple[str, str]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "values true or false"),
    str: ("a text", "texts"),
    Path: ("a path", "paths"),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting says of itself beside its name, type and default.

    Args:
        help: what it decides, for people.
        name: what people type for it where that is not the field's name: ttl for ttl_s.
        unit: what 1 as typed is worth in the field: 1 << 20 for megabytes of a field in bytes.
        form: the type as typed, where it is not the field's; it needs `parse`.
        parse: makes the field's value of the typed one; raises UsageError.
        shown: the default as typed, where there is `parse`.
        least: the least number that is taken, on the command line and in a table.
        most: the largest one.
        metavar: what help calls the value, instead of its type.
    """

    help: str
    name: str = ""
    unit: int = 1
    form: Any = None
    parse: Callable[[Any], Any] | None = None
    shown: Any = None
    least: float | None = None
    most: float | None = None
    metavar: str | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """One field of a dataclass of settings; `default` is MISSING where there is none."""

    name: str
    hint: Any
    default: Any
    setting: Setting | None
    keys: tuple[str, ...]  # of the table: its name; where it is FLAT those of its own fields, where REST none


def declared(cls: type) -> Iterator[Declared]:
    """Yield the fields of a dataclass in order, their types without what annotates them."""
    hints = get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        notes: tuple[Any, ...] = ()
        if get_origin(hint) is Annotated:
            hint, notes = get_args(hint)[0], get_args(hint)[1:]
        setting = next((note for note in notes if isinstance(note, Setting)), None)
        default = field.default if field.default_factory is MISSING else field.default_factory()
        flat = [key for inner in declared(hint) for key in inner.keys] if FLAT in notes else [field.name]
        yield Declared(field.name, hint, default, setting, () if REST in notes else tuple(flat))


def read(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build a dataclass from a decoded TOML or JSON table.

    Fields may be dataclasses, tuples, lists, dicts, Literals, unions, paths and plain
    values; a whole number is taken where a number is expected.

    Args:
        cls: the dataclass, of the table's keys.
        table: what was decoded; a field that is FLAT needs a default.
        where: begins every error: "recipe", "settings file 'server.toml'".

    Raises:
        UnknownName: for a key or a word that is unknown, with the closest ones.
        UsageError: if a value has another type or a key is missing.
    """
    return _read(cls, table, where, "")


def table(settings: Any) -> dict[str, Any]:
    """Return the table that `read` makes an equal dataclass of; those inside it stay what they are."""
    values: dict[str, Any] = {}
    for field in declared(type(settings)):
        value = getattr(settings, field.name)
        if field.keys == (field.name,):
            values[field.name] = value
        else:
            values |= table(value) if field.keys else value
    return values


def _read(cls: type[T], table: Mapping[str, Any], where: str, path: str) -> T:
    return cls(**_values(cls, table, where, path))


def _values(cls: Any, table: Mapping[str, Any], where: str, path: str) -> dict[str, Any]:
    fields = {key: field for field in declared(cls) for key in field.keys}
    others = {key: value for key, value in table.items() if key not in fields}
    values: dict[str, Any] = {field.name: others for field in declared(cls) if not field.keys}
    if others and not values:
        raise UnknownName(f"key in [{path}]" if path else f"key in {where}", next(iter(others)), fields)
    hints = get_type_hints(cls)
    for name, field in {field.name: field for field in fields.values()}.items():
        mine = {key: table[key] for key in field.keys if key in table}
        if name in mine:
            values[name] = typed(mine[name], hints[name], where, _join(path, name))
            _check_range(values[name], field.setting, where, _join(path, name))
        elif mine:
            values[name] = dataclasses.replace(field.default, **_values(field.hint, mine, where, path))
        elif field.default is MISSING:
            raise UsageError(f"{where}: {_join(path, name)} is missing; expected {words(field.hint)}")
    return values


def _check_range(value: Any, setting: Setting | None, where: str, path: str) -> None:
    """Refuse a number outside what the declaration takes; one in another unit is not looked at."""
    if setting is None or setting.unit != 1 or not isinstance(value, int | float):
        return
    least, most = setting.least, setting.most
    if not (least is None or value >= least) or not (most is None or value <= most):
        upper = "" if most is None else f" to {most:g}" if least is not None else f"at most {most:g}"
        lower = "" if least is None else f"{least:g}" if most is not None else f"at least {least:g}"
        raise UsageError(f"{where}: {path} = {value!r}; expected {lower}{upper}")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def typed(value: Any, hint: Any, where: str, path: str) -> Any:
    """Return a decoded value as its type.

    Args:
        value: what was decoded.
        hint: the type.
        where: begins an error.
        path: the dotted name of the value.

    Raises:
        UnknownName: for a key or a word that is unknown, with the closest ones.
        UsageError: naming the value and what was expected.
    """
    if hint is Any:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _one_of(value, hint, where, path)
    if origin is Literal:
        if any(value == word and type(value) is type(word) for word in args):
            return value
        if isinstance(value, str):
            raise UnknownName(f"value of {path}", value, map(str, args))
    elif origin in (tuple, list):
        if isinstance(value, (list, tuple)) and (origin is list or _fits(args, value)):
            return origin(_items(value, hint, where, path))
    elif isinstance(value, Mapping):
        if dataclasses.is_dataclass(hint):
            return _read(hint, value, where, path)  # type: ignore[arg-type]  # a class, as hints are
        if _is_mapping(hint):
            inner = args[1] if args else Any
            return {key: typed(item, inner, where, _join(path, key)) for key, item in value.items()}
    elif hint is float and type(value) is int:
        return float(value)
    elif type(value) is (str if hint is Path else hint):
        return value if dataclasses.is_dataclass(hint) else hint(value)
    one = isinstance(value, str) and origin in (tuple, list) and args[:1] == (str,)
    written = f", as {json.dumps([value])}" if one else ""
    raise UsageError(f"{where}: {path} = {value!r}; expected {words(hint, path)}{written}")


def words(hint: Any, path: str = "") -> str:
    """Say in words what a type takes."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, args))
    if origin in (Union, UnionType):
        said = dict.fromkeys(words(arg) for arg in args if arg is not NoneType)
        if Path in args:  # which is given as text
            said.pop(_WORDS[str][0], None)
        return " or ".join(said)
    if origin in (tuple, list, Sequence):
        plural = _WORDS.get(args[0], ("", ""))[1] if args else ""
        return f"a list of {plural}" if plural else "a list"
    if dataclasses.is_dataclass(hint) and path and "[" not in path:
        return f"a section [{path}]"
    if dataclasses.is_dataclass(hint) or _is_mapping(hint):
        return "a table"
    return _WORDS[hint][0] if hint in _WORDS else str(getattr(hint, "__name__", hint))


def _is_mapping(hint: Any) -> bool:
    kind = get_origin(hint) or hint
    return isinstance(kind, type) and issubclass(kind, Mapping)


def _fits(args: tuple[Any, ...], value: list[Any] | tuple[Any, ...]) -> bool:
    """Tell whether a list is as long as a tuple of these types."""
    return not args or args[-1] is ... or len(args) == len(value)


def _items(value: list[Any] | tuple[Any, ...], hint: Any, where: str, path: str) -> Iterator[Any]:
    args = get_args(hint) or (Any,)
    every = args[0] if len(args) == 1 or args[-1] is ... else None
    for index, item in enumerate(value):
        inner = args[index] if every is None else every
        if inner in _WORDS:
            try:
                yield typed(item, inner, where, path)
            except UsageError:
                raise UsageError(f"{where}: {path} = {value!r}; expected {words(hint)}") from None
        else:
            yield typed(item, inner, where, f"{path}[{index}]")


def _one_of(value: Any, hint: Any, where: str, path: str) -> Any:
    """Return a value as the first type of a union that takes it."""
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    if value is None and NoneType in get_args(hint):
        return None
    if len(kinds) == 1:
        return typed(value, kinds[0], where, path)
    for kind in kinds:
        try:
            return typed(value, kind, where, path)
        except UsageError:
            continue
    raise UsageError(f"{where}: {path} = {value!r}; expected {words(hint)}")
