"""`swe/tasks-v0` and `swe/files-v0`: the tasks that ship with turnwise, and those of a user's files."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...arguments import also_takes
from ...errors import UnknownName, UsageError
from ..sandbox import Backend, Spec
from ..sandbox.backends import backend_for
from ..sandbox.loop import at_end, call
from .environment import SweEnv
from .episode import Rules
from .state import checked_state_key
from .task_sets import TaskSet

SPLITS = ("all", "train", "seen", "unseen", "test")
_MOST_WARM = 256
_ending: set[Backend] = set()


class PlayedEnv(SweEnv):
    """Tasks that are played as arguments say; a base.

    Args:
        tasks: what is played.
        max_turns: an episode ends after so many turns: the files are graded as they are.
        command_s: seconds of one command; by default the task's own.
        episode_s: seconds of an episode; by default the task's own.
        state_key: tree (the files that differ from the start), observation, or signature (which files
            changed, which tests pass, what was done last).
        show_tools: whether the first observation explains the tools.
        backend: namespace, docker, or auto for the first that works here.
        warm: so many boxes wait for episodes and graders to come; for tasks that start from one image.

    Raises:
        UnknownName: if there is no such state_key or backend.
        UsageError: if a number is out of range, or no backend here makes boxes of a task's image.
        SandboxError: if no backend works here, with what to install.
    """

    def __init__(
        self,
        tasks: TaskSet,
        *,
        max_turns: int = 30,
        command_s: float | None = None,
        episode_s: float | None = None,
        state_key: str = "tree",
        show_tools: bool = True,
        backend: str = "auto",
        warm: int = 0,
    ) -> None:
        if not 0 <= warm <= _MOST_WARM:
            raise UsageError(f"warm must be 0 to {_MOST_WARM}, got {warm}")
        for name, value in (("max_turns", max_turns), ("command_s", command_s), ("episode_s", episode_s)):
            if value is not None and not value >= 1:
                raise UsageError(f"{name} must be at least 1, got {value}")
        rules = Rules(
            max_turns=max_turns,
            command_s=command_s,
            episode_s=episode_s,
            state_key=checked_state_key(state_key),
        )
        super().__init__(tasks, rules, _backend(backend, tasks), show_tools)
        if warm:
            call(self.backend.warm(_one_spec(tasks), warm))


class TasksEnv(PlayedEnv):
    """Bugs in twelve small packages that ship with turnwise.

    Args:
        split: all; train and seen (other tasks of the same kinds); unseen; test.
        family: only bugs of one package.
        difficulty: only bugs of one difficulty, 1 to 3.
        how: as PlayedEnv takes it, which says what else is raised.

    Raises:
        UnknownName: if there is no such split or family.
        UsageError: if there is no such task.
    """

    @also_takes(PlayedEnv)
    def __init__(
        self,
        split: str = "train",
        family: str | None = None,
        difficulty: int | None = None,
        **how: Any,
    ) -> None:
        super().__init__(own_tasks(split, family, difficulty), **how)


class FilesEnv(PlayedEnv):
    """Tasks of a user's files: records in the manner of SWE-bench, or task folders.

    Args:
        path: a file of records (.jsonl, .json, .parquet), a task folder, or a folder of them.
        image: one image for all instead of the records' own; `{id}` and `{image}` stand for a record's.
        clones: a folder of git clones, for images that do not hold the repositories.
        how: as PlayedEnv takes it, which says what else is raised.

    Raises:
        UsageError: if a file is wrong, naming record and field.
    """

    @also_takes(PlayedEnv)
    def __init__(self, path: Path, image: str | None = None, clones: Path | None = None, **how: Any) -> None:
        super().__init__(tasks_of(Path(path), image, None if clones is None else Path(clones)), **how)


@lru_cache(maxsize=32)
def own_tasks(split: str, family: str | None, difficulty: int | None) -> TaskSet:
    """Return tasks of the set that ships with turnwise.

    Args:
        split: one of SPLITS.
        family: only bugs of one package.
        difficulty: only bugs of one difficulty.

    Raises:
        UnknownName: if there is no such split or family.
        UsageError: if difficulty is not 1, 2 or 3, or there is no such task.
    """
    from .bugs.set import load_bugs

    if difficulty not in (None, 1, 2, 3):
        raise UsageError(f"difficulty is {difficulty!r}; expected 1, 2 or 3")

    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    tasks = load_bugs(None if split == "all" else split)
    families = sorted({str(task.metadata["family"]) for task in tasks})
    if family is not None and family not in families:
        raise UnknownName(f"family of split {split}", family, families)
    kept = [
        task
        for task in tasks
        if family in (None, task.metadata["family"]) and difficulty in (None, task.metadata["difficulty"])
    ]
    return TaskSet.of(f"split {split}, family {family}, difficulty {difficulty}", kept)


@lru_cache(maxsize=32)
def tasks_of(path: Path, image: str | None, clones: Path | None) -> TaskSet:
    """Load a file of records, or the task folders in a folder.

    Args:
        path: the file or the folder.
        image: instead of the records' or folders' own.
        clones: the folder of clones, where images do not hold the repositories.

    Raises:
        UsageError: naming the file, the record and the field that is wrong.
    """
    from .folders import Choices, load_folders
    from .instances import load_instances

    if not path.exists():
        raise UsageError(
            f"{path}: no such file or folder; expected records (.jsonl, .json, .parquet), a task folder, or "
            "a folder of task folders"
        )
    if path.is_dir():
        return TaskSet.of(str(path), load_folders(path, Choices(image=image)))
    return TaskSet.of(str(path), load_instances(path, image=image, clones=clones))


def _one_spec(played: TaskSet) -> Spec:
    """Return what all tasks of a set start from, labels aside.

    Raises:
        UsageError: if they start from different images, or with different limits.
    """
    spec, *others = (replace(task.spec, labels={}) for task in played.tasks)
    if any(other != spec for other in others):
        raise UsageError(
            f"warm keeps boxes of one image ready, and the tasks of {played.name} start from several images, "
            "or with several limits: leave it out"
        )
    return spec


def _backend(name: str, played: TaskSet) -> Backend:
    """Return the backend that all environments of the process share, closed when the interpreter ends."""
    backend = call(backend_for([task.spec.image for task in played.tasks], name))
    if backend not in _ending:
        _ending.add(backend)
        at_end(backend.aclose)
    return backend
