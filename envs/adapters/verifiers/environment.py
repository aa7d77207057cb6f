"""A taskset of verifiers as an environment: `verifiers:gsm8k-v1`.

    turnwise eval --env verifiers:NAME -k 'config={"split": "test"}' --agent AGENT

verifiers runs the episode: the taskset, its tools, users, judges and rewards are its own. Whatever it asks
its model is shown to the agent, and the agent's action is the answer: a text, or calls of the tools that are
offered. The reward comes at the end. verifiers: github.com/PrimeIntellect-ai/verifiers, version 0.4.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ....errors import EnvironmentFault, UsageError
from ...core import MAX_TEXT_CHARS, Info
from ...sandbox.loop import call
from ..named import NamedEnv
from .endpoint import Asked
from .messages import completion, key_of, shown
from .playing import Playing

HARNESS = "turnwise-verifiers"
_READ: dict[tuple[str, int], list[Any]] = {}
_MAX_READ = 8


class Verifiers(NamedEnv):
    """A task of a taskset; seed n is task n, from the first again behind the last.

    The reward is verifiers' own: the sum of the weighted rewards of all seats, which the agent plays all.
    Success is not known unless `won_from` says from which reward on a task is won.

    Args:
        config: settings of the taskset.
        env: settings of the environment, as verifiers' `[env]` block has them; e.g. {"id": ...}.
        harness: what talks to the model; by default a chat in this process, with the task's tools.
        max_tasks: tasks of a taskset that has no end, or more.
        max_turns: answers of an episode.
        won_from: the least reward of a task that is won.
        timeout_s: how long verifiers may take between two questions.

    Raises:
        UsageError: if verifiers is not installed, knows no such taskset, or refuses the settings.
    """

    package, module = "verifiers", "verifiers.v1"
    no_expert = "verifiers does not say what the best answer is"
    no_clone = "verifiers runs the episode"
    for_operators = ("config", "env", "harness")

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, Any] | None = None,
        harness: str = HARNESS,
        max_tasks: int = 10_000,
        max_turns: int = 100,
        won_from: float | None = None,
        timeout_s: float = 300.0,
    ) -> None:
        if max_tasks < 1 or max_turns < 1 or not timeout_s > 0:
            raise UsageError(f"max_tasks {max_tasks}, max_turns {max_turns}, timeout_s {timeout_s}: too few")
        self._max_turns, self._won_from = max_turns, won_from
        settings = {"taskset": {**(config or {}), "id": self.named}, **(env or {})}
        made = self._made(settings, harness)
        self._tasks = _tasks(json.dumps(settings, sort_keys=True), max_tasks, made.taskset)
        if not self._tasks:
            raise UsageError(f"{self.named}: holds no task with these settings")
        self._playing = Playing(made, timeout_s)
        self._asked: Asked | None = None

    @property
    def num_tasks(self) -> int:
        """Return how many tasks there are."""
        return len(self._tasks)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, Info]:
        """Start the task of the seed."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(len(self._tasks))) if seed is None else seed % len(self._tasks)
        task = self._tasks[number]
        self._task = str(task.data.name or f"{self.named}#{number}")
        self._turn, self._before = 0, list[Any]()
        came = call(self._playing.start(task))
        if not isinstance(came, Asked):
            raise EnvironmentFault(f"{self._task} ended before its model was asked: {_errors(came)}")
        return self._show(came)

    def step(self, action: str) -> tuple[str, float, bool, bool, Info]:
        """Answer the question that is open."""
        if self._asked is None:
            return "", 0.0, True, False, {"state_key": "over"}
        document = completion(action, self._asked.body, self._turn)
        self._turn += 1
        came = call(self._answer(self._asked, document))
        if isinstance(came, Asked) and self._turn < self._max_turns:
            text, info = self._show(came)
            return text, 0.0, False, False, info
        self._asked = None
        if isinstance(came, Asked):
            call(self._playing.end_episode())
            return "", 0.0, False, True, {"state_key": "cut off"}
        return self._ended(came)

    def close(self) -> None:
        """End what runs."""
        call(self._playing.close())

    def _made(self, settings: dict[str, Any], harness: str) -> Any:
        """Return verifiers' environment, with a harness in this process wherever no other is asked for."""
        self.imported()
        from verifiers.v1.configs.agent import agent_config_fields
        from verifiers.v1.utils.loaders import load_environment, resolve_env_config

        local = {"harness": {"id": harness}, "runtime": {"type": "subprocess"}}
        try:
            roles = agent_config_fields(resolve_env_config(settings))
            given = {role: {**local, **settings.get(role, {})} for role in roles}
            return load_environment(resolve_env_config({**settings, **given}))
        except (ImportError, ValueError, TypeError, AttributeError, OSError) as error:
            raise UsageError(f"verifiers:{self.named}: {type(error).__name__}: {error}") from error

    async def _answer(self, asked: Asked, document: dict[str, Any]) -> Any:
        asked.answer.set_result(document)
        return await self._playing.next()

    def _show(self, asked: Asked) -> tuple[str, Info]:
        self._asked = asked
        messages = list(asked.body.get("messages") or ())
        text = shown(messages, self._before)[:MAX_TEXT_CHARS]
        self._before = messages
        return text, self._info()

    def _info(self) -> Info:
        assert self._asked is not None
        tools = self._asked.body.get("tools")
        return {
            "task": self._task,
            "state_key": key_of(self._before),
            **({"tools": tools} if tools else {}),
            **({} if self._won_from is None else {"won": False}),
        }

    def _ended(self, episode: Any) -> tuple[str, float, bool, bool, Info]:
        """Return the last reply, with what verifiers gave and measured."""
        if not episode.ok:
            raise EnvironmentFault(f"{self._task}: {_errors(episode)}")
        reward = float(sum(trace.reward for trace in episode.traces))
        measured = {name: value for trace in episode.traces for name, value in trace.metrics.items()}
        info: Info = {
            "task": self._task,
            "state_key": "over",
            "score": reward,
            "metrics": {name: float(value) for name, value in measured.items() if _is_number(value)},
        }
        if self._won_from is not None:
            info["won"] = reward >= self._won_from
        return "", reward, True, False, info


def _tasks(settings: str, most: int, taskset: Any) -> list[Any]:
    """Return the tasks of a taskset, which are read once for all environments of the same settings."""
    if (settings, most) not in _READ:
        while len(_READ) >= _MAX_READ:
            _READ.pop(next(iter(_READ)))
        _READ[settings, most] = list(taskset.take(most))
    return _READ[settings, most]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _errors(episode: Any) -> str:
    """Return what broke, of the episode and of its traces, in one line."""
    errors = [*episode.errors, *(error for trace in episode.traces for error in trace.errors)]
    return "; ".join(f"{error.type}: {error.message}" for error in errors)[:1000] or "no cause is given"
