"""Sessions that an operator has taken over from a policy, to play some turns by hand.

Whoever holds the owner's key may take one. From then on only steps that carry the word given
for it are taken; the next step of the policy is refused with the reason, also after the session
was given back if turns were played that the policy does not know. A session of a
hosted run is never found here. A server that starts again has forgotten it: the session is free.
"""

from __future__ import annotations

import secrets

from ..protocol.types import Problem, StepItem

TAKEN = "taken_over"


class Operated:
    """What is known of a session that was taken over.

    Args:
        reason: why, in the operator's words.
        episode: which was being played.

    Attributes:
        hand: the word that the operator's steps carry; "" once it was given back.
    """

    def __init__(self, reason: str, episode: int) -> None:
        self.hand = secrets.token_urlsafe(16)
        self.reason, self.episode = reason, episode
        self._first: int | None = None  # turn that the operator played

    def refusal(self, turn: int, item: StepItem, hand: str) -> Problem | None:
        """Say why a step is not taken of a session that stands at a turn; None if it is."""
        if hand:
            if not self.holds(hand):
                return not_in_hand(item.id)
            if self._first is None and item.turn == turn and item.episode == self.episode:
                self._first = item.turn
            return None
        unknown = self._first is not None and item.episode == self.episode and item.turn < turn
        if self.hand or (unknown and item.turn >= (self._first or 0)):
            return taken_over(item.id, self.reason)
        return None

    def holds(self, hand: str) -> bool:
        """Tell whether a word is the one that was given."""
        return bool(self.hand) and secrets.compare_digest(hand.encode(), self.hand.encode())

    def concerns(self, episode: int) -> bool:
        """Tell whether the state of an episode may be another than its policy has led to."""
        return bool(self.hand) or (self._first is not None and episode == self.episode)


def in_hand(operated: Operated | None) -> bool:
    """Tell whether an operator plays a session now."""
    return operated is not None and bool(operated.hand)


def taken_over(id: str, reason: str) -> Problem:
    """Say that somebody else plays a session now."""
    said = f": {reason}" if reason else ""
    return Problem(
        409,
        TAKEN,
        f"an operator has taken this session over{said}",
        id,
        todo="leave it: what was played here is not the policy's alone; start another session",
    )


def not_in_hand(id: str) -> Problem:
    """Say that a session was given back, or taken by another."""
    return Problem(
        409,
        "not_in_hand",
        "this session is not held with this word: it was given back, taken again, or the server started anew",
        id,
        todo="take it over again with POST /v1/sessions/{id}/take",
    )
