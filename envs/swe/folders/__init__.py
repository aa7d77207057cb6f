"""Task folders as tasks: the format that Harbor and Terminal-Bench made, schema to 1.4.

reading   a table read field by field; what nobody read is named
config    task.toml as data
files     the folder's files, and what a Dockerfile would copy
verify    a verifier run in a box, and what it wrote
task      a folder, or one step of it, as a task
load      folders of folders
"""

from __future__ import annotations

from .load import load_folders
from .reading import FolderError
from .task import Choices, FolderTask

__all__ = ["Choices", "FolderError", "FolderTask", "load_folders"]
