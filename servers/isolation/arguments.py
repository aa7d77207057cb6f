"""Which arguments of environments clients may give, and which the operator has fixed or bounded."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ...envs.registry import for_clients
from ...errors import UnknownName, UsageError
from ..protocol.problems import Refused, not_allowed
from .descriptions import EnvDescription

_FORM = re.compile(r"(?:(?P<env>.+?):)?(?P<name>[A-Za-z_]\w*)(?P<sign><=|>=|=)(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """What an operator says of one argument.

    Args:
        name: of the argument.
        env_id: of which environment; empty for all that have it.
        fixed: whether it always has `value`.
        value: the fixed one.
        least: the least number that a client may ask for.
        most: the largest one.
    """

    name: str
    env_id: str = ""
    fixed: bool = False
    value: Any = None
    least: float = -math.inf
    most: float = math.inf


def parse_rules(given: Iterable[str]) -> tuple[ArgumentRule, ...]:
    """Read [ENV:]NAME=VALUE, [ENV:]NAME<=NUMBER and [ENV:]NAME>=NUMBER; a value is JSON, or else a text.

    Raises:
        UsageError: if one has another form.
    """
    return tuple(map(_parse, given))


def _parse(given: str) -> ArgumentRule:
    match = _FORM.fullmatch(given)
    if match is None:
        raise UsageError(f"--argument {given!r}: expected [ENV:]NAME=VALUE, or <= or >= and a number")
    name, env_id, value = match["name"], match["env"] or "", _value(match["value"])
    if match["sign"] == "=":
        return ArgumentRule(name, env_id, fixed=True, value=value)
    if not _is_number(value):
        raise UsageError(f"--argument {given!r}: expected a number after {match['sign']}")
    if match["sign"] == "<=":
        return ArgumentRule(name, env_id, most=value)
    return ArgumentRule(name, env_id, least=value)


def _value(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


class Arguments:
    """The rules of one environment's arguments.

    Args:
        env_id: the environment.
        described: what is known of it.
        rules: the operator's, of any environment; they count before those that it was registered with.

    Raises:
        UnknownName: if the environment is named with an argument that it does not have.
    """

    def __init__(self, env_id: str, described: EnvDescription, rules: Sequence[ArgumentRule]) -> None:
        known = described.kwargs or {}
        self.fixed: dict[str, Any] = {}
        self.ranges: dict[str, tuple[float, float]] = {}
        self.withheld = set(described.withheld)
        for name, bounds in for_clients(env_id).items():
            if bounds is None:
                self.withheld.add(name)
            else:
                self.ranges[name] = bounds
        for rule in rules:
            if rule.env_id == env_id and known and rule.name not in known:
                raise UnknownName(f"argument of {env_id}", rule.name, known)
            if rule.env_id == env_id or (not rule.env_id and rule.name in known):
                self._add(rule)

    def admit(self, kwargs: Mapping[str, Any]) -> None:
        """Check what a client gives.

        Raises:
            Refused: naming the argument that is the operator's, or out of range.
        """
        for name, value in kwargs.items():
            if name in self.withheld or (name in self.fixed and value != self.fixed[name]):
                todo = "leave it out; an operator fixes it with --argument " + name[:100] + "=VALUE"
                raise Refused(not_allowed(f"the argument {name[:100]!r} is the operator's", value, todo))
            if name in self.ranges:
                least, most = self.ranges[name]
                if not (_is_number(value) and least <= value <= most):
                    detail = f"the argument {name[:100]!r} has to be a number {_said(least, most)}"
                    todo = "ask for less, or the operator for other bounds: --argument NAME<=NUMBER"
                    raise Refused(not_allowed(detail, value, todo))

    def shown(self, kwargs: Mapping[str, str] | None) -> dict[str, str] | None:
        """Return what clients are told of the arguments' types."""
        if kwargs is None:
            return None
        shown = {name: said for name, said in kwargs.items() if name not in self.withheld | set(self.fixed)}
        for name, (least, most) in self.ranges.items():
            if name in shown:
                shown[name] = f"{shown[name]}, {_said(least, most)}"
        return shown

    def _add(self, rule: ArgumentRule) -> None:
        self.withheld.discard(rule.name)
        if rule.fixed:
            self.fixed[rule.name] = rule.value
            return
        least, most = self.ranges.get(rule.name, (-math.inf, math.inf))
        least = rule.least if rule.least > -math.inf else least
        self.ranges[rule.name] = (least, rule.most if rule.most < math.inf else most)


def _is_number(value: Any) -> bool:
    is_finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return is_finite and not isinstance(value, bool)


def _said(least: float, most: float) -> str:
    if most == math.inf:
        return f"at least {least:g}"
    return f"at most {most:g}" if least == -math.inf else f"from {least:g} to {most:g}"
