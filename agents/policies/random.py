"""A policy that draws uniformly among the admissible actions."""

from __future__ import annotations

import numpy as np

from ...errors import PolicyError
from ..policy import ActionPolicy
from ..types import GenerationRequest


class RandomPolicy(ActionPolicy):
    """A uniform draw among the admissible actions, which the request's key decides."""

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
