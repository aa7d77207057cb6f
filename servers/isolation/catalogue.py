"""What a server offers: which environments, with which arguments, isolated how.

Registered environments are on offer unless the operator names others. A class
named by where it lives, and every argument that names a file, needs the
operator's word at start: a client must not make the server import code or read
files of its own choosing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...envs.registry import make, registered, version_of
from ...errors import UnknownName, UsageError
from ..protocol.problems import Refused, not_allowed, unknown_environment
from .arguments import ArgumentRule, Arguments
from .descriptions import EnvDescription, describe_env
from .hosts import Host, Isolation, LocalHost, isolation_of
from .process_pool import ProcessPool

_LOOKS_LIKE_FILE = re.compile(r"[/\\]|^~|\.[A-Za-z0-9]{1,8}$")


class Catalogue:
    """The environments that sessions may be made of.

    Args:
        envs: ids, `module:Class` or `file.py:Class`; None offers every registered one.
        data_roots: folders that arguments may name files in.
        isolation: how an environment runs; the key "*" is for those not named.
        trusted: allow everything, for sessions in the caller's own process.
        pools: the processes that keep environments, for each way of isolation that has them.
        descriptions: of environments that are not to be imported here; all others are.
        arguments: what the operator says of arguments.

    Raises:
        UnknownName: if an id is not registered.
        UsageError: if a class cannot be imported, a folder or the pool for containers is missing.
    """

    def __init__(
        self,
        envs: Sequence[str] | None = None,
        *,
        data_roots: Sequence[Path] = (),
        isolation: Mapping[str, Isolation] | None = None,
        trusted: bool = False,
        pools: Mapping[Isolation, ProcessPool] | None = None,
        descriptions: Mapping[str, EnvDescription] | None = None,
        arguments: Sequence[ArgumentRule] = (),
    ) -> None:
        self._named = tuple(envs) if envs else None
        self._roots = tuple(_folder(root) for root in data_roots)
        self._isolation = dict(isolation or {})
        self.trusted, self._folder = trusted, None if trusted else Path.cwd()
        self.pools = dict(pools or {})
        ways = set(self._isolation.values())
        if "process" in ways and "process" not in self.pools:
            self.pools["process"] = ProcessPool()
        if "container" in ways and "container" not in self.pools:
            raise UsageError("isolation in containers needs a pool that says of which image")
        self._descriptions = dict(descriptions or {})
        self._rules, self._arguments = tuple(arguments), dict[str, Arguments]()
        for env_id in self._named or ():
            self._arguments_of(env_id)
        self._check_rules()

    def ids(self) -> list[str]:
        """Return the ids on offer, sorted."""
        return sorted(self._named) if self._named is not None else sorted(registered())

    def isolation_of(self, env_id: str) -> Isolation:
        """Return how an environment runs."""
        return isolation_of(self._isolation, env_id)

    def listing(self) -> list[dict[str, Any]]:
        """Describe the environments on offer, for clients and people."""
        table = registered()
        return [
            {
                "id": env_id,
                "version": version_of(env_id),
                "fingerprint": described.fingerprint,
                "description": table.get(env_id) or described.description,
                "isolation": self.isolation_of(env_id),
                "no_expert": described.no_expert,
                "kwargs": self._arguments_of(env_id).shown(described.kwargs),
            }
            for env_id, described in ((id, self._description_of(id)) for id in self.ids())
        ]

    def admit(self, env_id: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Check an id and its arguments.

        Returns:
            the arguments with files resolved inside the data roots.

        Raises:
            Refused: saying what is not on offer or not allowed.
        """
        if self.trusted:
            return kwargs
        if env_id not in self.ids():
            raise Refused(self._not_on_offer(env_id))
        arguments, files = self._arguments_of(env_id), self._description_of(env_id).files
        arguments.admit(kwargs)
        given = {name: value for name, value in kwargs.items() if name not in arguments.fixed}
        admitted = {name: self._admit_value(name, value, name in files) for name, value in given.items()}
        return admitted | arguments.fixed

    def reads_files(self, env_id: str, kwargs: dict[str, Any]) -> bool:
        """Tell whether an environment with these arguments reads files of the server."""
        if self.trusted:
            return False
        try:
            admitted = self.admit(env_id, kwargs)
        except Refused:
            return False
        files = self._description_of(env_id).files
        return any(
            value and (name in files or value != kwargs.get(name, value)) for name, value in admitted.items()
        )

    def build(self, env_id: str, kwargs: dict[str, Any]) -> Host:
        """Build an environment behind a host.

        Raises:
            UsageError: if the environment refuses the arguments.
        """
        pool = self.pools.get(self.isolation_of(env_id))
        if pool is not None:
            return pool.build(env_id, kwargs)
        if self._folder is not None and _is_relative(env_id):
            os.chdir(self._folder)  # relative names of files begin there, wherever an environment went
        return LocalHost(make(env_id, **kwargs))

    def close(self, seconds: float = 0.0) -> None:
        """End the processes that keep environments, once these are closed.

        Args:
            seconds: how long that may take.
        """
        for pool in self.pools.values():
            pool.close(seconds)

    def _not_on_offer(self, env_id: str) -> Any:
        if ":" in env_id:
            return not_allowed(
                f"the class {env_id[:200]!r} is not on offer",
                env_id,
                "ask the operator to start the server with --env " + env_id[:200],
            )
        return unknown_environment(
            str(UnknownName("environment", env_id[:200], self.ids())), env_id, self.ids()
        )

    def _admit_value(self, name: str, value: Any, is_file: bool) -> Any:
        if isinstance(value, list):
            return [self._admit_value(name, item, is_file) for item in value]
        if isinstance(value, dict):
            return {key: self._admit_value(name, item, is_file) for key, item in value.items()}
        if not isinstance(value, str) or not (is_file or _LOOKS_LIKE_FILE.search(value)):
            return value
        for root in self._roots:
            path = _inside(root, value)
            if path is not None:
                return str(path)
        raise Refused(
            not_allowed(
                f"the argument {name[:100]!r} names a file, and none of that name is in a data root",
                value,
                "ask the operator to start the server with --data-root FOLDER",
            )
        )

    def _check_rules(self) -> None:
        """Refuse rules that are of no environment on offer."""
        for rule in self._rules:
            if rule.env_id and rule.env_id not in self.ids():
                raise UnknownName("environment of --argument", rule.env_id, self.ids())
            if rule.env_id:
                self._arguments_of(rule.env_id)
            elif not any(rule.name in (self._description_of(id).kwargs or {}) for id in self.ids()):
                raise UsageError(
                    f"--argument {rule.name}: no environment on offer has an argument of that name"
                )

    def _arguments_of(self, env_id: str) -> Arguments:
        if env_id not in self._arguments:
            self._arguments[env_id] = Arguments(env_id, self._description_of(env_id), self._rules)
        return self._arguments[env_id]

    def _description_of(self, env_id: str) -> EnvDescription:
        if env_id not in self._descriptions:
            self._descriptions[env_id] = describe_env(env_id)
        return self._descriptions[env_id]


def _is_relative(env_id: str) -> bool:
    """Tell whether an id is a file's relative name and a class."""
    file = Path(env_id.rpartition(":")[0])
    return file.suffix == ".py" and not file.is_absolute()


def _folder(root: Path) -> Path:
    resolved = root.expanduser().resolve()
    if not resolved.is_dir():
        raise UsageError(f"data root {str(root)!r} is no folder")
    return resolved


def _inside(root: Path, value: str) -> Path | None:
    """Resolve a name under a root, symbolic links included; None if it leads outside or nowhere."""
    try:
        path = (root / value).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    return path if path.is_relative_to(root) else None
