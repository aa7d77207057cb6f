"""A policy that draws uniformly among the admissible actions."""

from __future__ import annotations

import numpy as np

from ...errors import PolicyError
from ..types import GenerationRequest
from .action_policy import ActionPolicy

__all__ = ["RandomPolicy"]


class RandomPolicy(ActionPolicy):
    """Draw uniformly among the admissible actions; the request's key decides the draw."""

    name = "random"

    def act(self, request: GenerationRequest) -> str:
        """Draw an action.

        Raises:
            PolicyError: if the environment lists no admissible actions.
        """
        if not request.admissible:
            raise PolicyError(
                "the random policy draws among info['admissible'], which this environment does not give; "
                "choose another agent"
            )
        generator = np.random.default_rng(request.key)
        return request.admissible[int(generator.integers(len(request.admissible)))]
