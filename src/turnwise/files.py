"""Files: written whole or not at all, read as JSON, imported as Python."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from .errors import CheckpointError, TurnwiseError, UnknownName, UsageError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, force it to disk and rename it; make the folder if missing.

    Raises:
        OSError: if that fails; the former file is untouched and nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file of a checkpoint.

    Raises:
        CheckpointError: naming the file and what is wrong with it.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: holds {type(value).__name__}; expected a JSON object")
    return value


def import_file(path: str | Path, *, given: str) -> ModuleType:
    """Import a Python file by its path, once in a process.

    Args:
        path: the file.
        given: what the user asked for, the beginning of every error.

    Raises:
        UsageError: if there is no such file or it cannot be imported, with the cause.
    """
    file = Path(path).resolve()
    alias = f"turnwise_user_{file.stem}"
    known = sys.modules.get(alias)
    if known is not None and known.__file__ == str(file):
        return known
    spec = importlib.util.spec_from_file_location(alias, file)
    if not file.is_file() or spec is None or spec.loader is None:
        there = [each.name for each in file.parent.glob("*.py")] if file.parent.is_dir() else []
        close = get_close_matches(file.name, there, 1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"{given}: there is no Python file {file}{meant}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[alias] = module
    try:
        spec.loader.exec_module(module)
    except TurnwiseError:
        del sys.modules[alias]
        raise
    except Exception as error:
        del sys.modules[alias]
        raise UsageError(f"{given}: {file} cannot be imported: {type(error).__name__}: {error}") from error
    return module


def load_object(place: str, *, given: str) -> Any:
    """Return what `package.module:Name` or `path/to/file.py:Name` names.

    Args:
        place: the module or the file, a colon, and a name at its top level.
        given: what the user asked for, the beginning of every error.

    Raises:
        UsageError: if there is no such module or file, or it cannot be imported.
        UnknownName: if it holds no such name, with the closest ones.
    """
    source, _, name = place.rpartition(":")
    if not (source and name):
        raise UsageError(f"{given}: expected package.module:Class or path/to/file.py:Class")
    if source.endswith(".py"):
        module = import_file(source, given=given)
    else:
        try:
            module = importlib.import_module(source)
        except ImportError as error:
            raise UsageError(
                f"{given}: {error}; run from the folder that holds the module, or install it"
            ) from error
        except TurnwiseError:
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise UsageError(f"{given}: {source} cannot be imported: {cause}") from error
    if not hasattr(module, name):
        raise UnknownName(f"name in {source}", name, [key for key in vars(module) if key[:1] != "_"])
    return getattr(module, name)
