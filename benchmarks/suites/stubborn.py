"""An agent that always takes the first action on offer: a floor that is not random."""

from __future__ import annotations

from turnwise.agents.policies import ActionPolicy
from turnwise.agents.types import GenerationRequest


class Stubborn(ActionPolicy):
    """The first admissible action, else the first suggested one, every time."""

    name = "stubborn"

    def act(self, request: GenerationRequest) -> str:
        """Take it."""
        return (*(request.admissible or request.suggestions), "look")[0]
