"""What is seen of a session of a hosted run, and what the server keeps of it to itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from ..protocol.types import Problem
from .runs import FINISHED, Outcome


class Watch:
    """The side of a hosted run that its sessions know.

    What it keeps is kept by turn, so that a session that is rebuilt by replay writes the same again.

    Args:
        kept: keys of info that a client sees.
        max_turns: of the task.
        refusal: says why the run goes on no more; None while it does.
        on_end: called with how the session's episode has ended.
    """

    __slots__ = ("_encoded", "_kept", "_on_end", "_rewards", "_said", "max_turns", "refusal")

    def __init__(
        self,
        kept: tuple[str, ...],
        max_turns: int,
        refusal: Callable[[], Problem | None],
        on_end: Callable[[str], None],
    ) -> None:
        self._kept, self._on_end = kept, on_end
        self.max_turns, self.refusal = max_turns, refusal
        self._rewards: dict[int, float] = {}
        self._said: tuple[int, Any, Any] = (-1, None, None)
        self._encoded = (b"", b"")  # the core of the last reply, and what is seen of it

    def note(self, core: bytes, document: Mapping[str, Any]) -> None:
        """Take note of a reply, encoded and as it was before: so that nothing is decoded again."""
        turn, info = document["turn"], document["info"]
        self._rewards[turn] = document["reward"]
        self._said = (turn, info.get("won"), info.get("score"))
        shown = {
            "episode": document["episode"],
            "turn": turn,
            "observation": document["observation"],
            "terminated": document["terminated"],
            "truncated": document["truncated"],
            "end": document["end"],
            "info": {name: info[name] for name in self._kept if name in info},
        }
        self._encoded = (core, orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY))

    def shown(self, core: bytes) -> bytes:
        """Return what a client sees of a reply."""
        if core is not self._encoded[0]:  # read back from the journal
            self.note(core, orjson.loads(core))
        return self._encoded[1]

    def ended(self, end: str) -> None:
        """Take note that the episode has ended."""
        self._on_end(end)

    def outcome(self, end: str, num_turns: int, seconds: float) -> Outcome:
        """Return how the task ended; of one that was not finished nothing counts that was said on the way."""
        if end not in FINISHED:
            return Outcome(end, None, None, 0.0, num_turns, seconds)
        turn, won, score = self._said
        total = float(sum(self._rewards[at] for at in sorted(self._rewards) if at <= turn))
        return Outcome(
            end=end,
            success=None if won is None else bool(won),
            score=float(score) if isinstance(score, int | float) else None,
            total=total,
            turns=num_turns,
            seconds=seconds,
        )
