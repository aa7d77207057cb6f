"""A benchmark version, frozen: its file, its environments as they are here, its secret, all in one hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import orjson

from ...envs import core, retrieval
from ...envs.fingerprint import without_docstrings
from ...envs.registry import make
from ...errors import UnknownName, UsageError
from ..isolation.descriptions import EnvDescription, describe_env
from ..protocol.encoding import plain
from .draws import Task, arguments_of, commitment, public_secret, secret_of, tasks_of
from .file import Benchmark, load

_DECIDING = ("draws.py", "runs.py", "score.py", "watch.py")
_MAX_DATA_FILES = 100_000
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Frozen:
    """A benchmark as it is served.

    Args:
        benchmark: what its file says.
        secret: of its tasks.
        arguments: what each environment is made with, files by their absolute names.
        fingerprints: of each environment.
        hash: of everything that decides a score.
    """

    benchmark: Benchmark
    secret: bytes
    arguments: tuple[dict[str, Any], ...]
    fingerprints: tuple[str, ...]
    hash: str

    def tasks(self, run: str) -> list[Task]:
        """Return the tasks of a run, in its order."""
        return list(tasks_of(self.benchmark, self.secret, run))

    @cached_property
    def shown(self) -> dict[str, Any]:
        """Return what clients are told of it."""
        benchmark = self.benchmark
        return {
            "name": benchmark.name,
            "version": benchmark.version,
            "hash": self.hash,
            "description": benchmark.description,
            "split": benchmark.split,
            "draw": benchmark.draw,
            "tasks": benchmark.num_tasks,
            "shown": list(benchmark.shown),
            "reveal": benchmark.reveal,
            **{name: getattr(benchmark.budget, name) for name in ("turns", "seconds", "attempts_per_week")},
            "attempts": benchmark.budget.attempts,
            "parallel": benchmark.budget.parallel,
            "metric": benchmark.score.metric,
            "environments": sorted({each.id for each in benchmark.environments}),
            "board": benchmark.board,
            "board_owners": benchmark.board_owners,
        }

    @cached_property
    def told(self) -> dict[str, Any]:
        """Return what a record says of it."""
        benchmark = self.benchmark
        return {
            "name": benchmark.name,
            "version": benchmark.version,
            "hash": self.hash,
            "split": benchmark.split,
            "draw": benchmark.draw,
            "metric": benchmark.score.metric,
            "lost": benchmark.score.lost,
            "secret_sha256": commitment(self.secret),
            "environments": [
                {"id": each.id, "fingerprint": fingerprint}
                for each, fingerprint in zip(benchmark.environments, self.fingerprints, strict=True)
            ],
        }


def freeze(file: Path, master: bytes | None) -> Frozen:
    """Load a benchmark file and find out what decides its scores here.

    Args:
        file: the benchmark.
        master: the operator's secret; None plays the public split, whatever the file says.

    Raises:
        UsageError: if the file is wrong, or an environment cannot be made as it says.
    """
    benchmark = load(file)
    where = f"benchmark file {str(file)!r}"
    if master is None:
        benchmark = replace(benchmark, split="public")
    if benchmark.split == "public":
        secret = public_secret(benchmark.name, benchmark.version)
    else:
        assert master is not None, "without a secret the split is public"
        secret = secret_of(master, benchmark.name, benchmark.version)
    arguments, prints, data = [], [], []
    for place in range(len(benchmark.environments)):
        given, digests = _arguments(benchmark, place, secret, file.parent, where)
        arguments.append(given)
        prints.append(
            _fingerprint(benchmark.environments[place].id, given, f"{where}: environments[{place}]")
        )
        data.append(digests)
    decides = {
        "benchmark": benchmark.document(),
        "fingerprints": prints,
        "data": data,
        "rules": rules_fingerprint(),
        "secret_sha256": commitment(secret),
    }
    content = orjson.dumps(plain(decides, where), option=orjson.OPT_SORT_KEYS)
    return Frozen(benchmark, secret, tuple(arguments), tuple(prints), hashlib.sha256(content).hexdigest())


@cache
def rules_fingerprint() -> str:
    """Hash the code that decides a score beside the environments' own: drawing, judging, the contract."""
    here = Path(__file__).parent
    folder = Path(str(retrieval.__file__)).parent
    files = [*(here / name for name in _DECIDING), Path(str(core.__file__)), *sorted(folder.glob("*.py"))]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + without_docstrings(file.read_bytes()))
    return digest.hexdigest()[:16]


def _arguments(
    benchmark: Benchmark, place: int, secret: bytes, folder: Path, where: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the arguments of an environment with its files found, and the digests of these."""
    env = benchmark.environments[place]
    key = f"{where}: environments[{place}]"
    try:
        described = describe_env(env.id)
    except UnknownName as error:
        raise UnknownName("environment", error.given, error.known, f" ({key}.id)") from error
    except UsageError as error:
        raise UsageError(f"{key}.id = {env.id!r}: {error}") from error
    given = arguments_of(benchmark, place, secret)
    _check_names(env.secret, given, described, key)
    if benchmark.split == "hidden":
        _check_worlds(env.secret, described, key)
    digests: dict[str, str] = {}
    for name in described.files:
        if given.get(name) is not None:
            given[name], digests[name] = _file(folder, given[name], f"{key}: {name}")
    return given, digests


def _check_names(
    secret: tuple[str, ...], given: Mapping[str, Any], described: EnvDescription, key: str
) -> None:
    known = described.kwargs
    for name in given if known else ():
        if known is not None and name not in known:
            raise UnknownName("argument", name, known, f" ({key})")
    for name in secret:
        if known is not None and "int" not in str(known.get(name, "int")):
            raise UsageError(
                f"{key}.secret = {list(secret)!r}; expected whole numbers, and {name!r} is not one"
            )


def _check_worlds(secret: tuple[str, ...], described: EnvDescription, key: str) -> None:
    """Refuse a world that anybody can make, with the answers to all of its questions."""
    for name in described.kwargs or {}:
        if name.endswith("_seed") and name not in secret:
            raise UsageError(
                f"{key}.secret = {list(secret)!r}; expected {name!r} in it where the split is hidden: of a "
                "known world anybody knows the answers"
            )


def _file(folder: Path, value: Any, where: str) -> tuple[str, str]:
    if not isinstance(value, str):
        raise UsageError(f"{where} = {value!r}; expected the name of a file")
    path = (folder / Path(value).expanduser()).resolve()
    if not path.exists():
        raise UsageError(f"{where} = {value!r}: there is no {path}")
    digest = hashlib.sha256()
    for number, (name, file) in enumerate(_files(path)):
        if number >= _MAX_DATA_FILES:
            raise UsageError(f"{where} = {value!r}: more than {_MAX_DATA_FILES} files")
        with file.open("rb") as content:
            digest.update(f"{len(name)}:{name}:{file.stat().st_size}:".encode())
            while part := content.read(_CHUNK_BYTES):
                digest.update(part)
    return str(path), digest.hexdigest()


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_file():
        yield "", path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file():
            yield file.relative_to(path).as_posix(), file


def _fingerprint(env_id: str, arguments: dict[str, Any], key: str) -> str:
    try:
        with make(env_id, **arguments) as env:
            return env.fingerprint
    except UsageError as error:
        raise UsageError(f"{key}: {env_id} cannot be made with these arguments: {error}") from error
