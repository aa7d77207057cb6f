"""agent.json: how an agent was trained to be asked, kept beside its weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from ...errors import CheckpointError, UsageError
from ...files import read_json, write_whole
from ...settings import read
from ..policy import AgentSettings

_NAME = "agent.json"


def write_settings(folder: str | Path, settings: AgentSettings) -> None:
    """Write agent.json into the folder of a checkpoint.

    Raises:
        OSError: if it cannot be written.
    """
    text = json.dumps(asdict(settings), indent=2, sort_keys=True)
    write_whole(Path(folder) / _NAME, text.encode() + b"\n")


def read_settings(folder: str | Path) -> AgentSettings | None:
    """Read agent.json of a checkpoint; None if there is none.

    Raises:
        CheckpointError: naming the file and the reason, if it is broken.
    """
    path = Path(folder) / _NAME
    if not path.exists():
        return None
    try:
        settings = read(AgentSettings, read_json(path), "settings")
        if settings.max_tokens < 1:
            raise UsageError(f"max_tokens {settings.max_tokens}; expected at least 1")
    except UsageError as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
    return settings
