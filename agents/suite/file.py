"""A suite file, TOML.

name = "small"
episodes = 50

[[agents]]
name = "expert"
agent = "expert"

[[agents]]
name = "mine"
agent = "openai:http://127.0.0.1:8001/v1#mine"
options = {temperature = 0.7}
prompt_price = 0.15        # US dollars for a million tokens
completion_price = 0.6

[[environments]]
id = "household/mix-v0"
split = "unseen"

[rollout]
max_turns = 30
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...settings import read, table
from ..evaluation.config import EVALUATION, KEEP_MB
from ..rollout.config import RolloutConfig

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_FILE_BYTES = 1 << 20
_MAX_CELLS = 10_000


@dataclass(frozen=True, slots=True)
class SuiteAgent:
    """One agent.

    Args:
        name: in tables and folders.
        agent: as the option --agent of `turnwise eval`.
        options: of the agent.
        prompt_price: US dollars for a million tokens of prompts; 0 leaves it to what an endpoint bills.
        completion_price: the same of generated ones.
    """

    name: str
    agent: str
    options: dict[str, Any] = field(default_factory=dict)
    prompt_price: float = 0.0
    completion_price: float = 0.0


@dataclass(frozen=True, slots=True)
class SuiteEnv:
    """One environment.

    Args:
        id: of the environment.
        name: in tables and folders; by default the id, with - for /.
        kwargs: its arguments.
        split: its argument `split`, where it has one.
        episodes: how many tasks; 0 is the suite's number.
        seed: the first task's.
    """

    id: str
    name: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)
    split: str | None = None
    episodes: int = 0
    seed: int = 0

    @property
    def called(self) -> str:
        """Return its name."""
        return self.name or re.sub(r"[^A-Za-z0-9._-]", "-", self.id)


@dataclass(frozen=True, slots=True)
class Suite:
    """What a suite file says.

    Args:
        name: of the suite.
        agents: who plays.
        environments: what is played.
        episodes: tasks of each environment.
        rollout: as the flags of `turnwise eval`, with its defaults.
        keep_mb: megabytes of trajectories that each cell keeps.
    """

    name: str
    agents: tuple[SuiteAgent, ...]
    environments: tuple[SuiteEnv, ...]
    episodes: int = 100
    rollout: RolloutConfig = EVALUATION
    keep_mb: float = KEEP_MB

    def num_episodes(self, env: SuiteEnv) -> int:
        """Return how many tasks of an environment are played."""
        return env.episodes or self.episodes

    def config(self, *, repeatable: bool) -> RolloutConfig:
        """Return how episodes are played: in lock-step by a policy that repeats itself."""
        return replace(self.rollout, deterministic=repeatable)


def load(file: Path) -> Suite:
    """Read a suite file.

    Raises:
        UsageError: naming the file, the key, what it is and what was expected.
    """
    where = f"suite file {str(file)!r}"
    try:
        content = file.read_bytes()
        if len(content) > _MAX_FILE_BYTES:
            raise UsageError(f"{where}: {len(content)} bytes; expected at most {_MAX_FILE_BYTES}")
        found = tomllib.loads(content.decode())
    except OSError as error:
        raise UsageError(f"{where}: {error.strerror}; expected a TOML file that can be read") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{where}: is not TOML: {error}") from error
    if isinstance(found.get("rollout"), Mapping):
        found["rollout"] = {**table(EVALUATION), **found["rollout"]}
    suite = read(Suite, found, where)
    _check(suite, where)
    return suite


def _check(suite: Suite, where: str) -> None:
    for key, names in (
        ("agents", [agent.name for agent in suite.agents]),
        ("environments", [env.called for env in suite.environments]),
    ):
        if not names:
            raise UsageError(f"{where}: {key} is empty; expected at least one [[{key}]]")
        for name in names:
            if not _NAME.fullmatch(name):
                expected = "letters, digits, '.', '_' and '-', at most 64, a letter or digit first"
                raise UsageError(f"{where}: {key} has the name {name!r}; expected {expected}")
        if len({name.lower() for name in names}) < len(names):
            raise UsageError(f"{where}: {key} {names}: expected names that differ; give one another `name`")
    if len(suite.agents) * len(suite.environments) > _MAX_CELLS:
        raise UsageError(f"{where}: more than {_MAX_CELLS} agents times environments")
    numbers = [suite.episodes, *(env.episodes or 1 for env in suite.environments)]
    if min(numbers) < 1 or min(env.seed for env in suite.environments) < 0:
        raise UsageError(f"{where}: episodes {numbers}: expected at least one, and no seed below 0")
    prices = [price for each in suite.agents for price in (each.prompt_price, each.completion_price)]
    if not all(math.isfinite(price) and price >= 0 for price in prices):
        raise UsageError(f"{where}: prices {prices}: expected US dollars for a million tokens, 0 or more")
