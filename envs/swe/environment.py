"""A working tree to repair in a sandbox, graded in another one.

The agent writes one call of a tool a turn (envs.swe.tools) and reads what came of it. The reward
comes when it submits, or when its turns or seconds are over: what the task's grader says, 1.0 if
resolved. `info["rewards"]` holds the tiers of envs.swe.episode, `info["metrics"]` whether it
submitted (completion), changed anything (modification) and resolved the task (resolution).

What the grader or the machine fails at ends the episode as an error, never as a zero.

`reset(options=)`: `expert` puts the next action into info["private"]["expert"], `task` picks a
task by its id.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..fingerprint import code_fingerprint, without_docstrings
from ..sandbox import Backend
from .boxed import BoxedEnv, Result
from .episode import Episode, Rules
from .patches import document
from .state import tree_hash
from .suggestions import suggested
from .task import Task
from .task_sets import TaskSet
from .tools import NOT_DONE, described, schemas
from .tools.output import elided

MAX_INSTRUCTION_CHARS = 30_000
_MAX_KEPT_BYTES = 1 << 20


class SweEnv(BoxedEnv[Episode]):
    """Tasks of software engineering in sandboxes; the seed decides which of them.

    Seeds that follow each other play all tasks, one after another.

    Args:
        tasks: what is played.
        rules: how.
        backend: what starts the boxes.
        show_tools: whether the first observation explains the tools; `info["tools"]` always has them.
    """

    def __init__(self, tasks: TaskSet, rules: Rules, backend: Backend, show_tools: bool = True) -> None:
        super().__init__()
        self._tasks, self._rules, self._backend, self._show_tools = tasks, rules, backend, show_tools
        self._expert = False
        self._suggestions: list[str] = []

    @property
    def tasks(self) -> TaskSet:
        """Return what is played."""
        return self._tasks

    @property
    def backend(self) -> Backend:
        """Return what starts the boxes."""
        return self._backend

    @property
    def fingerprint(self) -> str:
        """Return a hash of the environment's code, the tools and the tasks."""
        parts = f"{code_fingerprint(type(self))} {_digest_of_tools()} {self._tasks.digest}"
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start a task that the seed, or `options["task"]`, decides."""
        super().reset(seed=seed)
        asked = options or {}
        self._expert = bool(asked.get("expert"))
        tasks = self._tasks.tasks
        place = int(self.np_random.integers(len(tasks))) if seed is None else seed % len(tasks)
        task = self._tasks.by_id(str(asked["task"])) if "task" in asked else tasks[place]
        return self._wait(self._begin(task))

    async def _begin(self, task: Task) -> tuple[str, dict[str, Any]]:
        await self._end()
        episode = await Episode.begun(self._backend, self._tasks, task, self._rules)
        self._episode = episode
        try:
            files = await episode.listing()
            self._suggestions = suggested(files, self.np_random)
            parts = [elided(episode.step.instruction, MAX_INSTRUCTION_CHARS), f"Files:\n{files}"]
            observation = "\n\n".join([*parts, described()] if self._show_tools else parts)
            info = await self._info(episode, observation)
        except BaseException:
            await self._end()
            raise
        return _whole(observation), {**info, "tools": schemas()}

    async def _act(self, action: str) -> Result:
        episode = self._current
        async with episode.lock:
            if episode.over:
                text = f"{NOT_DONE} The episode is over."
                return text, 0.0, True, False, await self._info(episode, text)
            return await self._played(episode, action)

    async def _played(self, episode: Episode, action: str) -> Result:
        try:
            observation = await episode.act(action)
            info = {**await self._info(episode, observation), "malformed": episode.kind == "unread"}
        finally:
            if episode.over:
                await episode.aclose()
        verdict = episode.verdict
        reward = verdict.reward or 0.0 if verdict else 0.0
        ended = episode.over and episode.submitted
        return _whole(observation), reward, ended, episode.over and not ended, info

    async def _info(self, episode: Episode, observation: str) -> dict[str, Any]:
        verdict, tree = episode.verdict, episode.bench.tree
        won = verdict is not None and verdict.outcome == "resolved"
        info: dict[str, Any] = {
            "admissible": None,
            "suggestions": self._suggestions,
            "state_key": _whole(episode.state_key(observation)),
            "state_hash": tree_hash(tree),
            "rewards": episode.tiers,
            "task": episode.task.id,
            "instruction": elided(episode.step.instruction, MAX_INSTRUCTION_CHARS),
            "won": won,
            "score": verdict.reward if verdict else 0.0,
            "metrics": {
                "completion": float(episode.submitted),
                "modification": float(bool(tree)),
                "resolution": float(won),
            },
        }
        if episode.replay_key is not None:
            info["replay_key"] = episode.replay_key
        if episode.ran is not None:
            info["exit_code"] = episode.ran.exit_code
        if verdict is not None:
            info["outcome"] = episode.outcome
            if sum(map(len, filter(None, episode.patch.values()))) <= _MAX_KEPT_BYTES:
                info["patch"] = {_whole(path): shown for path, shown in document(episode.patch).items()}
        if self._expert and not episode.over:
            info["private"] = {"expert": await episode.next_expert_action()}
        return info


@lru_cache(maxsize=1)
def _digest_of_tools() -> str:
    digest = hashlib.sha256()
    for file in sorted((Path(__file__).parent / "tools").glob("*.py")):
        digest.update(without_docstrings(file.read_bytes()))
    return digest.hexdigest()


def _whole(text: str) -> str:
    """Return a text that UTF-8 can encode: names of files may hold any bytes."""
    return text.encode("utf-8", "backslashreplace").decode()
