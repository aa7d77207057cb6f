"""An agent plays a hosted benchmark: the server deals, counts and judges."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from ...errors import RequestRefused, UsageError
from ...files import write_whole
from ...servers.client.hosted import HostedClient
from ..policy import Policy
from ..prompts.config import PromptConfig
from ..rollout.config import RolloutConfig, TaskItem
from ..rollout.rollout import rollout
from ..stored import KeptTrajectories
from ..types import Trajectory
from .config import KEEP_MB

OnTask = Callable[[Trajectory], None]
T = TypeVar("T", bool, float)


async def evaluate_hosted(
    client: HostedClient,
    policy: Policy,
    name: str,
    *,
    agent: str,
    config: RolloutConfig,
    prompt: PromptConfig | None = None,
    out: Path | None = None,
    keep_mb: float = KEEP_MB,
    on_task: OnTask | None = None,
) -> dict[str, Any]:
    """Play a run of a hosted benchmark to its end and return its record.

    Args:
        client: of the server.
        policy: the agent.
        name: the benchmark.
        agent: what to call the agent: declared in the record, as is `config`.
        config: how messages are made; turns, tasks at once and retries are the benchmark's.
        prompt: how prompts are made; None is the policy's own.
        out: a folder that keeps which run it is, so that the same call goes on with it, the record, and
            what was seen of each task; of one that went on after a kill, what was seen since.
        keep_mb: megabytes of trajectories that it keeps; 0 is none.
        on_task: called as each task ends.

    Raises:
        UsageError: if the agent needs what a hosted run does not give, or `out` holds another run.
        ServerError: if the run cannot be opened, or is over before its tasks are.
    """
    if policy.reset_options or policy.sees_private:
        raise UsageError(
            f"{agent}: asks an environment for more than a hosted run shows; choose another agent"
        )
    benchmark = await client.benchmark(name)
    config = replace(
        config,
        max_turns=int(benchmark["turns"]),
        slots=int(benchmark["parallel"]),
        deadline_s=float(benchmark["seconds"]),
        retries=0,
    )
    declared = declaration(policy, config, prompt)
    request = _Request(out, _Asked(name, client.transport.address, client.owner, agent, declared))
    try:
        standing = await client.open(name, agent, declared, request.id)
    except RequestRefused:
        request.withdraw()
        raise
    keeping = nullcontext() if out is None or keep_mb <= 0 else closing(KeptTrajectories(out, keep_mb))
    with keeping as kept:
        if standing.get("closed") is None:

            def ended(_: int, trajectory: Trajectory) -> None:
                client.spend(**_spent(trajectory))
                if kept is not None:
                    kept.add(trajectory)
                if on_task is not None:
                    on_task(trajectory)

            tasks = _tasks(client, name, benchmark, standing)
            await rollout(client, policy, tasks, config, ended, prompt=prompt, with_prompts=kept is not None)
        record = await client.finish()
        if out is not None:
            write_whole(out / "record.json", json.dumps(record, indent=2).encode() + b"\n")
        if kept is not None:
            kept.retell(partial(_judged, _outcomes(record)))
    return record


def _tasks(
    client: HostedClient, name: str, benchmark: Mapping[str, Any], standing: Mapping[str, Any]
) -> list[TaskItem]:
    """Return the tasks of a run that are still to be played, by their numbers."""
    first = int(standing["dealt"]) - len(standing["open"])
    if client.environments_of is None:  # hidden, and named in refusals alone
        named = [f"{name} (of {', '.join(map(str, benchmark['environments']))})"] * client.num_tasks
    else:
        named = list(client.environments_of(client.run))
    return [TaskItem(named[number], seed=number) for number in range(first, len(named))]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a record says of a task; None where it does not."""

    success: bool | None
    score: float | None
    episode_return: float | None


def _outcomes(record: Mapping[str, Any]) -> dict[int, _Outcome]:
    """Return the outcome of each task by its number, as far as what a server says is that."""
    tasks = record["record"]["measured"].get("tasks")
    return {
        task["task"]: _Outcome(
            _of(bool, task.get("success")) if task.get("finished", True) else False,
            _of(float, task.get("score")),
            _of(float, task.get("return")),
        )
        for task in (tasks if isinstance(tasks, list) else [])
        if isinstance(task, dict) and isinstance(task.get("task"), int)
    }


def _of(kind: type[T], value: object) -> T | None:
    return value if isinstance(value, kind) else None


def _judged(outcomes: Mapping[int, _Outcome], trajectory: Trajectory) -> Trajectory:
    """Return a trajectory with what the record says of its task; inside a run nothing is told.

    Which turn earned what is not in a record: the whole return stands on the last one.
    """
    told, turns = outcomes.get(trajectory.task_seed), trajectory.turns
    if told is None:
        return trajectory
    if turns and told.episode_return is not None:
        earlier = sum(turn.reward for turn in turns[:-1])
        turns = (*turns[:-1], replace(turns[-1], reward=told.episode_return - earlier))
    return replace(trajectory, success=told.success, score=told.score, turns=turns)


def declaration(policy: Policy, config: RolloutConfig, prompt: PromptConfig | None) -> dict[str, Any]:
    """Return how the agent is asked, as an evaluation records it."""
    asked, own = policy.asked(prompt, config.constraint, config.max_tokens), policy.own_settings
    return {
        "sampling": asdict(config.sampling),
        "max_tokens": asked.max_tokens,
        "constraint": asked.constraint,
        "prompt": asdict(asked.prompt),
        **({"policy": own} if own else {}),
    }


def _spent(trajectory: Trajectory) -> dict[str, float]:
    generations = [turn.generation for turn in trajectory.turns]
    return {
        "cost": sum(each.usage.get("cost", 0.0) for each in generations),
        "prompt_tokens": sum(each.num_prompt_tokens for each in generations),
        "completion_tokens": sum(each.num_tokens for each in generations),
    }


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request opens a run for: an equal one goes on with it."""

    benchmark: str
    server: str
    key: str
    agent: str
    config: dict[str, Any]


class _Request:
    """The name of the request that opens the run: kept in the folder, before anything is sent.

    Args:
        out: the folder; None keeps nothing.
        asked: what the run is opened for.

    Raises:
        UsageError: if the folder holds another run.
    """

    def __init__(self, out: Path | None, asked: _Asked) -> None:
        self._file = None if out is None else out / "run.json"
        self._is_new = self._file is None or not self._file.exists()
        if self._file is None or self._is_new:
            self.id = uuid4().hex
            if self._file is not None:
                kept = {**asdict(asked), "request_id": self.id}
                write_whole(self._file, json.dumps(kept).encode() + b"\n")
            return
        try:
            kept = json.loads(self._file.read_bytes())
            self.id = str(kept["request_id"])
            wrong = {
                name: kept[name]
                for name, value in json.loads(json.dumps(asdict(asked))).items()
                if kept[name] != value
            }
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UsageError(f"{self._file}: cannot be read: {error!r}; choose another folder") from error
        if wrong:
            told = ", ".join(f"{name} {str(value)[:80]}" for name, value in wrong.items())
            raise UsageError(
                f"{self._file}: is of a run of another {', '.join(wrong)} ({told}); choose another folder"
            )

    def withdraw(self) -> None:
        """Leave nothing behind of a request that was refused when it was made."""
        if self._is_new and self._file is not None:
            self._file.unlink(missing_ok=True)
            with suppress(OSError):  # others' files are in it
                self._file.parent.rmdir()
