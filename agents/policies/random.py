"""A policy that draws uniformly among the actions that an environment names."""

from __future__ import annotations

import numpy as np

from ...errors import PolicyError
from ..policy import ActionPolicy
from ..types import GenerationRequest


class RandomPolicy(ActionPolicy):
    """A uniform draw among the admissible actions, else the suggested ones, which the key decides."""

    name = "random"
    takes_images = True

    def act(self, request: GenerationRequest) -> str:
        """Draw an action.

        Raises:
            PolicyError: if the environment names none.
        """
        actions = request.admissible or request.suggestions
        if not actions:
            raise PolicyError(
                "the random policy draws among info['admissible'] or info['suggestions'], and this "
                "environment gives neither; choose another agent, or an argument with which it does "
                "(choices=true of shopping and search)"
            )
        return actions[int(np.random.default_rng(request.key).integers(len(actions)))]
