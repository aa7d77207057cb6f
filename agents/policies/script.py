"""A policy that says what a list or a file says, turn by turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from ...errors import PolicyError, UsageError
from ..policy import ActionPolicy
from ..types import GenerationRequest

_MAX_SCRIPT_BYTES = 16 << 20


class ScriptedPolicy(ActionPolicy):
    """The actions of a script, by the turn of the request.

    Args:
        actions: one text a turn; every episode starts at the first.
        cycle: begin again after the last one.
        name: the name in reports.

    Raises:
        UsageError: if there is no action.
    """

    takes_images = True

    def __init__(self, actions: Sequence[str], *, cycle: bool = False, name: str = "script") -> None:
        if isinstance(actions, str) or not actions or not all(isinstance(text, str) for text in actions):
            raise UsageError(f"a script is a list of at least one text, got {actions!r:.80}")
        self.actions = tuple(actions)
        self.cycle = cycle
        self.name = name

    @classmethod
    def load(cls, path: str | Path, *, cycle: bool = False) -> ScriptedPolicy:
        """Read a script: a JSON list of texts (*.json), or a text file with one action a line.

        Raises:
            UsageError: naming the file and the reason.
        """
        path = Path(path)
        try:
            if path.stat().st_size > _MAX_SCRIPT_BYTES:
                raise UsageError(f"script {path}: larger than {_MAX_SCRIPT_BYTES} bytes")
            text = path.read_text("utf-8")
            actions = json.loads(text) if path.suffix == ".json" else _lines(text)
        except FileNotFoundError as error:
            raise UsageError(f"script {path}: there is no such file; expected one action a line") from error
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise UsageError(f"script {path}: {error}") from error
        if not isinstance(actions, list):
            raise UsageError(f"script {path}: holds {type(actions).__name__}; expected a list of texts")
        try:
            return cls(actions, cycle=cycle, name=f"script:{path.name}")
        except UsageError as error:
            raise UsageError(f"script {path}: {error}") from error

    def act(self, request: GenerationRequest) -> str:
        """Return the action of this turn.

        Raises:
            PolicyError: if the script is over.
        """
        turn = request.turn % len(self.actions) if self.cycle else request.turn
        if turn >= len(self.actions):
            raise PolicyError(
                f"the script has {len(self.actions)} actions, and turn {request.turn} asks for one more"
            )
        return self.actions[turn]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]
