"""Folders of task folders."""

from __future__ import annotations

from pathlib import Path

from ....errors import UsageError
from .task import Choices, FolderTask


def load_folders(path: str | Path, choices: Choices | None = None) -> list[FolderTask]:
    """Return the tasks under a path, sorted by folder: one task folder, or folders that hold some.

    What a folder says and has no effect here stands in each task's `warnings`.

    Args:
        path: a folder.
        choices: image, network, variables and limits where the folders do not say.

    Raises:
        FolderError: naming folder, file and field.
        UsageError: if there is no task folder under the path, or two have one name.
    """
    root = Path(path)
    if not root.is_dir():
        raise UsageError(f"{root}: no such folder")
    found = _below(root)
    if not found:
        raise UsageError(f"{root}: holds no task folder; expected a task.toml in it or in folders below it")
    tasks: dict[str, FolderTask] = {}
    for folder in found:
        task = FolderTask(folder, choices)
        if task.id in tasks:
            raise UsageError(f"{folder}: the task {task.id} stands in {tasks[task.id].folder} too")
        tasks[task.id] = task
    return list(tasks.values())


def _below(root: Path) -> list[Path]:
    """Return the folders with a task.toml that lie in no other such folder."""
    found: list[Path] = []
    for folder in sorted(file.parent for file in root.glob("**/task.toml")):
        if not found or not folder.is_relative_to(found[-1]):
            found.append(folder)
    return found
