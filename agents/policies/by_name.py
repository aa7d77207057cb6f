"""Agents by name: the forms of `AGENTS`."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib.util import find_spec
from inspect import signature
from pathlib import Path
from typing import Any

from ...arguments import accepted, options_of_maker, options_of_settings
from ...errors import UnknownName, UsageError
from ...files import load_object
from ..policy import Policy
from .places import model_place, policy_folder, shipped_policy
from .settings import read_settings

_FORMS = {
    "expert": "expert",
    "random": "random",
    "script": "script:FILE",
    "ckpt": "ckpt:RUN-OR-DIR",
    "hf": "hf:NAME",
    "vllm": "vllm:URL#MODEL",
    "openai": "openai:URL#MODEL",
}
AGENTS = " | ".join([*_FORMS.values(), "module:Class", "file.py:Class"])


def make_policy(spec: str, **options: Any) -> Policy:
    """Make the policy that a spec names.

    Args:
        spec: one of the forms of `AGENTS`. Of a run the best checkpoint is taken. A class of
            one's own is a Policy, or anything that returns one when it is called.
        options: further arguments of that kind of policy, e.g. `cost_cap` for an endpoint.

    Raises:
        UnknownName: if there is no such kind of agent or option.
        UsageError: if the spec lacks its second part or has one too many, or names no policy.
        CheckpointError: if a checkpoint is missing or broken; CheckpointMissing where none is at its place.
    """
    kind, sign, rest = spec.partition(":")
    if kind not in _MAKERS:
        if not sign:
            raise UnknownName("agent", spec, AGENTS.split(" | "))
        if get_close_matches(kind, _MAKERS) and not _is_importable(kind):
            raise UnknownName("kind of agent", kind, _MAKERS)
        return _own(spec, options)
    if (":" in _FORMS[kind]) != bool(sign and rest):
        raise UsageError(f"agent {spec!r}: expected {_FORMS[kind]}")
    return _MAKERS[kind](rest, options)


def told_name(agent: str) -> str:
    """Return what records and boards call an agent: others see them, so without folders and addresses."""
    kind, _, rest = agent.partition(":")
    if kind in ("openai", "vllm") and "#" in rest:
        model = rest.rpartition("#")[2]
        return f"{kind}:{Path(model).name if model.startswith('/') else model}"
    if kind in ("ckpt", "script") or (kind == "hf" and Path(rest).is_dir()):
        return f"{kind}:{Path(rest).name}"
    file, colon, name = agent.rpartition(":")
    return f"{Path(file).name}:{name}" if colon and file.endswith(".py") else agent


def _expert(_: str, options: dict[str, Any]) -> Policy:
    from .expert import ExpertPolicy

    accepted("expert", options, [])
    return ExpertPolicy()


def _random(_: str, options: dict[str, Any]) -> Policy:
    from .random import RandomPolicy

    accepted("random", options, [])
    return RandomPolicy()


def _script(path: str, options: dict[str, Any]) -> Policy:
    from .script import ScriptedPolicy

    return ScriptedPolicy.load(path, **accepted("script", options, options_of_maker(ScriptedPolicy.load)))


def _checkpoint(folder: str, options: dict[str, Any]) -> Policy:
    from ..tiny import TinyPolicy, is_tiny, load_policy

    place = shipped_policy(folder) or policy_folder(Path(folder))
    if not is_tiny(place):  # of a run that trained another kind
        return _hugging_face(str(place), options)
    options = accepted("ckpt", options, options_of_maker(TinyPolicy))
    policy = load_policy(place, **options)
    policy.settings = read_settings(place)
    return policy


def _hugging_face(name: str, options: dict[str, Any]) -> Policy:
    from .seeing import SeeingPolicy, sees
    from .transformers import TransformersPolicy

    place = model_place(name)
    accepted("hf", options, options_of_maker(TransformersPolicy))  # before anything is asked of the hub
    maker = SeeingPolicy if sees(place) else TransformersPolicy
    policy: Policy = maker(place, **accepted("hf", options, options_of_maker(maker)))
    policy.settings = read_settings(place)
    return policy


def _openai(place: str, options: dict[str, Any]) -> Policy:
    from .endpoint import EndpointConfig
    from .openai import OpenAIPolicy

    options = accepted("openai", options, options_of_settings(EndpointConfig))
    url, _, model = place.rpartition("#")
    return OpenAIPolicy(url, model, EndpointConfig(**options))


def _vllm(place: str, options: dict[str, Any]) -> Policy:
    from .vllm.named import vllm_policy

    url, _, model = place.partition("#")
    return vllm_policy(url, model, **accepted("vllm", options, options_of_maker(vllm_policy)))


def _own(spec: str, options: dict[str, Any]) -> Policy:
    """Make a policy of one's own: of a class in a module or in a file."""
    maker = load_object(spec, given=f"agent {spec!r}")
    if not callable(maker):
        raise UsageError(f"agent {spec!r}: is {type(maker).__name__}; expected a class of policies")
    given = accepted(spec, options, options_of_maker(maker, positional=True))
    try:
        signature(maker).bind(**given)
    except TypeError as error:
        raise UsageError(
            f"agent {spec!r}: {error}; expected a subclass of turnwise.agents.policies.Policy, or what makes "
            "one of its options (a function of requests is an agent for turnwise.evaluate alone)"
        ) from error
    policy = maker(**given)
    if not isinstance(policy, Policy):
        raise UsageError(
            f"agent {spec!r}: makes {type(policy).__name__}; expected a subclass of "
            "turnwise.agents.policies.Policy"
        )
    return policy


def _is_importable(source: str) -> bool:
    root = source.partition(".")[0]
    return source.endswith(".py") or (root.isidentifier() and find_spec(root) is not None)


_MAKERS: dict[str, Callable[[str, dict[str, Any]], Policy]] = {
    "expert": _expert,
    "random": _random,
    "script": _script,
    "ckpt": _checkpoint,
    "hf": _hugging_face,
    "vllm": _vllm,
    "openai": _openai,
}
