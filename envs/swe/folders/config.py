"""A task.toml as data, schema to 1.4 and the older spellings.

Source: the public description of Harbor's task format (harborframework.com/docs/tasks, its pages on
multi-step tasks and separate verifiers) and its package on the Python index.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ....errors import UsageError
from ...sandbox.network import Allowlist
from .reading import FolderError, Table

Network = Literal["none", "public"] | tuple[str, ...]
MAX_TOML_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A box, as [environment] or [verifier.environment] describes it; sizes in bytes, None is our default."""

    image: str | None = None
    workdir: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    network: Network | None = None  # None: not said, which in the format's own terms is public
    cpus: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None
    healthcheck: Health | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A command that must succeed before the agent begins."""

    command: str
    interval_s: float = 5.0
    timeout_s: float = 30.0
    start_s: float = 0.0
    retries: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """How a submission is judged: in the agent's box, or in one of its own with what is carried over."""

    timeout_s: float = 600.0
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    separate: bool = False
    place: Place | None = None
    collect: Sequence[tuple[str, float]] = ()  # (command, seconds), run in the agent's box first


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a task: its folder's name, its verifier, and what it must come to for the next."""

    name: str
    timeout_s: float | None
    verifier: Verifier
    min_reward: Mapping[str, float]
    artifacts: Sequence[str]
    healthcheck: Health | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One task.toml.

    Args:
        name: of the task, "" if the file gives none.
        notes: fields that have no effect here, a sentence each.
        final: whether the last step alone decides, instead of the mean.
    """

    name: str
    metadata: Mapping[str, Any]
    timeout_s: float | None
    user: str | None
    agent_network: Network | None
    place: Place
    verifier: Verifier
    artifacts: Sequence[str]
    steps: Sequence[Step]
    final: bool
    solution_env: Mapping[str, str]
    notes: Sequence[str]


def read_config(file: Path) -> Config:
    """Read a task.toml.

    Raises:
        FolderError: naming the file and the field.
    """
    try:
        if file.stat().st_size > MAX_TOML_BYTES:
            raise FolderError(f"{file}: longer than {MAX_TOML_BYTES} bytes")
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FolderError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FolderError(f"{file}: not TOML: {error}") from error
    top = Table(str(file), "", raw, [])
    for key in ("schema_version", "version"):
        version = top.text(key)
        if version is not None and version.split(".")[0] != "1":
            raise top.error(key, f"version {version!r} is not known; expected 1.0 to 1.4")
    top.get("source")
    config = _config(top)
    top.end()
    return config


def _config(top: Table) -> Config:
    task, agent, solution = top.table("task"), top.table("agent"), top.table("solution")
    name = task.text("name") or ""
    for key in ("version", "description", "authors", "keywords"):
        task.get(key)
    metadata = top.get("metadata")
    place, verifier = _place(top.table("environment")), _verifier(top.table("verifier"), None)
    artifacts = _artifacts(top)
    made = Config(
        name=name,
        metadata=metadata if isinstance(metadata, Mapping) else {},
        timeout_s=agent.number("timeout_sec"),
        user=agent.text("user"),
        agent_network=_network(agent, None),
        place=place,
        verifier=verifier,
        artifacts=artifacts,
        steps=[_step(step, verifier) for step in top.tables("steps")],
        final=top.choice("multi_step_reward_strategy", ("mean", "final")) == "final",
        solution_env=solution.variables("env"),
        notes=top.notes,
    )
    for table in (task, agent, solution):
        table.end()
    names = [step.name.casefold() for step in made.steps]
    if len(set(names)) != len(names):
        raise top.error("steps", f"two steps have one name: {names}")
    return made


def _place(table: Table) -> Place:
    table.get("build_timeout_sec")
    if (table.text("os") or "linux").lower() != "linux":
        raise table.error("os", "only linux runs here")
    table.unsupported("gpus", "gpu_types", "tpu", "mcp_servers", "skills_dir")
    legacy = table.get("allow_internet")
    default: Network | None = None if legacy is None else "public" if legacy else "none"
    found = Place(
        image=table.text("docker_image"),
        workdir=_absolute(table, "workdir"),
        env=table.variables("env"),
        network=_network(table, default),
        cpus=table.number("cpus"),
        memory_bytes=table.megabytes("memory_mb", "memory"),
        disk_bytes=table.megabytes("storage_mb", "storage"),
        healthcheck=_health(table),
    )
    table.end()
    return found


def _verifier(table: Table, above: Verifier | None) -> Verifier:
    mode = table.choice("environment_mode", ("shared", "separate"))
    has_place = "environment" in table.raw
    place = _place(table.table("environment")) if has_place else None
    if mode == "shared" and has_place:
        raise table.error("environment_mode", "shared, but there is a [verifier.environment]")
    inherited = above or Verifier()
    if table.get("network_mode") is not None:
        table.unsupported("network_mode", "allowed_hosts")
    found = Verifier(
        timeout_s=table.number("timeout_sec") or inherited.timeout_s,
        env={**inherited.env, **table.variables("env")},
        user=table.text("user") or inherited.user,
        separate=mode == "separate" or has_place or (mode is None and inherited.separate),
        place=place or inherited.place,
        collect=_collect(table) or inherited.collect,
    )
    table.end()
    return found


def _collect(table: Table) -> list[tuple[str, float]]:
    hooks = []
    for hook in table.tables("collect"):
        command = hook.text("command")
        if not command:
            raise hook.error("command", "missing")
        if (hook.text("service") or "main") != "main":
            hook.unsupported("service")
        else:
            hooks.append((command, hook.number("timeout_sec") or 60.0))
        hook.unsupported("user")
        hook.end()
    return hooks


def _step(table: Table, above: Verifier) -> Step:
    name = table.text("name")
    if not name or name in (".", "..") or "/" in name or "\\" in name:
        raise table.error("name", f"expected the name of a folder, got {name!r}")
    agent = table.table("agent")
    found = Step(
        name=name,
        timeout_s=agent.number("timeout_sec"),
        verifier=_verifier(table.table("verifier"), above),
        min_reward=_least(table),
        artifacts=_artifacts(table),
        healthcheck=_health(table),
    )
    agent.unsupported("user", "network_mode", "allowed_hosts")
    agent.end()
    table.end()
    return found


def _least(table: Table) -> dict[str, float]:
    value = table.get("min_reward")
    if value is None:
        return {}
    if isinstance(value, Mapping):
        inner = table.table("min_reward")
        return {key: float(inner.raw[key]) for key in inner.raw if inner.number(key) is not None}
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise table.error("min_reward", f"expected a number or a table of numbers, got {value!r}")
    return {"reward": float(value)}


def _network(table: Table, default: Network | None) -> Network | None:
    mode = table.choice("network_mode", ("public", "no-network", "allowlist"))
    hosts = table.get("allowed_hosts")
    if hosts is not None and (
        not isinstance(hosts, list) or not all(isinstance(host, str) for host in hosts)
    ):
        raise table.error("allowed_hosts", "expected a list of hosts")
    if hosts and mode != "allowlist":
        raise table.error("allowed_hosts", "only with network_mode = 'allowlist'")
    try:
        Allowlist(hosts or ())
    except UsageError as error:
        raise table.error("allowed_hosts", str(error)) from None
    if mode is None:
        return default
    return "public" if mode == "public" else "none" if mode == "no-network" else tuple(hosts or ())


def _health(table: Table) -> Health | None:
    if table.get("healthcheck") is None:
        return None
    check = table.table("healthcheck")
    command = check.text("command")
    if not command:
        raise check.error("command", "missing")
    found = Health(
        command=command,
        interval_s=check.number("interval_sec") or 5.0,
        timeout_s=check.number("timeout_sec") or 30.0,
        start_s=check.get("start_period_sec") or 0.0,
        retries=int(check.number("retries") or 3),
    )
    check.get("start_interval_sec")
    check.end()
    return found


def _artifacts(table: Table) -> list[str]:
    """Return the absolute paths that are carried to a verifier with a box of its own."""
    found = []
    for entry in table.get("artifacts") or []:
        source = (
            entry if isinstance(entry, str) else entry.get("source") if isinstance(entry, Mapping) else None
        )
        if not isinstance(source, str) or ".." in PurePosixPath(source).parts:
            raise table.error("artifacts", f"expected paths inside the box, got {entry!r}")
        if isinstance(entry, Mapping) and entry.get("service", "main") != "main":
            table.notes.append(
                f"{table.where}: artifact {source} of service {entry['service']}: not supported"
            )
            continue
        found.append(source)
    return found


def _absolute(table: Table, key: str) -> str | None:
    value = table.text(key)
    if value is not None and (not value.startswith("/") or "\0" in value):
        raise table.error(key, f"expected an absolute path, got {value!r:.200}")
    return value
