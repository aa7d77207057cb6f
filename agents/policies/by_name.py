"""Agents by name: `expert | random | script:FILE | ckpt:DIR | hf:NAME | openai:URL#MODEL`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from ...errors import UnknownName, UsageError
from ..types import Policy

__all__ = ["make_policy"]

_FORMS = {
    "expert": "expert",
    "random": "random",
    "script": "script:FILE",
    "ckpt": "ckpt:DIR",
    "hf": "hf:NAME",
    "openai": "openai:URL#MODEL",
}


def make_policy(spec: str, **options: Any) -> Policy:
    """Make the policy that a spec names.

    Args:
        spec: one of `expert`, `random`, `script:FILE`, `ckpt:DIR`, `hf:NAME`, `openai:URL#MODEL`.
        options: further arguments of that kind of policy, e.g. `cost_cap` for an endpoint.

    Raises:
        UnknownName: if there is no such kind of agent or option.
        UsageError: if the spec lacks its second part or has one too many.
        CheckpointError: if a checkpoint is missing or broken.
    """
    kind, sign, rest = spec.partition(":")
    if kind not in _MAKERS:
        raise UnknownName("agent", spec, _FORMS.values())
    if (":" in _FORMS[kind]) != bool(sign and rest):
        raise UsageError(f"agent {spec!r}: expected {_FORMS[kind]}")
    return _MAKERS[kind](rest, options)


def _expert(_: str, options: dict[str, Any]) -> Policy:
    from .expert import ExpertPolicy

    _accept("expert", options, ())
    return ExpertPolicy()


def _random(_: str, options: dict[str, Any]) -> Policy:
    from .random import RandomPolicy

    _accept("random", options, ())
    return RandomPolicy()


def _script(path: str, options: dict[str, Any]) -> Policy:
    from .script import ScriptedPolicy

    _accept("script", options, ("cycle",))
    return ScriptedPolicy.load(path, **options)


def _checkpoint(folder: str, options: dict[str, Any]) -> Policy:
    from ..tiny import TinyPolicy, load_policy
    from .settings import attach_settings, read_settings

    _accept("ckpt", options, _keywords(TinyPolicy))
    policy = load_policy(Path(folder), **options)
    attach_settings(policy, read_settings(folder))
    return policy


def _hugging_face(name: str, options: dict[str, Any]) -> Policy:
    from .settings import attach_settings, read_settings
    from .transformers import TransformersPolicy

    _accept("hf", options, _keywords(TransformersPolicy))
    policy = TransformersPolicy(name, **options)
    attach_settings(policy, read_settings(name))
    return policy


def _openai(place: str, options: dict[str, Any]) -> Policy:
    from .endpoint import EndpointConfig
    from .openai import OpenAIPolicy

    _accept("openai", options, [field.name for field in fields(EndpointConfig)])
    url, _, model = place.rpartition("#")
    return OpenAIPolicy(url, model, EndpointConfig(**options))


def _keywords(kind: type[Policy]) -> list[str]:
    parameters = inspect.signature(kind).parameters.values()
    return [each.name for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]


def _accept(kind: str, options: dict[str, Any], known: tuple[str, ...] | list[str]) -> None:
    for name in options:
        if name not in known:
            raise UnknownName(f"option of the agent {kind}", name, known)


_MAKERS: dict[str, Callable[[str, dict[str, Any]], Policy]] = {
    "expert": _expert,
    "random": _random,
    "script": _script,
    "ckpt": _checkpoint,
    "hf": _hugging_face,
    "openai": _openai,
}
