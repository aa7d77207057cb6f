"""A policy that does what the environment's own expert would do."""

from __future__ import annotations

from typing import Any, ClassVar

from ...errors import PolicyError
from ..types import GenerationRequest
from .action_policy import ActionPolicy

__all__ = ["ExpertPolicy"]


class ExpertPolicy(ActionPolicy):
    """Take `info["private"]["expert"]`, which the reset is asked to provide."""

    name = "expert"
    sees_private: ClassVar[bool] = True
    reset_options: ClassVar[dict[str, Any]] = {"expert": True}

    def act(self, request: GenerationRequest) -> str:
        """Return the expert's action.

        Raises:
            PolicyError: if the environment gives none.
        """
        action = request.private.get("expert")
        if not isinstance(action, str):
            raise PolicyError(
                "the environment gave no info['private']['expert']: it has no expert, "
                "or the server strips private parts from replies to this key"
            )
        return action
