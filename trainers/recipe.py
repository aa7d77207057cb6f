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
import itertools
import json
import logging
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, get_type_hints

from ..agents.gateway.config import HarnessConfig
from ..agents.prompts.config import PromptConfig
from ..errors import UnknownName, UsageError
from ..settings import read, table
from .launch.config import LaunchSection
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
    OfflineSection,
    PartsSection,
    PlanSection,
    PolicySection,
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
_EXPECTED = "expected section.key=value, e.g. optim.learning_rate=1e-4"
# keys of earlier versions that recipes may still hold, and what became of them
_GONE = {
    "optim.one_engine": "whether one engine samples and learns follows from the policy",
    "optim.ratio_tolerance": "a probe at the start of the run measures it",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole run on one page: every part by name, every number stated."""

    parts: PartsSection = field(default_factory=PartsSection)
    env: EnvSection = field(default_factory=EnvSection)
    policy: PolicySection = field(default_factory=PolicySection)
    warmstart: WarmstartSection = field(default_factory=WarmstartSection)
    prompt: PromptConfig = field(default_factory=PromptConfig)
    rollout: RolloutSection = field(default_factory=RolloutSection)
    plan: PlanSection = field(default_factory=PlanSection)
    sampling: SamplingSection = field(default_factory=SamplingSection)
    annotate: AnnotateSection = field(default_factory=AnnotateSection)
    offline: OfflineSection = field(default_factory=OfflineSection)
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
    harness: HarnessConfig = field(default_factory=HarnessConfig)
    launch: LaunchSection = field(default_factory=LaunchSection)
    log: LogSection = field(default_factory=LogSection)


def shipped() -> list[str]:
    """Return the names of the recipes that come with the package, sorted."""
    folder = files(__package__) / "recipes"
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def summaries() -> dict[str, str]:
    """Return the first sentence of each shipped recipe by its name, sorted."""
    return {name: _summary(_shipped_text(name)) for name in shipped()}


def load(name_or_path: str, overrides: Sequence[str] | Mapping[str, Any] = ()) -> Recipe:
    """Read a shipped recipe or a file, and change values of it.

    Args:
        name_or_path: a name of `shipped`, or a file of TOML.
        overrides: texts like `optim.learning_rate=1e-4`, or {"optim.learning_rate": 1e-4}.

    Raises:
        UnknownName: for an unknown recipe, section or key, with the closest ones.
        UsageError: if the file is not TOML, a value has another type, or a recipe extends itself.
    """
    tables = _read(name_or_path)
    if isinstance(overrides, str):
        raise UsageError(f"overrides {overrides!r}: expected a list of texts or a mapping, not one text")
    changed = overrides.items() if isinstance(overrides, Mapping) else map(parse_override, overrides)
    for dotted, value in changed:
        _apply(tables, dotted, value)
    return from_tables(tables)


def parse_override(override: str) -> tuple[str, Any]:
    """Return the key and the value of an override in text.

    Raises:
        UsageError: if it has no key.
    """
    dotted, sign, text = override.partition("=")
    if not sign:
        raise UsageError(f"--set {override!r}: {_EXPECTED}")
    return dotted.strip(), _value(text.strip())


def from_tables(tables: Mapping[str, Any]) -> Recipe:
    """Build a recipe from decoded TOML.

    Raises:
        UnknownName: for an unknown section or key.
        UsageError: if a value has another type.
    """
    return read(Recipe, {name: _without_gone(name, values) for name, values in tables.items()}, "recipe")


def _without_gone(section: str, values: Any) -> Any:
    """Return the values of a section without keys that meant something in earlier versions; say which."""
    if not isinstance(values, Mapping):
        return values
    for key in values:
        if reason := _GONE.get(f"{section}.{key}"):
            log.warning("recipe: %s.%s is no key any more and is left out: %s", section, key, reason)
    return {key: value for key, value in values.items() if f"{section}.{key}" not in _GONE}


def dump(recipe: Recipe) -> str:
    """Write a recipe as TOML that `load` reads back to an equal recipe."""
    lines: list[str] = []
    for section in dataclasses.fields(recipe):
        lines.append(f"[{section.name}]")
        values = table(getattr(recipe, section.name))
        lines += [f"{key} = {as_toml(value)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines)


def _read(name_or_path: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read a recipe and what it extends; `above` are those that extend it."""
    if name_or_path in above or len(above) > _MAX_BASES:
        chain = " -> ".join((*above, name_or_path))
        raise UsageError(f"recipe: {chain}: a recipe cannot extend itself, nor more than {_MAX_BASES} others")
    base, tables = written(name_or_path)
    if not base:
        return tables
    below = _read(base, (*above, name_or_path))
    for section, changed in tables.items():
        both = isinstance(changed, dict) and isinstance(below.get(section), dict)
        if both and "name" in changed:
            _rename(below[section], (section,), changed["name"])
        below[section] = {**below[section], **changed} if both else changed
    return below


def written(name_or_path: str) -> tuple[str, dict[str, Any]]:
    """Return the base that a recipe names, as `load` takes it or empty, and the tables it states itself.

    Raises:
        UnknownName: for an unknown recipe.
        UsageError: if the file is not there or not TOML, or the base is not a text.
    """
    try:
        tables = tomllib.loads(text_of(name_or_path))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"recipe {name_or_path!r} is not valid TOML: {error}") from error
    base = tables.pop("extends", "")
    if not isinstance(base, str):
        raise UsageError(f"recipe {name_or_path!r}: extends is {base!r}; expected the name of a recipe")
    return str(Path(name_or_path).parent / base) if base.endswith(".toml") else base, tables


def text_of(name_or_path: str) -> str:
    """Return a recipe as it was written.

    Raises:
        UnknownName: for an unknown recipe.
        UsageError: if there is no such file.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" or path.is_file():
        if not path.is_file():
            raise UsageError(f"recipe {name_or_path!r}: there is no such file")
        return path.read_text(encoding="utf-8")
    if name_or_path in shipped():
        return _shipped_text(name_or_path)
    raise UnknownName("recipe", name_or_path, shipped(), " (`turnwise recipes` lists them)")


def _shipped_text(name: str) -> str:
    return (files(__package__) / "recipes" / f"{name}.toml").read_text(encoding="utf-8")


def _summary(text: str) -> str:
    """Return the first sentence of the comment on top of a recipe."""
    comment = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())
    return re.split(r"(?<=[A-Za-z0-9)]{3})\. ", " ".join(line.lstrip("# ") for line in comment))[0].rstrip(
        "."
    )


def _apply(tables: dict[str, Any], dotted: str, value: Any) -> None:
    keys, given = dotted.split("."), f"--set {dotted}={value}"
    if len(keys) < 2 or not all(keys):
        raise UsageError(f"{given}: {_EXPECTED}")
    inner = tables
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            raise UsageError(f"{given}: {key} is a value, not a section")
    if keys[-1] == "name" and (dropped := _rename(inner, keys[:-1], value)):
        log.warning("%s: %s of the former part are dropped", given, ", ".join(dropped))
    inner[keys[-1]] = value


def _rename(given: dict[str, Any], path: Sequence[str], name: Any) -> list[str]:
    """Take a part's own parameters out of its table if another is to be named there; return which."""
    hint: Any = Recipe
    for key in path:
        hint = get_type_hints(hint).get(key) if dataclasses.is_dataclass(hint) else None
    if not (isinstance(hint, type) and issubclass(hint, Part)) or given.get("name", hint().name) == name:
        return []
    own = {field.name for field in dataclasses.fields(hint)}
    dropped = [key for key in given if key not in own]
    for key in dropped:
        del given[key]
    return dropped


def _value(text: str) -> Any:
    """Decode a value of TOML or JSON; what is neither is text."""
    try:
        decoded = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return _table_of_json(text)
    return decoded["value"] if set(decoded) == {"value"} else text


def _table_of_json(text: str) -> Any:
    try:
        decoded = json.loads(text) if text.startswith(("{", "[")) else text
    except (ValueError, RecursionError):
        return text
    return decoded


def as_toml(value: Any) -> str:
    """Write a value of a recipe as it stands in one.

    Raises:
        UsageError: if it is None, which TOML does not have.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if dataclasses.is_dataclass(value):
        value = table(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(as_toml(item) for item in value) + "]"
    if value is None:
        raise UsageError("recipe: a value is None, which TOML cannot hold; state it")
    return repr(value)
