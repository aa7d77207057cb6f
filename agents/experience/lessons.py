"""A library of lessons: texts that prompts show, in a JSON file of bounded size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import UsageError
from ...files import write_whole
from ...shown import visible
from ..policy import Policy
from ..prompts.config import PromptConfig
from .operations import name_of

FORMAT = "turnwise-experience"
MOST, MOST_CHARS = 1000, 4000
"""Lessons of a library, and characters of a lesson, whoever wrote the file."""
_MOST_BYTES = 16 << 20
_BEFORE = (
    "Lessons from earlier attempts at tasks of this kind. Read them before you act, and use those that fit:"
)


@dataclass(frozen=True, slots=True)
class Library:
    """Lessons in their order, called G0, G1, ... by their places."""

    texts: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> Library:
        """Read a file; see `read_document`.

        Raises:
            UsageError: naming the file and the reason.
        """
        return cls(tuple(read_document(path)["experiences"]))

    def listed(self) -> str:
        """Return one line a lesson with its name, or "none"."""
        return "\n".join(f"[{name_of(at)}] {visible(text)}" for at, text in enumerate(self.texts)) or "none"

    def shown_in(self, prompt: PromptConfig) -> PromptConfig:
        """Return prompts whose system message ends with the lessons, if there are any."""
        if not self.texts:
            return prompt
        told = f"{_BEFORE}\n{self.listed()}"
        return replace(prompt, system="\n\n".join(filter(None, (prompt.system, told))))

    def shown_to(self, policy: Policy, prompt: PromptConfig | None) -> PromptConfig:
        """Return how to ask a policy with the lessons: as given, or in its own way."""
        return self.shown_in(policy.asked(prompt, None, None).prompt)


def read_document(path: str | Path) -> dict[str, Any]:
    """Read the file of a library, with all that stands in it.

    Raises:
        UsageError: naming the file and the reason, if it is missing, foreign, or larger than it may be.
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError(f"is larger than {_MOST_BYTES} bytes")
        document = json.loads(content)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise ValueError(f"expected a JSON object whose format is {FORMAT!r}")
        _check(document.get("experiences"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"experience {place}: {error}") from error
    return document


def write_document(path: Path, library: Library, about: Mapping[str, Any]) -> None:
    """Write a library with what is said of it, whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    document = {"format": FORMAT, "experiences": list(library.texts), **about}
    write_whole(path, json.dumps(document, indent=2).encode() + b"\n")


def _check(texts: Any) -> None:
    if not isinstance(texts, Sequence) or isinstance(texts, str):
        raise ValueError(f"experiences {texts!r:.80}; expected a list of texts")
    if len(texts) > MOST:
        raise ValueError(f"{len(texts)} experiences; expected at most {MOST}")
    for place, text in enumerate(texts):
        if not isinstance(text, str) or not 0 < len(text) <= MOST_CHARS:
            raise ValueError(f"experience {place} is {text!r:.80}; expected 1 to {MOST_CHARS} characters")
