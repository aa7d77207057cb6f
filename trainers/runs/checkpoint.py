"""Checkpoints: folders that are whole or not there.

A checkpoint is written beside its place, synced, and renamed; its manifest
names every file with size and SHA-256. A crash at any moment leaves the former
checkpoints as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ... import __version__
from ...agents.policies.places import POLICY, updates
from ...errors import CheckpointError
from ...files import read_json, write_whole

SCHEMA = 1
_MANIFEST, _STATE, _TENSORS = "manifest.json", "state.json", "learner.pt"


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint that was read and found whole."""

    folder: Path
    update: int
    state: dict[str, Any]  # counters of the run
    learner: dict[str, Any]  # optimizer, critic, random states

    @property
    def policy(self) -> Path:
        """Return the folder of the policy's weights, an ordinary policy checkpoint."""
        return self.folder / POLICY


def save(
    root: Path,
    update: int,
    *,
    state: dict[str, Any],
    learner: dict[str, Any],
    save_policy: Callable[[Path], None],
    keep: int,
    save_more: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """Write the checkpoint of an update and drop the oldest beyond `keep`.

    Args:
        root: folder of all checkpoints of a run.
        update: number of updates done.
        state: counters, JSON.
        learner: tensors, for torch.save.
        save_policy: writes the policy into the folder it is given.
        keep: how many checkpoints stay, at least 1.
        save_more: writes more files into the checkpoint's folder.

    Returns:
        the folder.

    Raises:
        CheckpointError: if it cannot be written, e.g. on a full disk; the former ones stay.
    """

    def fill(folder: Path) -> None:
        save_more(folder)
        torch.save(learner, folder / _TENSORS)

    folder = write_sealed(root, update, save_policy, {_STATE: state}, fill)
    for old in updates(root)[: -max(1, keep)]:
        discard(old)
    return folder


def write_sealed(
    root: Path,
    update: int,
    save_policy: Callable[[Path], None],
    documents: Mapping[str, Any],
    fill: Callable[[Path], None] = lambda folder: None,
) -> Path:
    """Write a folder `update-N` with a policy, whole or not at all.

    Args:
        root: where; what an interrupted one left behind there is removed.
        update: its number.
        save_policy: writes the policy into the folder it is given.
        documents: JSON documents by the names of their files.
        fill: writes what else belongs there.

    Returns:
        the folder.

    Raises:
        CheckpointError: if it cannot be written, e.g. on a full disk; the former ones stay.
    """
    folder = root / f"update-{update:06d}"
    temporary = root / f".writing-{folder.name}-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        discard(temporary)
        (temporary / POLICY).mkdir(parents=True)
        save_policy(temporary / POLICY)
        fill(temporary)
        for name, document in documents.items():
            text = json.dumps(document, indent=2, sort_keys=True)
            (temporary / name).write_text(text, encoding="utf-8")
        _seal(temporary, update)
        discard(folder)
        temporary.rename(folder)
        _sync(root)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"{folder}: cannot be written: {error}; earlier checkpoints stay valid"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for leftover in root.glob(".writing-*"):
        discard(leftover)
    return folder


def discard(folder: Path) -> None:
    """Remove a folder, if it is there."""
    if folder.exists():
        shutil.rmtree(folder)


def latest(root: Path, *, previous: bool = False) -> Path:
    """Return the folder of the newest checkpoint, or of the one before it.

    Raises:
        CheckpointError: if there is no such checkpoint.
    """
    folders = updates(root)
    wanted = 2 if previous else 1
    if len(folders) < wanted:
        what = "only one checkpoint" if folders else "no checkpoint"
        raise CheckpointError(f"{root}: there is {what}; start the run without --resume")
    return folders[-wanted]


def read_state(folder: Path) -> dict[str, Any]:
    """Return the counters of a checkpoint, without a look at the rest of it.

    Raises:
        CheckpointError: if they cannot be read.
    """
    return read_json(folder / _STATE)


def load(folder: Path) -> Saved:
    """Read a checkpoint and check every file of it.

    Raises:
        CheckpointError: naming the file that is missing, broken or foreign, and why.
    """
    manifest = read_json(folder / _MANIFEST)
    if manifest.get("schema") != SCHEMA or "files" not in manifest:
        raise CheckpointError(
            f"{folder / _MANIFEST}: schema {manifest.get('schema')!r}; this version reads {SCHEMA} only"
        )
    for name, entry in manifest["files"].items():
        _verify(folder / name, entry)
    try:
        learner = torch.load(folder / _TENSORS, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(f"{folder / _TENSORS}: cannot be read: {error}") from error
    return Saved(folder, int(manifest["update"]), read_state(folder), learner)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(folder: Path, update: int) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = {}
    for path in files:
        entries[path.relative_to(folder).as_posix()] = {
            "bytes": path.stat().st_size,
            "sha256": file_digest(path),
        }
        _sync(path)
    manifest = {"schema": SCHEMA, "turnwise": __version__, "update": update, "files": entries}
    write_whole(folder / _MANIFEST, json.dumps(manifest, indent=2, sort_keys=True).encode())
    _sync(folder / POLICY)
    _sync(folder)


def _verify(path: Path, entry: dict[str, Any]) -> None:
    if not path.is_file():
        raise CheckpointError(f"{path}: named in the manifest, but there is no such file")
    size = path.stat().st_size
    if size != entry["bytes"]:
        raise CheckpointError(f"{path}: has {size} bytes, the manifest says {entry['bytes']}")
    if file_digest(path) != entry["sha256"]:
        raise CheckpointError(f"{path}: its SHA-256 is not the manifest's; the file was changed or damaged")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
