"""A bug of our set, with a few messages to choose from: a random policy meets states again, and may win."""

from __future__ import annotations

import shlex
from typing import Any

from turnwise.envs.sandbox import backend_by_name
from turnwise.envs.sandbox.loop import call
from turnwise.envs.swe.bugs.set import BugTask, load_bugs
from turnwise.envs.swe.environment import SweEnv
from turnwise.envs.swe.episode import Episode, Rules
from turnwise.envs.swe.task_sets import TaskSet


def repair(task: BugTask) -> str | None:
    """Return a line of bash that repairs a bug of one line; None for any other."""
    gold = task.gold()
    if isinstance(gold, str) or len(gold) != 1:
        return None
    ((path, content),) = gold.items()
    before, after = task.tree[path].decode().split("\n"), (content or b"").decode().split("\n")
    changed = [at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]]
    if len(before) != len(after) or len(changed) != 1:
        return None
    script = f"{changed[0] + 1}c\\{after[changed[0]]}"
    return f"sed -i {shlex.quote(script)} {path}"


class Commands(SweEnv):
    """One task, whose messages are listed: to look, to write a note, to repair, to submit."""

    def __init__(self) -> None:
        repaired = [(line, task) for task in load_bugs("train") if (line := repair(task))]
        line, task = min(repaired, key=lambda pair: len(pair[0]))
        lines = ["ls", "touch note", line, "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"]
        self._listed = [f"```mswea_bash_command\n{each}\n```" for each in lines]
        super().__init__(TaskSet.of("one", [task]), Rules(max_turns=8), call(backend_by_name("auto")), False)

    async def _info(self, episode: Episode, observation: str) -> dict[str, Any]:
        return {**await super()._info(episode, observation), "admissible": self._listed}
