"""Recipes: TOML files read into frozen sections, overridden by dotted names.

A method of a paper is a recipe that names its parts. One that differs from another
in a few values says `extends = "NAME"` on top and gives those values: of each
section the keys it names replace those of its base, whole values, also tables. Where
it names another part than its base, the base's parameters of that part go. A base is
a shipped recipe, or a file named relative to the one that extends it.
Reading a recipe touches no file but its own and its bases'; a run's folder holds
the resolved one.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import UnknownName, UsageError
from .learner.config import CriticConfig, OptimConfig
from .objective_config import ObjectiveConfig
from .parts import Part
from .sections import (
    AdvantageSection,
    AnnotateSection,
    CreditSection,
    EnvSection,
    EvalSection,
    LogSection,
    PartsSection,
    PlanSection,
    PolicySection,
    PromptSection,
    RewardSection,
    RolloutSection,
    SamplingSection,
    ServerSection,
    TrainSection,
    WarmstartSection,
    WeightsSection,
)

log = logging.getLogger(__name__)

_MAX_BASES = 4


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run on one page: every part by name, every number stated."""

    parts: PartsSection = field(default_factory=PartsSection)
    env: EnvSection = field(default_factory=EnvSection)
    policy: PolicySection = field(default_factory=PolicySection)
    warmstart: WarmstartSection = field(default_factory=WarmstartSection)
    prompt: PromptSection = field(default_factory=PromptSection)
    rollout: RolloutSection = field(default_factory=RolloutSection)
    plan: PlanSection = field(default_factory=PlanSection)
    sampling: SamplingSection = field(default_factory=SamplingSection)
    annotate: AnnotateSection = field(default_factory=AnnotateSection)
    reward: RewardSection = field(default_factory=RewardSection)
    credit: CreditSection = field(default_factory=CreditSection)
    advantage: AdvantageSection = field(default_factory=AdvantageSection)
    weights: WeightsSection = field(default_factory=WeightsSection)
    loss: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    critic: CriticConfig = field(default_factory=CriticConfig)
    train: TrainSection = field(default_factory=TrainSection)
    eval: EvalSection = field(default_factory=EvalSection)
    server: ServerSection = field(default_factory=ServerSection)
    log: LogSection = field(default_factory=LogSection)


def shipped() -> list[str]:
    """Return the names of the recipes that come with the package, sorted."""
    folder = files(__package__) / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a shipped recipe or a file, and apply overrides like `optim.learning_rate=1e-4`.

    Raises:
        UnknownName: for an unknown recipe, section or key, with the closest ones.
        UsageError: if the file is not TOML, a value has another type, or a recipe extends itself.
    """
    tables = _read(name_or_path)
    for override in overrides:
        _apply(tables, override)
    return from_tables(tables)


def from_tables(tables: Mapping[str, Any]) -> Recipe:
    """Build a recipe from decoded TOML.

    Raises:
        UnknownName: for an unknown section or key.
        UsageError: if a value has another type.
    """
    known = {f.name: f.default_factory for f in dataclasses.fields(Recipe)}
    sections: dict[str, Any] = {}
    for name, table in tables.items():
        if name not in known:
            raise UnknownName("recipe section", name, known)
        if not isinstance(table, Mapping):
            raise UsageError(f"recipe: {name} is {table!r}; expected a section [{name}]")
        sections[name] = _section(name, known[name], table)
    return Recipe(**sections)


def dump(recipe: Recipe) -> str:
    """Write a recipe as TOML that `load` reads back to an equal recipe."""
    lines: list[str] = []
    for section in dataclasses.fields(recipe):
        lines.append(f"[{section.name}]")
        table = _table(getattr(recipe, section.name))
        lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
        lines.append("")
    return "\n".join(lines)


def _read(name_or_path: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read a recipe and what it extends; `above` are those that extend it."""
    if name_or_path in above or len(above) > _MAX_BASES:
        chain = " -> ".join((*above, name_or_path))
        raise UsageError(f"recipe: {chain}: a recipe cannot extend itself, nor more than {_MAX_BASES} others")
    tables = _parsed(name_or_path)
    base = tables.pop("extends", None)
    if base is None:
        return tables
    if not isinstance(base, str):
        raise UsageError(f"recipe {name_or_path!r}: extends is {base!r}; expected the name of a recipe")
    if base.endswith(".toml"):
        base = str(Path(name_or_path).parent / base)
    below = _read(base, (*above, name_or_path))
    for section, table in tables.items():
        both = isinstance(table, dict) and isinstance(below.get(section), dict)
        if both and "name" in table:
            _rename(below[section], (section,), table["name"])
        below[section] = {**below[section], **table} if both else table
    return below


def _parsed(name_or_path: str) -> dict[str, Any]:
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise UsageError(f"recipe {name_or_path!r}: there is no such file")
        text = path.read_text(encoding="utf-8")
    elif name_or_path in shipped():
        text = (files(__package__) / "recipes" / f"{name_or_path}.toml").read_text(encoding="utf-8")
    else:
        raise UnknownName("recipe", name_or_path, shipped())
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"recipe {name_or_path!r} is not valid TOML: {error}") from error


def _apply(tables: dict[str, Any], override: str) -> None:
    dotted, sign, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not sign or len(keys) < 2 or not all(keys):
        raise UsageError(f"--set {override!r}: expected section.key=value, e.g. optim.learning_rate=1e-4")
    table = tables
    for key in keys[:-1]:
        table = table.setdefault(key, {})
        if not isinstance(table, dict):
            raise UsageError(f"--set {override!r}: {key} is a value, not a section")
    value = _value(text.strip())
    if keys[-1] == "name" and (dropped := _rename(table, keys[:-1], value)):
        log.warning("--set %s: %s of the former part are dropped", override, ", ".join(dropped))
    table[keys[-1]] = value


def _rename(table: dict[str, Any], path: Sequence[str], name: Any) -> list[str]:
    """Take a part's own parameters out of its table if another is to be named there; return which."""
    hint: Any = Recipe
    for key in path:
        hint = get_type_hints(hint).get(key) if dataclasses.is_dataclass(hint) else None
    if not (isinstance(hint, type) and issubclass(hint, Part)) or table.get("name", hint().name) == name:
        return []
    own = {field.name for field in dataclasses.fields(hint)}
    dropped = [key for key in table if key not in own]
    for key in dropped:
        del table[key]
    return dropped


def _value(text: str) -> Any:
    """Decode a TOML value; what is none is text."""
    try:
        decoded = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return decoded["value"] if set(decoded) == {"value"} else text


def _section(name: str, cls: Any, table: Mapping[str, Any]) -> Any:
    hints = get_type_hints(cls)
    given = dict(table)
    if issubclass(cls, Part):
        if "params" in table:
            raise UsageError(
                f"recipe: {name}.params is not a key: the parameters of a part stand beside its name, "
                'as in {name = "gigpo", gamma = 0.95}'
            )
        given = {key: value for key, value in table.items() if key in hints}
        given["params"] = {key: value for key, value in table.items() if key not in hints}
    for key in given:
        if key not in hints:
            raise UnknownName(f"key in [{name}]", key, hints)
    return cls(**{key: _typed(f"{name}.{key}", value, hints[key]) for key, value in given.items()})


def _typed(where: str, value: Any, hint: Any) -> Any:
    """Return a value as its field's type.

    Raises:
        UsageError: naming the key, the value and what was expected.
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value in args:
            return value
        if isinstance(value, str):
            raise UnknownName(f"value of {where}", value, [str(arg) for arg in args])
    elif origin in (Union, UnionType):
        raise TypeError(f"{where}: sections hold no unions")
    elif origin is tuple:
        if isinstance(value, (list, tuple)):
            return tuple(_typed(f"{where}[{i}]", item, args[0]) for i, item in enumerate(value))
    elif origin in (dict, Mapping):
        if isinstance(value, Mapping):
            return dict(value)
    elif dataclasses.is_dataclass(hint):
        if isinstance(value, Mapping):
            return _section(where, hint, value)
    elif hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif type(value) is hint:
        return value
    expected = {tuple: "a list", dict: "a table", Mapping: "a table"}.get(
        origin or hint, getattr(hint, "__name__", str(hint))
    )
    if dataclasses.is_dataclass(hint):
        expected = "a table"
    raise UsageError(f"recipe: {where} = {value!r} is {type(value).__name__}; expected {expected}")


def _table(section: Any) -> dict[str, Any]:
    """Return a section's keys and values; the parameters of a part stand beside its name."""
    table = {field.name: getattr(section, field.name) for field in dataclasses.fields(section)}
    if isinstance(section, Part):
        table |= table.pop("params")
    return table


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if dataclasses.is_dataclass(value):
        value = _table(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return repr(value)
