"""A benchmark is a file (TOML): which tasks, within which bounds, what is seen of them, how they score.

name = "rooms"
version = 1
split = "hidden"                    # seeds of the operator's secret; "public": of the name

[budget]
turns = 50                          # of a task
seconds = 3600.0                    # of a run, from its start
attempts_per_week = 3               # of a key

[[environments]]
id = "household/mix-v0"
tasks = 20
arguments = {difficulty = "small"}  # fixed
hidden = {split = "test"}           # joined to them where the split is hidden
public = {split = "unseen"}         # and where it is public
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...errors import UnknownName, UsageError
from ...settings import read

Split = Literal["hidden", "public"]
Look = Literal["none", "keys", "public"]
SHOWABLE = ("admissible", "instruction", "tools", "malformed", "agent", "images")
"""Keys of info that a benchmark may show inside a run: none of them tells where the task comes from."""
MAX_TASKS = 100_000
MAX_PARALLEL = 256
MAX_TURNS = 10_000
_MAX_SECONDS = 30 * 86_400.0
_MAX_FILE_BYTES = 1 << 20
_NOT_FROZEN = ("board", "board_owners")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class BenchmarkEnv:
    """One environment of a benchmark.

    Args:
        id: which.
        tasks: how many of its tasks a run plays.
        arguments: what it is always made with; names of files count from the folder of the benchmark.
        hidden: further ones of the hidden split.
        public: further ones of the public split.
        secret: arguments, whole numbers, that are drawn from the secret of the split, as the number of a
            generated world: what is made of a known number can be made by anyone, with its answers.
    """

    id: str
    tasks: int
    arguments: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, Any] = field(default_factory=dict)
    public: Mapping[str, Any] = field(default_factory=dict)
    secret: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may take.

    Args:
        turns: the most of a task; it is truncated then.
        seconds: the most of a run, from its start on the clock of the server.
        attempts_per_week: runs that a key may start within any seven days.
        attempts: runs that a key may start in all; 0 is no bound.
        parallel: tasks that may be open at the same time.
        episodes: tasks of a run, drawn among all; 0 is all.
    """

    turns: int
    seconds: float
    attempts_per_week: int
    attempts: int = 0
    parallel: int = 1
    episodes: int = 0


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a score is made: the mean over all tasks of a run of what the environment says at the end of each.

    Args:
        metric: info["won"] as 0 or 1, info["score"], or the sum of the rewards.
        lost: what a task is worth that was not finished, or failed for whatever reason.
    """

    metric: Literal["success", "score", "return"] = "success"
    lost: float = 0.0


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a benchmark file says.

    Args:
        name: lower case, for addresses and keys.
        version: rises when results could change.
        environments: what is played.
        budget: what a run may take.
        score: how it is judged.
        split: hidden, from the operator's secret; or public, which anybody can make.
        draw: fresh tasks for each run, or the same ones for all.
        shown: keys of info that a client sees inside a run.
        reveal: when a client is told the outcome of a task: once it has ended, or with the whole run.
        description: a line for people.
        board: who sees its leaderboard: nobody, the keys that play it, or anybody.
        board_owners: whether it names the keys.

    The last two decide no score: they are not in the hash, so that they may change within a version. A run
    is never shown to more than the file said when it began.
    """

    name: str
    version: int
    environments: tuple[BenchmarkEnv, ...]
    budget: Budget
    score: Scoring = Scoring()
    split: Split = "hidden"
    draw: Literal["fresh", "fixed"] = "fresh"
    shown: tuple[str, ...] = ("admissible", "instruction", "tools")
    reveal: Literal["task", "run"] = "run"
    description: str = ""
    board: Look = "keys"
    board_owners: bool = False

    @property
    def num_tasks(self) -> int:
        """Return how many tasks a run plays."""
        return self.budget.episodes or sum(each.tasks for each in self.environments)

    def document(self) -> dict[str, Any]:
        """Return what is frozen of it, as JSON holds it: not who sees its leaderboard."""
        return {name: value for name, value in asdict(self).items() if name not in _NOT_FROZEN}


def load(file: Path) -> Benchmark:
    """Read a benchmark file.

    Raises:
        UsageError: naming the file, the key, what it is and what was expected.
    """
    where = f"benchmark file {str(file)!r}"
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{where}: {error.strerror}; expected a TOML file that can be read") from error
    if len(content) > _MAX_FILE_BYTES:
        raise UsageError(f"{where}: {len(content)} bytes; expected at most {_MAX_FILE_BYTES}")
    try:
        table = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{where}: is not TOML: {error}") from error
    return from_table(table, where)


def from_table(table: Mapping[str, Any], where: str) -> Benchmark:
    """Read what a benchmark file holds.

    Raises:
        UsageError: naming the key, what it is and what was expected.
    """
    benchmark = read(Benchmark, table, where)
    if not _NAME.fullmatch(benchmark.name):
        expected = "lower case letters, digits, '.', '_' and '-', at most 64"
        raise UsageError(f"{where}: name = {benchmark.name!r}; expected {expected}")
    if len(benchmark.description) > 1000:
        length = len(benchmark.description)
        raise UsageError(f"{where}: description has {length} characters; expected at most 1000")
    _check_numbers(benchmark, where)
    for key in benchmark.shown:
        if key not in SHOWABLE:
            raise UnknownName("key of info in shown", key, SHOWABLE, f" ({where})")
    _check_environments(benchmark, where)
    _check_draw(benchmark, where)
    return benchmark


def _check_numbers(benchmark: Benchmark, where: str) -> None:
    budget, total = benchmark.budget, sum(each.tasks for each in benchmark.environments)
    for key, value, least, most in (
        ("version", benchmark.version, 1, 1_000_000),
        ("budget.turns", budget.turns, 1, MAX_TURNS),
        ("budget.seconds", budget.seconds, 1, _MAX_SECONDS),
        ("budget.attempts_per_week", budget.attempts_per_week, 1, 10_000),
        ("budget.attempts", budget.attempts, 0, 1_000_000),
        ("budget.parallel", budget.parallel, 1, MAX_PARALLEL),
        ("budget.episodes", budget.episodes, 0, total),
        ("score.lost", benchmark.score.lost, -1e9, 1e9),
    ):
        if not (math.isfinite(value) and least <= value <= most):
            raise UsageError(f"{where}: {key} = {value!r}; expected a number from {least:g} to {most:g}")


def _check_environments(benchmark: Benchmark, where: str) -> None:
    if not benchmark.environments:
        raise UsageError(f"{where}: environments is empty; expected at least one [[environments]]")
    for place, each in enumerate(benchmark.environments):
        key = f"environments[{place}]"
        if not 1 <= each.tasks <= MAX_TASKS:
            raise UsageError(f"{where}: {key}.tasks = {each.tasks!r}; expected from 1 to {MAX_TASKS}")
        for name in each.secret:
            if name in {*each.arguments, *each.hidden, *each.public}:
                raise UsageError(
                    f"{where}: {key}.secret = {list(each.secret)!r}; expected arguments that stand in no "
                    f"other table, and {name!r} does"
                )
    total = sum(each.tasks for each in benchmark.environments)
    if total > MAX_TASKS:
        raise UsageError(f"{where}: {total} tasks in all; expected at most {MAX_TASKS}")


def _check_draw(benchmark: Benchmark, where: str) -> None:
    if benchmark.draw == "fixed" and benchmark.split == "hidden" and benchmark.budget.attempts != 1:
        raise UsageError(
            f"{where}: budget.attempts = {benchmark.budget.attempts}; expected 1 where draw is 'fixed' and "
            "split 'hidden': a second run would be a second attempt at the same tasks; or take draw 'fresh'"
        )
